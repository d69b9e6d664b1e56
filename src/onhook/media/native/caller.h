/* The switch's side of the plane (plane.h): what its files have in common.
 *
 *   plane.c      from attaching to a link until it is let go
 *   caller.c     handles, commands on their way
 *   taking.c     events that arrived
 *   adopting.c   what an earlier switch has left
 *   calls.c      opening, agreeing, closing
 *   remains.c    what the plane shows, alive or dead
 *   media.c      what is to be heard, and
 *   prompts.c    the files that it is heard from
 *
 * It gives out the handles and numbers that stand in commands, and knows of each thing only whether it can be
 * asked for. What has ended it hears from the plane; what of that makes no sense is nothing.
 */
#ifndef ONHOOK_CALLER_H
#define ONHOOK_CALLER_H

#include "plane.h"

#include "address.h"
#include "commands.h"
#include "latch.h"
#include "link.h"
#include "places.h"
#include "tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caller_call {
    sa_family_t family; /* of its sockets */
    bool has_rtcp;
    bool closing;
    bool is_protected;   /* keys were handed over */
    bool closed;         /* CLOSED was taken */
    bool left;           /* by an earlier switch: nobody has adopted it */
    uint32_t queued;     /* segments not yet reported */
    uint32_t recordings; /* likewise */
};

struct caller_prompt {
    uint32_t count;
    uint32_t uses; /* segments that play it */
    bool dropped;
};

struct caller_recording {
    bool done; /* RECORDED was taken, and what became of it is: */
    struct plane_recorded figures;
};

/* A segment that is not reported: of this call and play_id, and what its prompt is, or NO_PLACE. */
struct caller_segment {
    uint64_t call, play_id;
    uint32_t prompt;
};

/* Of an earlier switch. */
struct left_recording {
    uint64_t handle, call, tag;
    bool has_place; /* it was not written to its end when we began */
    bool adopted;
    bool done; /* as of caller_recording */
    struct plane_recorded figures;
};

/* A descriptor to be sent along with a command. */
struct enclosure {
    int fd;     /* -1: none */
    bool given; /* it is closed once it is sent */
};

/* A command that waits for room. */
struct held {
    struct command command;
    struct enclosure enclosed; /* given */
};

struct plane {
    struct plane_config config;
    struct plane_link fds;
    struct link_memory link;
    struct link_end commands, endings, reports[PLANE_MAX_THREADS];
    bool broken; /* what the plane wrote makes no sense, or it is gone */
    bool gone;   /* it is: nothing is waited for */
    uint64_t before; /* what planes before this one had told; what follows is without that */
    uint64_t newest, acknowledged; /* the numbers of what was taken last, and up to which it was acknowledged */
    uint64_t parcels; /* descriptors sent so far */
    uint32_t published; /* commands */
    bool *room_closing, *room_left; /* by number of the room */
    struct places call_places, prompt_places, segment_places, room_places, recording_places;
    struct caller_call *calls;
    struct caller_prompt *prompts;
    struct caller_recording *recordings;
    struct caller_segment *segments; /* by number */
    struct plane_found *found;
    struct left_recording *left;
    uint32_t found_count, left_count;
    struct held *held; /* held[held_first .. held_count) */
    size_t held_first, held_count, held_room;
    struct host *host; /* of plane_start() */
};

static inline struct enclosure nothing(void)
{
    return (struct enclosure){.fd = -1};
}

/* ---- caller.c ------------------------------------------------------------------------ */

/* The number of a call that was not reaped, or not even closed; NO_PLACE: there is none. */
uint32_t find(const struct plane *p, uint64_t handle);
uint32_t find_open(const struct plane *p, uint64_t handle);

/* What the plane wrote makes no sense, or it is gone: -EPIPE. */
int break_off(struct plane *p);

/* Ask for something, with a descriptor, which is ours afterwards if it was given and this gives no error.
 * 0, PLANE_HELD, -ENOMEM, -EMFILE, -EPIPE (the plane is gone, or makes no sense). */
int submit(struct plane *p, const struct command *command, struct enclosure enclosed);

/* What was asked of a message is followed, though the rest of it never comes. */
void publish(struct plane *p);

/* A command of nothing but its kind. -ENOENT. */
int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind);
void drop_held(struct plane *p);

/* ---- taking.c ------------------------------------------------------------------------ */

/* Begin where an earlier switch has ended. */
void take_up(struct plane *p);

/* ---- adopting.c ---------------------------------------------------------------------- */

/* Read what an earlier switch has left. -EPROTO: it makes no sense. -ENOMEM. */
int take_over(struct plane *p);

/* The recording of this handle, if it is an earlier switch's; or NULL. */
struct left_recording *find_left(const struct plane *p, uint64_t recording);

/* ---- remains.c ----------------------------------------------------------------------- */

/* What the media thread shows of a call: each figure for itself. */
void read_progress(const struct signs *signs, struct plane_progress *out);
void read_signs(const struct signs *signs, struct plane_signs *out);
void read_figures(const struct signs *signs, struct plane_stats *out);

/* ---- prompts.c ----------------------------------------------------------------------- */

/* A place that nothing uses any more is free again. */
void release_prompt(struct plane *p, uint32_t index);

#endif
