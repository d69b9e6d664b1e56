/* Recording: what a peer said and what it was sent, mixed, as 16-bit samples at 8,000 Hz in the
 * machine's byte order, in time with each other. recorder.c says how.
 *
 * A `recorder` is a call's, in the media thread. A `recording` is one file being written; a call may
 * have several at once. `recorders` is the writer thread of all. Places are counted in samples on
 * the plane's clock (8 a tick).
 */
#ifndef ONHOOK_RECORDER_H
#define ONHOOK_RECORDER_H

#include "plane.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

typedef struct recording recording;
struct recorders;

/* How timestamps map to the plane's clock. */
struct rtp_clock {
    bool known;
    uint32_t ssrc;
    uint32_t timestamp; /* of the newest packet */
    int64_t at;         /* where that packet begins */
    int64_t end;        /* of everything that was placed */
    int64_t least_lag;  /* between a packet's place and its arrival, of the last packets */
    unsigned lags;      /* how many */
    int slip;           /* samples by which each packet is moved, against drift */
    int64_t late_lag;   /* of the last packet that came too late */
    unsigned late;      /* how many came with about this lag */
};

struct recorder {
    unsigned count;
    recording *recordings[PLANE_MAX_RECORDINGS];
    struct rtp_clock heard, sent;
};

/* Room for what waited_ns() needs, as ancillary data of a message. */
enum { ARRIVAL_BYTES = CMSG_SPACE(sizeof(struct timespec)) };

/* A packet of a call, coming or going. `at`: when, on the plane's clock. */
struct taped {
    const uint8_t *payload;
    size_t bytes;
    uint8_t payload_type;
    bool marker;
    uint32_t ssrc;
    uint32_t timestamp;
    int64_t at;
};

/* ---- The clerk's side ---- */

/* Start the writer, which calls `tell` with `whom` when a recording is done. Negative errno. */
int recorders_start(struct recorders **out, void (*tell)(void *whom), void *whom);

/* Once the media thread has ended: write what is left, end the writer, free everything. */
void recorders_stop(struct recorders *all);

/* A recording into fd, which is then its own; NULL: no memory. `owner` and `tag` are only kept. */
recording *recording_new(struct recorders *all, int fd, uint64_t owner, uint64_t handle, uint64_t tag);

/* Let go of a recording that the writer does not have; its fd stays open if it never had it. */
void recording_free(recording *one, bool close_fd);

/* The media thread was told of it; the writer has it from now on. */
void recorders_add(struct recorders *all, recording *one);

/* One that is done, or NULL. */
recording *recorders_take_done(struct recorders *all);
bool recorders_have_done(const struct recorders *all);

uint64_t recording_owner(const recording *one);
uint64_t recording_handle(const recording *one);
uint64_t recording_tag(const recording *one);
void recording_read(const recording *one, struct plane_recorded *out);

/* ---- The media thread ---- */

/* When one begins that waits: no sample lies behind it. */
#define NOT_YET (INT64_MAX / 2)

/* There are fewer than PLANE_MAX_RECORDINGS. It begins now, or NOT_YET. */
void recorder_add(struct recorder *recorder, recording *one, int64_t now);

/* One of this call that waits begins now. False: none of this handle waits. */
bool recorder_begin(struct recorder *recorder, uint64_t handle, int64_t now);

/* It is to begin where what has this play_id ends. */
void recorder_await(struct recorder *recorder, uint64_t handle, uint64_t play_id);

/* All of a play_id has been sent, and is over at this place: what waits for that begins. */
void recorder_played(struct recorder *recorder, uint64_t play_id, int64_t end);

/* End one that is in no call: it has no samples. */
void recorder_refuse(recording *one);

/* End one of this call, or all. */
void recorder_remove(struct recorder *recorder, uint64_t handle, int64_t now);
void recorder_end(struct recorder *recorder, int64_t now);

/* A packet that arrived and had not before, or that was sent. Only G.711 is recorded. */
void recorder_heard(struct recorder *recorder, const struct taped *packet);
void recorder_sent(struct recorder *recorder, const struct taped *packet);

/* How long ago a packet arrived, in ns, by the kernel's time stamp (SO_TIMESTAMPNS). A call is read
 * every 20 ms: what is recorded would be out of time by as much. 0: not known. */
int64_t waited_ns(struct msghdr *message);

/* When that was, by the wall clock. 0: not known. */
int64_t stamp_ns(struct msghdr *message);

/* Time has passed: give the writer what nothing can be added to any more. */
void recorder_advance(struct recorder *recorder, int64_t now);

#endif
