/* The memory that the plane and its switch share, and how each reads what the other put there.
 *
 * One anonymous file, sealed at its size: a header, a ring of commands (from the switch), one of endings (from the
 * clerk: what is closed, recorded or refused), one of reports for each media thread, and the figures of
 * calls. Two eventfds say that there are commands, and that there are reports or endings.
 *
 * Reports and endings are numbered through, from 1 on and without a gap, as long as the plane lives: a call may be moved
 * from one thread to another, and what is told has to be known again. They are taken in the order of their numbers. An
 * entry is taken long before its place is free: that is when the switch has acknowledged it, and until then the next
 * switch can take it once more. First the number is written up to which all is acknowledged, and then the places are
 * freed, so whoever comes after a switch that died in between knows which of them are.
 *
 * Neither side trusts the other, which may be dead, of another version, or somebody else's by now. Sizes are
 * what each side was told at the beginning, and not what stands in the memory. Each keeps its own cursor to
 * itself and only publishes it, after the entry that it counts: half of an entry is never seen. The other's is checked
 * against the size of the ring whenever it is read, and an entry is copied once, and the copy checked. A ring
 * with a cursor that makes no sense is the end of the link.
 *
 * The memory is the plane's, and stays the same for one switch after another, as do its reports, endings and figures.
 * New for each switch are its bells and socket, the ring of commands, and a list of what is there: see listing.
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
    LINK_VERSION = 5, /* of all that lies in the memory: another one is not talked to */
    LINK_MAX_CALLS = 1 << 20,
    LINK_MAX_RING = 1 << 20,
};

#define FIGURES (sizeof(struct plane_stats) / sizeof(uint64_t))

/* What the media thread shows of a call at any time; CLOCK_MONOTONIC, 0: never. */
struct signs {
    _Alignas(64) _Atomic int64_t heard_ns;
    _Atomic int64_t received_ns;
    _Atomic uint64_t playing, progress; /* the fields of plane_progress; once a round */
    _Atomic uint32_t heard_wraps;
    _Atomic uint32_t over; /* likewise */
    _Atomic uint64_t press[2]; /* likewise; as soon as it was told */
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

/* What is open when a switch begins, as the plane has listed it before. It is not kept up to date: what has happened since
 * is told. */
struct listing {
    uint32_t generation; /* of all handles so far the highest: see places.h */
    uint32_t calls, rooms, recordings, segments; /* how many of them are listed */
};

struct listed_call {
    uint64_t handle;
    uint64_t last_play; /* the highest play_id of which the last segment was queued */
    uint64_t bridged_to, room; /* 0: none */
    uint16_t port; /* the local one */
    uint8_t family; /* AF_INET or AF_INET6 */
    uint8_t is_protected, has_rtcp;
    uint8_t closing; /* it will be CLOSED, or was */
};

struct listed_room {
    uint64_t handle;
    uint8_t closing;
};

struct listed_recording {
    uint64_t handle, call, tag;
};

struct listed_segment {
    uint64_t call, play_id;
    uint64_t prompt; /* 0: digits */
    uint32_t number;
};

struct link_cursors {
    struct cursor head; /* the consumer's */
    struct cursor tail; /* the producer's */
};

struct link_header {
    uint64_t magic; /* these three: here in every version (remains.py) */
    uint32_t version;
    int32_t pid;
    uint64_t generation; /* 1 for the first link of a plane, then 2 */
    uint32_t max_calls, command_ring, event_ring, threads;
    uint32_t sockets; /* that the plane's process can have at once */
    struct link_cursors commands, endings, reports[PLANE_MAX_THREADS];
    _Alignas(64) _Atomic uint64_t acknowledged; /* the switch's: the number up to which all reports and endings are */
    _Alignas(64) _Atomic uint32_t asleep; /* the clerk: it wants to be woken */
    _Atomic uint64_t before; /* likewise: how much planes before this one had told; only switches look at it */
    _Alignas(64) _Atomic uint64_t attended; /* the switch's: the generation of the link that it has */
    struct link_health health;
    struct listing listing;
};

/* The memory, as one side has it mapped. */
struct link_memory {
    struct link_header *header;
    struct command *command;
    struct report *ending, *report[PLANE_MAX_THREADS];
    struct signs *signs;
    struct listed_call *listed_call;
    struct listed_room *listed_room;
    struct listed_recording *listed_recording;
    struct listed_segment *listed_segment;
    uint64_t bytes;
};

/* One side of a ring: its own cursor is kept here. */
struct link_end {
    struct link_cursors *shared;
    uint32_t size; /* a power of two */
    uint32_t own;
    uint32_t freed; /* a consumer's that frees what it took later: what it has published */
};

/* ---- link.c -------------------------------------------------------------------------------- */

bool link_is_config(const struct plane_config *config);

/* What the header says of the sizes; but for what is the plane's. */
void link_head(const struct plane_config *config, struct link_header *header);

/* New memory, sealed, with such a header. Returns its descriptor, or a negative errno. */
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
    uint32_t own = atomic_load(&shared->tail.value);
    return (struct link_end){shared, size, own, own};
}

static inline struct link_end link_consumer(struct link_cursors *shared, uint32_t size)
{
    uint32_t own = atomic_load(&shared->head.value);
    return (struct link_end){shared, size, own, own};
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

/* The entry at link_at() is written, */
static inline void link_write(struct link_end *end)
{
    end->own++;
}

/* and can be read, as all before it. */
static inline void link_publish(const struct link_end *end)
{
    atomic_store(&end->shared->tail.value, end->own);
}

static inline void link_put(struct link_end *end)
{
    link_write(end);
    link_publish(end);
}

/* The entry at link_at() was copied. */
static inline void link_taken(struct link_end *end)
{
    atomic_store(&end->shared->head.value, ++end->own);
}

/* It was copied, and is kept until it is freed. */
static inline void link_read(struct link_end *end)
{
    end->own++;
}

/* How many of those that were read are not freed. */
static inline uint32_t link_kept(const struct link_end *end)
{
    return end->own - end->freed;
}

/* The oldest so many of those that were read. */
static inline void link_free(struct link_end *end, uint32_t count)
{
    end->freed += count;
    atomic_store(&end->shared->head.value, end->freed);
}

/* Once: what is read again afterwards is the copy, whatever the other side does to the entry. */
static inline void link_copy(void *to, const void *entry, size_t bytes)
{
    memcpy(to, entry, bytes);
    __asm__ __volatile__("" ::: "memory");
}

#endif
