/* A ring between two threads: one puts in, one takes out, and neither waits. */
#ifndef ONHOOK_RING_H
#define ONHOOK_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One producer, one consumer; head and tail count for ever and wrap with their type. */
struct cursor {
    _Alignas(64) _Atomic uint32_t value;
};

struct ring {
    struct cursor head; /* the consumer's */
    struct cursor tail; /* the producer's */
    uint32_t size;
};

static inline bool ring_has_room(struct ring *ring)
{
    return atomic_load(&ring->tail.value) - atomic_load(&ring->head.value) < ring->size;
}

static inline uint32_t ring_length(struct ring *ring)
{
    return atomic_load(&ring->tail.value) - atomic_load(&ring->head.value);
}

static inline uint32_t ring_put_at(struct ring *ring)
{
    return atomic_load(&ring->tail.value) & (ring->size - 1);
}

static inline uint32_t ring_take_at(struct ring *ring)
{
    return atomic_load(&ring->head.value) & (ring->size - 1);
}

static inline void ring_put(struct ring *ring)
{
    atomic_fetch_add(&ring->tail.value, 1);
}

static inline void ring_taken(struct ring *ring)
{
    atomic_fetch_add(&ring->head.value, 1);
}

#endif
