/* The files that prompts are heard from: the plane maps them for as long as anybody plays them. */
#define _GNU_SOURCE
#include "caller.h"

#include "law.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The plane maps it. What is behind its end cannot be sent, and is an error of the packet. */
int plane_add_prompt(plane *p, int fd, uint64_t offset, uint32_t count, uint64_t *handle)
{
    uint64_t bytes = (uint64_t)count * PLANE_FRAME_BYTES * LAWS;
    struct stat file;
    if (fstat(fd, &file) < 0)
        return -errno;
    if (!count || count > PLANE_MAX_PROMPT_FRAMES || !S_ISREG(file.st_mode) || offset > (uint64_t)INT64_MAX - bytes)
        return -EINVAL;
    uint32_t index = places_take(&p->prompt_places);
    if (index == NO_PLACE)
        return -ENOBUFS;
    struct command command = {.kind = ADD_PROMPT};
    command.prompt.prompt = places_handle(&p->prompt_places, index);
    command.prompt.offset = offset;
    command.prompt.count = count;
    int result = submit(p, &command, (struct enclosure){fd, false});
    if (result < 0) {
        places_give_back(&p->prompt_places, index);
        return result;
    }
    p->prompts[index] = (struct caller_prompt){.count = count};
    *handle = command.prompt.prompt;
    return (uint64_t)file.st_size < offset + bytes ? PLANE_CUT_SHORT | result : result;
}

void release_prompt(struct plane *p, uint32_t index)
{
    if (!p->prompts[index].uses && p->prompts[index].dropped)
        places_give_back(&p->prompt_places, index);
}

int plane_drop_prompt(plane *p, uint64_t handle)
{
    struct command command = {.kind = DROP_PROMPT};
    uint32_t index = places_find(&p->prompt_places, handle);
    if (index == NO_PLACE || p->prompts[index].dropped)
        return -ENOENT;
    command.prompt.prompt = handle;
    int result = submit(p, &command, nothing());
    if (result < 0)
        return result;
    p->prompts[index].dropped = true;
    release_prompt(p, index);
    return result;
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
