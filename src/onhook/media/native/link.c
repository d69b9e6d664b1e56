/* Making and mapping the memory of a link, and its socket. */
#define _GNU_SOURCE
#include "link.h"

#include "tables.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody can shorten it under the feet of who has it mapped. */
enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

bool link_is_config(const struct plane_config *config)
{
    return power_of_two(config->command_ring) && power_of_two(config->event_ring) &&
           config->command_ring <= LINK_MAX_RING && config->event_ring <= LINK_MAX_RING &&
           config->max_calls && config->max_calls <= LINK_MAX_CALLS && config->threads &&
           config->threads <= PLANE_MAX_THREADS;
}

static uint64_t whole_lines(uint64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Where everything stands, if the memory begins at `base`. */
static void lay_out(const struct plane_config *config, uint8_t *base, struct link_memory *out)
{
    uint64_t commands = whole_lines(sizeof(struct link_header));
    uint64_t endings = commands + whole_lines(config->command_ring * sizeof(struct command));
    uint64_t events = whole_lines(config->event_ring * sizeof(struct report));
    uint64_t reports = endings + events, signs = reports + config->threads * events;
    uint64_t calls = signs + config->max_calls * sizeof(struct signs);
    uint64_t rooms = calls + whole_lines(config->max_calls * sizeof(struct listed_call));
    uint64_t tapes = rooms + whole_lines(room_count(config) * sizeof(struct listed_room));
    uint64_t segments = tapes + whole_lines(recording_count(config) * sizeof(struct listed_recording));
    *out = (struct link_memory){.bytes = segments + segment_count(config) * sizeof(struct listed_segment)};
    if (!base)
        return;
    out->header = (struct link_header *)(void *)base;
    out->command = (struct command *)(void *)(base + commands);
    out->ending = (struct report *)(void *)(base + endings);
    for (uint32_t i = 0; i < config->threads; i++)
        out->report[i] = (struct report *)(void *)(base + reports + i * events);
    out->signs = (struct signs *)(void *)(base + signs);
    out->listed_call = (struct listed_call *)(void *)(base + calls);
    out->listed_room = (struct listed_room *)(void *)(base + rooms);
    out->listed_recording = (struct listed_recording *)(void *)(base + tapes);
    out->listed_segment = (struct listed_segment *)(void *)(base + segments);
}

static int map(int fd, const struct plane_config *config, struct link_memory *out)
{
    lay_out(config, NULL, out);
    void *base = mmap(NULL, out->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    lay_out(config, base, out);
    return 0;
}

void link_head(const struct plane_config *config, struct link_header *header)
{
    header->magic = LINK_MAGIC;
    header->version = LINK_VERSION;
    header->max_calls = config->max_calls;
    header->command_ring = config->command_ring;
    header->event_ring = config->event_ring;
    header->threads = config->threads;
}

uint32_t plane_link_version(void)
{
    return LINK_VERSION;
}

int link_make(const struct plane_config *config, struct link_memory *out)
{
    /* glibc has a name for it since 2.27 */
    int fd = (int)syscall(SYS_memfd_create, "onhook-link", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    lay_out(config, NULL, out);
    bool sized = ftruncate(fd, (off_t)out->bytes) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0;
    int result = sized ? map(fd, config, out) : -errno;
    if (result < 0) {
        close(fd);
        return result;
    }
    link_head(config, out->header);
    return fd;
}

/* By a copy of the header: what is checked is what is used. */
static int read_config(int fd, struct plane_config *config)
{
    struct link_header header;
    struct stat file;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &file) < 0 ||
        pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
        return -EPROTO;
    *config = (struct plane_config){.max_calls = header.max_calls,
                                    .command_ring = header.command_ring,
                                    .event_ring = header.event_ring,
                                    .threads = header.threads};
    if (header.magic != LINK_MAGIC || header.version != LINK_VERSION || !link_is_config(config))
        return -EPROTO;
    struct link_memory needed;
    lay_out(config, NULL, &needed);
    return file.st_size >= 0 && (uint64_t)file.st_size >= needed.bytes ? 0 : -EPROTO;
}

int link_map(int fd, struct link_memory *out, struct plane_config *config)
{
    int result = read_config(fd, config);
    return result < 0 ? result : map(fd, config, out);
}

void link_unmap(struct link_memory *memory)
{
    if (memory->header)
        munmap(memory->header, memory->bytes);
    memory->header = NULL;
}

/* ---- The socket ---------------------------------------------------------------------------- */

/* Room for a descriptor; aligned as the header in it is. */
union ancillary {
    struct cmsghdr head;
    uint8_t room[CMSG_SPACE(sizeof(int))];
};

int link_send(int socket, uint64_t number, int fd)
{
    union ancillary control = {.head = {.cmsg_len = CMSG_LEN(sizeof fd),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    struct iovec content = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    /* too many on their way: they will be read */
    bool later = errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS;
    return later ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
}

static int descriptor_of(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

int link_receive(int socket, uint64_t *number, int *fd)
{
    union ancillary control;
    struct iovec content = {.iov_base = number, .iov_len = sizeof *number};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control, /* with room for no more than one */
                             .msg_controllen = CMSG_LEN(sizeof *fd)};
    ssize_t got;
    *number = 0;
    do
        got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -EPIPE;
    *fd = descriptor_of(&message);
    if (got > 0)
        return 1;
    if (*fd >= 0)
        close(*fd);
    return -EPIPE;
}
