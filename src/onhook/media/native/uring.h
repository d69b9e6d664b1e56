/* io_uring, as far as it is needed here: packets of many sockets are given to the kernel with one system call.
 *
 * Where the kernel has none, or forbids it, there is none: everybody who uses it goes on without.
 */
#ifndef ONHOOK_URING_H
#define ONHOOK_URING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct io_uring_sqe;
struct io_uring_cqe;

struct uring {
    int fd; /* -1: there is none */
    uint32_t mask, done_mask;
    uint32_t *tail, *done_head, *done_tail, *order;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *dones;
    void *maps[3];
    uint64_t map_bytes[3];
};

/* By the thread that uses it. False: there is none, and `fd` is -1. */
bool uring_open(struct uring *ring, uint32_t entries);
void uring_close(struct uring *ring);

/* Put a sendmsg() in, the `number`th since the last uring_send(): there are no more than entries. */
void uring_put(struct uring *ring, uint32_t number, int fd, const struct msghdr *message, int flags);

/* Have so many sent, and call `done` with the number of each and what sendmsg() would have returned, or a negative
 * errno. False: not all of them were; the ring is good for nothing from now on. */
bool uring_send(struct uring *ring, uint32_t count, void (*done)(void *whom, uint32_t number, int result),
                void *whom);

#endif
