/* What the clerk keeps for the media thread: sockets, prompts that are mapped, keys. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Of prompts, all together: page tables of it are 32 MB. */
#define MOST_MAPPED (UINT64_C(16) << 30)

/* ---- Descriptors --------------------------------------------------------------------------- */

/* A socket of RTP, or a file. Any other could bring descriptors of its own, never be emptied, or keep our link
 * from its end: it may be the switch's own. */
static bool is_welcome(int fd)
{
    int type = 0, domain = 0;
    socklen_t bytes = sizeof type;
    struct stat file;
    if (fstat(fd, &file) < 0)
        return false;
    if (!S_ISSOCK(file.st_mode))
        return S_ISREG(file.st_mode) || S_ISFIFO(file.st_mode) || S_ISCHR(file.st_mode);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_DGRAM &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 &&
           (domain == AF_INET || domain == AF_INET6);
}

bool is_rtp_socket(int fd)
{
    struct stat file;
    return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode);
}

static void drop_parcel(struct parcel *parcel)
{
    if (parcel->fd >= 0)
        close(parcel->fd);
}

/* The next message. False: there is none. */
static bool receive_parcel(struct host *p, struct parcel *out)
{
    int got = link_receive(p->control, &out->number, &out->fd);
    if (got < 0)
        end_link(p, PLANE_SWITCH_GONE);
    if (got > 0 && out->fd >= 0 && !is_welcome(out->fd)) {
        close(out->fd);
        out->fd = -1;
    }
    return got > 0;
}

/* One is on its way ahead of its command, and the next is not sent before that is in the ring: more than a few
 * have none. */
void collect_parcels(struct host *p)
{
    struct parcel parcel;
    while (p->mail && link_waiting(&p->asked) == 0) {
        p->mail = receive_parcel(p, &parcel);
        if (!p->mail)
            return;
        if (p->parcel_count == PARCELS) {
            drop_parcel(&parcel);
            end_link(p, PLANE_NONSENSE);
            return;
        }
        p->parcels[p->parcel_count++] = parcel;
    }
}

/* The oldest of those that were collected, or that wait. */
static bool next_parcel(struct host *p, struct parcel *out)
{
    if (!p->parcel_count)
        return receive_parcel(p, out);
    *out = p->parcels[0];
    p->parcel_count--;
    memmove(p->parcels, p->parcels + 1, p->parcel_count * sizeof *p->parcels);
    return true;
}

/* Messages come in the order of their commands: one that is older has none. One that is newer is lost, and its
 * command refused: that was not told in order. */
int take_parcel(struct host *p, uint64_t number)
{
    struct parcel parcel;
    while (number && next_parcel(p, &parcel)) {
        if (parcel.number == number)
            return parcel.fd;
        drop_parcel(&parcel);
        if (parcel.number > number)
            break;
    }
    return -1;
}

void drop_parcels(struct host *p)
{
    while (p->parcel_count)
        drop_parcel(&p->parcels[--p->parcel_count]);
    p->mail = false;
}

void close_kept(struct kept_call *call)
{
    if (!call->handle)
        return;
    close(call->fd);
    if (call->rtcp_fd)
        close(call->rtcp_fd);
    *call = (struct kept_call){0};
}

/* ---- Prompts ------------------------------------------------------------------------------- */

struct prompt *kept_prompt(struct host *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= segment_count(&p->config))
        return NULL;
    struct prompt *prompt = &p->prompts[index];
    return prompt->handle == handle && !prompt->dropped ? prompt : NULL;
}

/* A file in memory with holes: reading it would fill them, with memory that nobody has taken yet. */
static bool is_hollow(int fd, const struct stat *file)
{
    return fcntl(fd, F_GET_SEALS) >= 0 && file->st_blocks * 512 < file->st_size;
}

/* Private, as older kernels map a file that is sealed against writing in no other way; nothing is ever
 * written, so its pages are those of the file all the same. Populated, which waits until all of it has been
 * read and stands in the page tables: the media thread, which sends from here, would wait for the rest with every
 * call. What lies behind the end of the file cannot be sent: that is an error of the packet. */
static int map_frames(struct host *p, struct prompt *prompt, int fd, uint64_t offset, uint64_t bytes)
{
    uint64_t before = offset % (uint64_t)sysconf(_SC_PAGESIZE); /* a mapping begins with a page */
    struct stat file;
    if (fstat(fd, &file) < 0)
        return -errno;
    if (!S_ISREG(file.st_mode) || is_hollow(fd, &file) || offset > (uint64_t)INT64_MAX - bytes)
        return -EINVAL;
    if (bytes > MOST_MAPPED - p->mapped_bytes)
        return -ENOMEM;
    prompt->map_bytes = before + bytes;
    prompt->map = mmap(NULL, prompt->map_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd,
                       (off_t)(offset - before));
    if (prompt->map == MAP_FAILED)
        return -errno;
    p->mapped_bytes += bytes;
    prompt->frames[MU_LAW] = (const uint8_t *)prompt->map + before;
    prompt->frames[A_LAW] = prompt->frames[MU_LAW] + bytes / LAWS;
    return 0;
}

int keep_prompt(struct host *p, uint64_t handle, int fd, uint64_t offset, uint32_t count)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= segment_count(&p->config) || !count || count > PLANE_MAX_PROMPT_FRAMES)
        return -EINVAL;
    struct prompt *prompt = &p->prompts[index];
    if (prompt->handle)
        take_gone(p); /* the switch heard that it is free before we did */
    if (prompt->handle)
        return -EEXIST;
    int result = map_frames(p, prompt, fd, offset, (uint64_t)count * PLANE_FRAME_BYTES * LAWS);
    if (result < 0) {
        *prompt = (struct prompt){0};
        return result;
    }
    prompt->handle = handle;
    prompt->count = count;
    if (index >= p->fresh_prompts)
        p->fresh_prompts = index + 1;
    prompt->dropped = false;
    atomic_store(&prompt->uses, 1);
    return 0;
}

bool let_go_prompt(struct host *p, struct prompt *prompt)
{
    if (atomic_fetch_sub(&prompt->uses, 1) != 1)
        return false;
    gone_add(&p->gone, &prompt->gone, GONE_PROMPT);
    return true;
}

void drop_prompts(struct host *p)
{
    for (uint32_t i = 0; i < p->fresh_prompts; i++) {
        struct prompt *prompt = &p->prompts[i];
        if (!prompt->handle || prompt->dropped)
            continue;
        prompt->dropped = true;
        let_go_prompt(p, prompt);
    }
}

void free_prompt(struct host *p, struct prompt *prompt)
{
    if (prompt->handle) {
        munmap(prompt->map, prompt->map_bytes);
        p->mapped_bytes -= (uint64_t)prompt->count * PLANE_FRAME_BYTES * LAWS;
    }
    *prompt = (struct prompt){0};
}

/* ---- Keys ---------------------------------------------------------------------------------- */

static int keep_key(struct host *p, const struct plane_key *key, uint64_t *handle)
{
    if (!key)
        return 0;
    uint32_t index = places_take(&p->key_places);
    if (index == NO_PLACE)
        return -ENOBUFS;
    uint64_t made = places_handle(&p->key_places, index);
    int result = srtp_make_key(&p->keys[index], made, key);
    if (result < 0)
        places_give_back(&p->key_places, index);
    else
        *handle = made;
    return result;
}

int keep_keys(struct host *p, const struct plane_key *send, const struct plane_key *receive,
              struct key_handles *out)
{
    uint8_t later = out->later;
    *out = (struct key_handles){.later = later};
    int result = keep_key(p, send, &out->send);
    if (result >= 0)
        result = keep_key(p, receive, &out->receive);
    if (result < 0 && out->send)
        free_key(p, &p->keys[handle_index(out->send)]);
    return result;
}

void free_key(struct host *p, struct srtp_key *key)
{
    srtp_free_key(key);
    places_give_back(&p->key_places, (uint32_t)(key - p->keys));
}

/* ---- All of it ----------------------------------------------------------------------------- */

void free_kept(struct host *p)
{
    drop_parcels(p);
    for (uint32_t i = 0; p->kept && i < p->config.max_calls; i++)
        close_kept(&p->kept[i]);
    for (uint32_t i = 0; p->prompts && i < segment_count(&p->config); i++)
        if (p->prompts[i].handle)
            free_prompt(p, &p->prompts[i]);
    for (uint32_t i = 0; p->rooms && i < room_count(&p->config); i++)
        free(p->rooms[i]);
    for (uint32_t i = 0; p->keys && p->key_places.all && i < p->key_places.fresh; i++)
        if (p->key_places.all[i].taken)
            srtp_free_key(&p->keys[i]);
}
