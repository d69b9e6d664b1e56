/* The caller's side: prompts, which are files that are mapped for as long as anybody plays them. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Private, as older kernels map a file that is sealed against writing in no other way; nothing is ever
 * written, so its pages are those of the file all the same. Populated, which waits until all of it has been
 * read and stands in the page tables: MADV_WILLNEED would only begin to read, and the media thread, which
 * sends from here, would wait for the rest with every call. What lies behind the end of the file cannot be
 * sent: that is an error of the packet. */
static int map_file(int fd, uint64_t offset, uint64_t bytes, struct caller_prompt *out)
{
    uint64_t before = offset % (uint64_t)sysconf(_SC_PAGESIZE); /* a mapping begins with a page */
    struct stat file;
    if (fstat(fd, &file) < 0)
        return -errno;
    if (!S_ISREG(file.st_mode) || offset > (uint64_t)INT64_MAX - bytes)
        return -EINVAL;
    void *map = mmap(NULL, before + bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd,
                     (off_t)(offset - before));
    if (map == MAP_FAILED)
        return -errno;
    *out = (struct caller_prompt){.map = map, .map_bytes = before + bytes};
    return (uint64_t)file.st_size < offset + bytes ? PLANE_CUT_SHORT : 0;
}

int plane_add_prompt(plane *p, int fd, uint64_t offset, uint32_t count, uint64_t *handle)
{
    struct caller *caller = &p->caller;
    uint64_t law_bytes = (uint64_t)count * PLANE_FRAME_BYTES;
    if (!count)
        return -EINVAL;
    uint32_t index = places_take(&caller->prompt_places);
    if (index == NO_PLACE)
        return -ENOBUFS;
    struct caller_prompt *prompt = &caller->prompts[index];
    int result = map_file(fd, offset, LAWS * law_bytes, prompt);
    if (result < 0) {
        places_give_back(&caller->prompt_places, index);
        return result;
    }
    const uint8_t *frames = prompt->map + prompt->map_bytes - LAWS * law_bytes;
    *handle = places_handle(&caller->prompt_places, index);
    p->prompts[index] = (struct prompt){.handle = *handle, .count = count};
    p->prompts[index].frames[MU_LAW] = frames;
    p->prompts[index].frames[A_LAW] = frames + law_bytes;
    return result;
}

void release_prompt(struct plane *p, uint32_t index)
{
    struct caller_prompt *prompt = &p->caller.prompts[index];
    if (prompt->uses || !prompt->dropped)
        return;
    p->prompts[index] = (struct prompt){0};
    munmap(prompt->map, prompt->map_bytes);
    *prompt = (struct caller_prompt){0};
    places_give_back(&p->caller.prompt_places, index);
}

int plane_drop_prompt(plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->caller.prompt_places, handle);
    if (index == NO_PLACE || p->caller.prompts[index].dropped)
        return -ENOENT;
    p->caller.prompts[index].dropped = true;
    release_prompt(p, index);
    return 0;
}

void free_prompts(struct caller *caller)
{
    for (uint32_t i = 0; caller->prompts && i < caller->prompt_places.fresh; i++)
        if (caller->prompts[i].map)
            munmap(caller->prompts[i].map, caller->prompts[i].map_bytes);
    free(caller->prompts);
}

/* A single write takes no more than 2 GB. */
static bool write_all(int fd, const uint8_t *from, size_t bytes)
{
    while (bytes) {
        ssize_t taken = write(fd, from, bytes);
        if (taken < 0)
            return false;
        from += taken;
        bytes -= (size_t)taken;
    }
    return true;
}

int plane_make_file(const uint8_t *mu_law, const uint8_t *a_law, uint32_t count)
{
    size_t bytes = (size_t)count * PLANE_FRAME_BYTES;
    if (!mu_law || !a_law || !count)
        return -EINVAL;
    /* glibc has a name for it since 2.27 */
    int fd = (int)syscall(SYS_memfd_create, "onhook-prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (write_all(fd, mu_law, bytes) && write_all(fd, a_law, bytes) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}
