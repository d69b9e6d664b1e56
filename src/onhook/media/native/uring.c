#define _GNU_SOURCE
#include "uring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __has_include
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#define HAS_URING 1
#endif
#endif

#ifndef HAS_URING /* the headers of the system that this was compiled on are older */

bool uring_open(struct uring *ring, uint32_t entries)
{
    (void)entries;
    ring->fd = -1;
    return false;
}

void uring_close(struct uring *ring)
{
    (void)ring;
}

void uring_put(struct uring *ring, uint32_t number, int fd, const struct msghdr *message, int flags)
{
    (void)ring, (void)number, (void)fd, (void)message, (void)flags;
}

bool uring_send(struct uring *ring, uint32_t count, void (*done)(void *whom, uint32_t number, int result),
                void *whom)
{
    (void)ring, (void)count, (void)done, (void)whom;
    return false;
}

#else

/* Since Linux 5.1, by every architecture's table; the flags of later ones. */
enum { SETUP_CALL = 425, ENTER_CALL = 426 };
#define ONE_ISSUER (1u << 12) /* IORING_SETUP_SINGLE_ISSUER, 6.0 */
#define DEFERRED (1u << 13)   /* IORING_SETUP_DEFER_TASKRUN, 6.1 */
#define ALL_OF_THEM (1u << 7) /* IORING_SETUP_SUBMIT_ALL, 5.18 */

static int set_up(uint32_t entries, struct io_uring_params *params)
{
    static const uint32_t flags[] = {ALL_OF_THEM | ONE_ISSUER | DEFERRED, ALL_OF_THEM, 0};
    int fd = -1;
    for (size_t i = 0; i < sizeof flags / sizeof *flags && fd < 0; i++) {
        *params = (struct io_uring_params){.flags = flags[i]};
        fd = (int)syscall(SETUP_CALL, entries, params);
        if (fd < 0 && errno != EINVAL)
            break;
    }
    return fd;
}

static uint8_t *map(struct uring *ring, int place, uint64_t bytes, uint64_t offset)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, (off_t)offset);
    if (at == MAP_FAILED)
        return NULL;
    ring->maps[place] = at;
    ring->map_bytes[place] = bytes;
    return at;
}

static uint32_t *word(uint8_t *base, uint32_t offset)
{
    return (uint32_t *)(void *)(base + offset);
}

static bool map_all(struct uring *ring, const struct io_uring_params *params)
{
    const struct io_sqring_offsets *asked = &params->sq_off;
    const struct io_cqring_offsets *done = &params->cq_off;
    uint8_t *first = map(ring, 0, asked->array + params->sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    uint8_t *second = map(ring, 1, done->cqes + params->cq_entries * sizeof *ring->dones, IORING_OFF_CQ_RING);
    uint8_t *third = map(ring, 2, params->sq_entries * sizeof *ring->entries, IORING_OFF_SQES);
    if (!first || !second || !third)
        return false;
    ring->mask = *word(first, asked->ring_mask);
    ring->tail = word(first, asked->tail);
    ring->order = word(first, asked->array);
    ring->done_mask = *word(second, done->ring_mask);
    ring->done_head = word(second, done->head);
    ring->done_tail = word(second, done->tail);
    ring->dones = (struct io_uring_cqe *)(void *)(second + done->cqes);
    ring->entries = (struct io_uring_sqe *)(void *)third;
    return true;
}

bool uring_open(struct uring *ring, uint32_t entries)
{
    struct io_uring_params params;
    *ring = (struct uring){.fd = set_up(entries, &params)};
    if (ring->fd >= 0 && !map_all(ring, &params))
        uring_close(ring);
    return ring->fd >= 0;
}

void uring_close(struct uring *ring)
{
    for (int i = 0; i < 3; i++)
        if (ring->maps[i])
            munmap(ring->maps[i], ring->map_bytes[i]);
    if (ring->fd >= 0)
        close(ring->fd);
    *ring = (struct uring){.fd = -1};
}

void uring_put(struct uring *ring, uint32_t number, int fd, const struct msghdr *message, int flags)
{
    uint32_t at = (*ring->tail + number) & ring->mask;
    ring->order[at] = at;
    ring->entries[at] = (struct io_uring_sqe){
        .opcode = IORING_OP_SENDMSG,
        .fd = fd,
        .addr = (uint64_t)(uintptr_t)message,
        .len = 1,
        .msg_flags = (uint32_t)flags,
        .user_data = number,
    };
}

/* How many results there were. */
static uint32_t take_done(struct uring *ring, uint32_t count, void (*done)(void *, uint32_t, int), void *whom)
{
    uint32_t head = *ring->done_head, taken = 0;
    uint32_t tail = atomic_load_explicit((_Atomic uint32_t *)ring->done_tail, memory_order_acquire);
    for (; head != tail; head++, taken++) {
        const struct io_uring_cqe *one = &ring->dones[head & ring->done_mask];
        if (one->user_data < count)
            done(whom, (uint32_t)one->user_data, one->res);
    }
    atomic_store_explicit((_Atomic uint32_t *)ring->done_head, head, memory_order_release);
    return taken;
}

/* None of these waits: they are done when the call returns, all that the kernel took. */
bool uring_send(struct uring *ring, uint32_t count, void (*done)(void *, uint32_t, int), void *whom)
{
    atomic_store_explicit((_Atomic uint32_t *)ring->tail, *ring->tail + count, memory_order_release);
    uint32_t given = 0, taken = 0;
    while (given < count) {
        long result = syscall(ENTER_CALL, ring->fd, count - given, count - given, IORING_ENTER_GETEVENTS, NULL, 0);
        if (result <= 0)
            break;
        given += (uint32_t)result;
        taken += take_done(ring, count, done, whom);
    }
    return taken == count;
}

#endif
