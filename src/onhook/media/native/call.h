/* Calls and rooms as the media threads have them, and what is played in them. */
#ifndef ONHOOK_CALL_H
#define ONHOOK_CALL_H

#include "plane.h"

#include "address.h"
#include "commands.h"
#include "gone.h"
#include "keys.h"
#include "latch.h"
#include "law.h"
#include "link.h"
#include "mixer.h"
#include "recorder.h"
#include "rtcp.h"
#include "srtp.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CACHE_LINE = 64,
    TICK_NS = 1000000,
    SLOTS = PLANE_FRAME_MS,
    SAMPLES_PER_TICK = 8,
    RTP_MAX_BYTES = 1500,
    PACKET_MAX_SAMPLES = PLANE_MAX_PACKET_MS * SAMPLES_PER_TICK,
    AHEAD_FRAMES = 8,         /* read at once of what is to be encrypted or recorded */
    RECEIVE_BATCH = 8,        /* packets taken of a call in a round: 8 times the normal rate */
    PENDING_DIGITS = 32,
    READY_BATCH = 256,           /* joined calls read in a tick */
    PARCELS = 8,                 /* without a command yet */
    JOINED_PATIENCE_TICKS = 40,  /* for the next packet of the other side, behind the end of the last */
};

enum { PCMU = 0, PCMA = 8, COMFORT_NOISE = 13, NO_EVENTS = 255 };

/* Frames that can be played: mapped by the clerk before anybody is told of them, and unmapped after everybody
 * is done with them. */
struct prompt {
    uint64_t handle; /* 0: none */
    const uint8_t *frames[LAWS];
    uint32_t count;
    _Atomic uint32_t uses; /* segments, and one until it is dropped */
    bool dropped;          /* the clerk's, as what follows */
    void *map;
    uint64_t map_bytes;
    struct gone gone;
};

enum segment_state { FREE, QUEUED, PLAYED, STOPPED };

/* Something to be played in a call. The switch only knows which are free. */
struct segment {
    struct segment *next;
    struct prompt *prompt; /* NULL: digits */
    union {
        const uint8_t *frames[LAWS];
        uint8_t keys[PLANE_MAX_DIGITS];
    };
    uint64_t play_id;
    int64_t done_ns;
    uint32_t count;
    uint32_t sent;
    enum play_kind kind;
    enum segment_state state;
    uint32_t step;            /* rounds of this digit */
    uint32_t event_timestamp; /* of this digit */
    bool as_tone;             /* likewise */
    bool last;                /* of what has its play_id */
};

/* Frames of a segment that the kernel has read for us. */
struct ahead {
    const struct segment *segment;
    uint64_t play_id;
    enum law law;
    uint32_t first, count; /* by their numbers in the segment */
    uint8_t frames[AHEAD_FRAMES][PLANE_FRAME_BYTES];
};

/* What arrives at a call. */
struct receiver {
    bool started;  /* RTP has arrived */
    bool tracking; /* ssrc, highest and seen are set */
    uint32_t ssrc;
    uint16_t highest;     /* sequence number */
    uint64_t seen;        /* bit n: highest - n arrived */
    uint64_t heard_tick;  /* of the last packet */
    bool timed_out;
    bool refused;         /* nobody is at its port (ICMP), since the last packet */
    struct key_press press;
};

/* Where the packets of the other side of a bridge belong in what a call is sent. */
struct relay {
    bool anchored;
    uint32_t ssrc;    /* the other's, as all of this */
    uint16_t highest; /* sequence number */
    int span;         /* how far back from it the shifts hold */
    uint16_t sequence_shift;
    uint32_t timestamp_shift;
};

/* A key of the other side of a bridge: all its packets have one timestamp, wherever the line goes on
 * when silence was sent in the middle of it. */
struct relayed_key {
    bool known;
    uint32_t ssrc, timestamp; /* the other's */
    uint32_t sent_timestamp;
};

/* What is put together for a packet of another length than a frame's: packing.c. */
struct packing {
    uint16_t samples; /* of a packet; 0: frames are sent as they are */
    uint16_t held;    /* of the next one */
    bool marker, audible;
    uint32_t timestamp; /* of the first that is held */
    uint8_t payload[PACKET_MAX_SAMPLES];
};

/* A call, as its media thread has it. In front stands what is looked at in every round: of thousands of calls nothing
 * stays in the processor's caches from one round to the next. */
struct call {
    uint64_t handle; /* 0: it is not open */
    struct media *media; /* the thread that has it; NULL: none, or it is on its way to another */
    struct call *next, *previous;           /* in the slot */
    struct segment *playing, *first, *last; /* first: oldest not reported */
    struct call *bridged;  /* the other side */
    struct member *member; /* of a room */
    uint64_t open_tick;
    uint32_t timestamp; /* of open_tick */
    uint32_t sent_end;  /* timestamp behind all that was sent */
    uint32_t ssrc;
    uint64_t progress;  /* in what plays: see plane_progress */
    uint32_t noise_rounds; /* since there was anything but comfort noise */
    uint16_t sequence;
    uint8_t payload_type;
    uint8_t audio_type;         /* on the wire, if that is another; else 0 */
    uint8_t event_payload_type; /* that is sent */
    uint8_t event_from_peer;
    bool on_hold;
    bool comfort_noise; /* was agreed */
    bool spoken;
    bool latched;
    bool connected;
    bool watched;         /* read when something arrives */
    bool left_alone;      /* nothing comes: read again once something has arrived */
    uint8_t still_rounds; /* in which nothing came, up to that */
    bool heard_more;      /* figures of what is received have changed */
    bool owes_first, owes_timeout, owes_closed, owes_report;
    bool shown_playing;
    uint8_t digit_count;
    int budget; /* packets that may yet be read in this round */
    int slot;
    int fd;
    struct signs *signs;
    struct receiver rx;
    struct relay relay;
    union address peer; /* where frames go */
    struct plane_stats stats;
    uint64_t told_unauthentic, told_replayed; /* of those: what the plane's figures have */
    struct rtcp rtcp;
    struct recorder recorder;
    struct srtp srtp;
    union address signalled; /* by SDP */
    struct latch latch;
    uint64_t relayed_until; /* tick in which the last packet of the other side is over */
    struct relayed_key relayed_key;
    char digits[PENDING_DIGITS];
    int64_t closed_ns;
    struct gone gone;
    struct ahead ahead;
    struct packing packing;
};

struct member {
    struct call *call; /* NULL: the place is free */
    bool muted;
    float gain; /* the limiter's */
    struct voice voice;
    int16_t frame[MIX_SAMPLES];
    uint8_t mixed[MIX_SAMPLES]; /* what it is sent */
};

struct room {
    uint64_t handle;
    bool open, closed;
    bool closing;    /* the clerk's: CLOSE_ROOM was passed on */
    unsigned thread; /* likewise: the number of the one that has it */
    int slot;
    struct room *next; /* in the slot */
    struct gone gone;
    struct member members[PLANE_ROOM_MEMBERS];
};

struct slot {
    struct call *first;
    uint32_t count; /* of calls, and places in rooms */
    struct room *rooms;
};

#endif
