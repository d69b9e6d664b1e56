/* The memory that the plane and its switch share, and how each reads what the other put there.
 *
 * One anonymous file, sealed at its size: a header, a ring of commands (from the switch), one of endings (from the
 * clerk: what is closed, recorded or refused), one of reports for each media thread, and the figures of
 * calls. Two eventfds say that there are commands, and that there are reports or endings. Reports are numbered through,
 * as a call may be moved from one thread to another.
 *
 * Neither side trusts the other, which may be dead, of another version, or somebody else's by now. Sizes are
 * what each side was told at the beginning, and not what stands in the memory. Each keeps its own cursor to
 * itself and only publishes it, after the entry that it counts: half of an entry is never seen. The other's is checked
 * against the size of the ring whenever it is read, and an entry is copied once, and the copy checked. A ring
 * with a cursor that makes no sense is the end of the link.
 *
 * Descriptors cannot lie in memory. They come by a socket, with a number that their command repeats, and are
 * sent before the command is put into the ring: who takes a command finds them there, or refuses it.
 */
#ifndef ONHOOK_LINK_H
#define ONHOOK_LINK_H

#include "plane.h"

#include "commands.h"
#include "ring.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LINK_MAGIC UINT64_C(0x6d656469612d6f68)
#define LINK_NONSENSE (-1)

enum {
    LINK_VERSION = 2, /* of all that lies in the memory: another one is not talked to */
    LINK_MAX_CALLS = 1 << 20,
    LINK_MAX_RING = 1 << 20,
};

#define FIGURES (sizeof(struct plane_stats) / sizeof(uint64_t))

/* What the media thread shows of a call at any time; CLOCK_MONOTONIC, 0: never. */
struct signs {
    _Alignas(64) _Atomic int64_t heard_ns;
    _Atomic int64_t received_ns;
    _Atomic uint64_t figures[FIGURES]; /* the fields of plane_stats, once a round */
};

_Static_assert(sizeof(struct plane_stats) == FIGURES * sizeof(uint64_t), "figures of 64 bits, all");

/* What the plane shows of itself; the fields of plane_health. */
struct link_health {
    _Alignas(64) _Atomic uint64_t calls, skipped_rounds, refused, unauthentic, replayed;
    _Atomic int64_t late_max_ns;
    _Atomic int32_t scheduling;
    /* How many commands the clerk is through with, how many of its own it has handed on, and how many of these
     * the media threads are through with: what waits is the rest. */
    _Alignas(64) _Atomic uint32_t admitted, handed_on;
    _Alignas(64) _Atomic uint32_t followed;
};

struct link_cursors {
    struct cursor head; /* the consumer's */
    struct cursor tail; /* the producer's */
};

struct link_header {
    uint64_t magic;
    uint32_t version;
    int32_t pid;
    uint64_t generation; /* 1 for the first link of a plane, then 2 */
    uint32_t max_calls, command_ring, event_ring, threads;
    uint32_t sockets; /* that the plane's process can have at once */
    struct link_cursors commands, endings, reports[PLANE_MAX_THREADS];
    _Alignas(64) _Atomic uint64_t order; /* of the next report */
    _Alignas(64) _Atomic uint32_t asleep; /* the clerk: it wants to be woken */
    struct link_health health;
};

/* The memory, as one side has it mapped. */
struct link_memory {
    struct link_header *header;
    struct command *command;
    struct report *ending, *report[PLANE_MAX_THREADS];
    struct signs *signs;
    uint64_t bytes;
};

/* One side of a ring: its own cursor is kept here. */
struct link_end {
    struct link_cursors *shared;
    uint32_t size; /* a power of two */
    uint32_t own;
};

/* ---- link.c -------------------------------------------------------------------------------- */

bool link_is_config(const struct plane_config *config);

/* New memory, sealed, with a header but for what is the plane's. Returns its descriptor, or a negative errno. */
int link_make(const struct plane_config *config, struct link_memory *out);

/* That of somebody else; `config` is what stands in its header. -EPROTO: it is no such memory, or of another
 * version. */
int link_map(int fd, struct link_memory *out, struct plane_config *config);
void link_unmap(struct link_memory *memory);

/* Send a descriptor ahead of the command that has this number. -EAGAIN: the other side has too many to read.
 * -EPIPE: it is gone. */
int link_send(int socket, uint64_t number, int fd);

/* The next message: its number, and a descriptor or -1. 0: there is none now. -EPIPE: the other side is gone. */
int link_receive(int socket, uint64_t *number, int *fd);

/* ---- Rings --------------------------------------------------------------------------------- */

static inline struct link_end link_producer(struct link_cursors *shared, uint32_t size)
{
    return (struct link_end){shared, size, atomic_load(&shared->tail.value)};
}

static inline struct link_end link_consumer(struct link_cursors *shared, uint32_t size)
{
    return (struct link_end){shared, size, atomic_load(&shared->head.value)};
}

/* How many entries can be put in, or LINK_NONSENSE. */
static inline int64_t link_room(const struct link_end *end)
{
    uint32_t used = end->own - atomic_load(&end->shared->head.value);
    return used > end->size ? LINK_NONSENSE : (int64_t)(end->size - used);
}

/* How many entries there are to be taken, or LINK_NONSENSE. */
static inline int64_t link_waiting(const struct link_end *end)
{
    uint32_t waiting = atomic_load(&end->shared->tail.value) - end->own;
    return waiting > end->size ? LINK_NONSENSE : (int64_t)waiting;
}

static inline uint32_t link_at(const struct link_end *end)
{
    return end->own & (end->size - 1);
}

/* The entry at link_at() is written. */
static inline void link_put(struct link_end *end)
{
    atomic_store(&end->shared->tail.value, ++end->own);
}

/* The entry at link_at() was copied. */
static inline void link_taken(struct link_end *end)
{
    atomic_store(&end->shared->head.value, ++end->own);
}

/* Once: what is read again afterwards is the copy, whatever the other side does to the entry. */
static inline void link_copy(void *to, const void *entry, size_t bytes)
{
    memcpy(to, entry, bytes);
    __asm__ __volatile__("" ::: "memory");
}

#endif
