/* A recording inside: what the media thread (recorder.c) and the writer's thread (writer.c) share.
 *
 * A recording is a ring of four seconds of samples. The media thread adds what is sent and what has
 * arrived at its place, saturating; where nothing came, the ring is silent. What is older than HOLD
 * is final: later packets are too late for it, so the writer may have it. The writer looks every
 * 200 ms, writes what is final, and clears it behind itself for the next lap. The media thread
 * neither waits nor allocates nor writes: it moves `final`, and the writer moves `done`.
 */
#ifndef ONHOOK_RECORDING_H
#define ONHOOK_RECORDING_H

#include "recorder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SAMPLES_PER_MS = 8,
    RING = 1 << 15,                     /* samples: 4.1 s */
    HOLD = 450 * SAMPLES_PER_MS,        /* more than LATE, and a round or two of being served */
    AHEAD = 1000 * SAMPLES_PER_MS,      /* nothing is placed further in the future */
    TAIL = 250 * SAMPLES_PER_MS,        /* of what was placed ahead, kept at the end */
    DRIFT_PACKETS = 64,
    GIVE_UP_MS = 2000,
};

struct recording {
    /* set before anybody else sees it */
    struct recorders *all;
    int fd;
    uint64_t owner, handle, tag;
    /* the media thread's */
    int64_t began; /* the place of the first sample; all below count from it. NOT_YET: nothing is added */
    uint64_t behind; /* the play_id with whose end it begins, 0: none */
    int64_t end;   /* of everything that was added */
    int64_t lost_end;
    uint64_t lost; /* read by others once it has ended */
    /* from one thread to the other */
    _Alignas(64) _Atomic int64_t final; /* moved by the media thread */
    _Atomic bool ended;                 /* final stays as it is */
    _Alignas(64) _Atomic int64_t done;  /* moved by the writer: written and cleared up to here */
    /* the writer's, then the clerk's */
    struct recording *next;
    size_t half; /* 1: the first byte of the next sample is written */
    int error;
    uint64_t written, discarded;
    int64_t stuck_since_ms; /* -1: not stuck */
    int16_t ring[RING];
};

struct recorders {
    pthread_t thread;
    void (*tell)(void *whom);
    void *whom;
    int wake_fd;
    _Atomic bool stopping;
    recording *_Atomic fresh; /* from the clerk to the writer */
    recording *_Atomic done;  /* from the writer to the clerk */
    recording *open;          /* the writer's */
    recording *taken;         /* the clerk's */
};

static inline int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- writer.c ---- */

/* Does not block: if the counter is at its top, the writer is awake. */
void wake_writer(struct recorders *all);

/* Write what is final, or discard it after an error. False: it has to wait. */
bool write_final(recording *one);

/* Write what there is. True: everything of it is written, or never will be. */
bool serve_recording(recording *one, bool ended, int64_t now_ms);

#endif
