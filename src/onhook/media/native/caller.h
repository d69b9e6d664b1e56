/* The switch's side of the plane (plane.h): what its files have in common.
 *
 *   plane.c      from attaching to a link until it is let go
 *   caller.c     handles, commands on their way, events that arrived
 *   calls.c      opening, agreeing, closing
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
    uint64_t parcels; /* descriptors sent so far */
    bool *room_closing; /* by number of the room */
    struct places call_places, prompt_places, segment_places, room_places, recording_places;
    struct caller_call *calls;
    struct caller_prompt *prompts;
    struct caller_recording *recordings;
    uint32_t *segment_prompts; /* by number of the segment: that of its prompt, or NO_PLACE */
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

/* Ask for something, with a descriptor, which is ours afterwards if it was given and this gives no error.
 * 0, PLANE_HELD, -ENOMEM, -EMFILE, -EPIPE (the plane is gone, or makes no sense). */
int submit(struct plane *p, const struct command *command, struct enclosure enclosed);

/* A command of nothing but its kind. -ENOENT. */
int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind);
void drop_held(struct plane *p);

/* ---- prompts.c ----------------------------------------------------------------------- */

/* A place that nothing uses any more is free again. */
void release_prompt(struct plane *p, uint32_t index);

#endif
