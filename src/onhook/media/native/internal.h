/* The media plane inside: what its files have in common. plane.h says what it does for its caller.
 *
 *   thread.c     the clock, and what is done in a tick
 *   commands.c   what the caller asked for
 *   schedule.c   which call is served when
 *   send.c       frames, silence
 *   digits.c     keys: events or tones (tones.c)
 *   receive.c    whose packets are the peer's, and what is in them
 *   protect.c    its encryption (srtp.c), on both sides
 *   relay.c      from one side of a bridge to the other
 *   join.c       who hears whom
 *   room.c       calls that hear each other mixed
 *   reports.c    RTCP of a call (rtcp.c)
 *   events.c     what is told to the caller
 *   plane.c      from start to stop, on the caller's side
 *   caller.c     handles, commands on their way, events that arrived: the caller's side too, as are
 *   calls.c      opening, agreeing, closing,
 *   media.c      what is to be heard, and
 *   prompts.c    the files that it is heard from
 *
 * Who owns what. Calls, rooms, recordings and prompts are named by handles (places.h); each side has its own
 * record of a call. A call, a room and a recording belong to the media thread from the command that
 * opens it until the event that it is closed, a segment from PLAY until its PLAYED or STOPPED is in the
 * event ring. All of it is allocated by the caller beforehand: the media thread neither allocates nor frees.
 */
#ifndef ONHOOK_INTERNAL_H
#define ONHOOK_INTERNAL_H

#include "plane.h"

#include "address.h"
#include "commands.h"
#include "keys.h"
#include "latch.h"
#include "law.h"
#include "mixer.h"
#include "places.h"
#include "recorder.h"
#include "ring.h"
#include "rtcp.h"
#include "rtp.h"
#include "srtp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CACHE_LINE = 64,
    TICK_NS = 1000000,
    SLOTS = PLANE_FRAME_MS,
    SAMPLES_PER_TICK = 8,
    RTP_MAX_BYTES = 1500,
    AHEAD_FRAMES = 8,         /* read at once of what is to be encrypted or recorded */
    RECEIVE_BATCH = 8,        /* packets taken of a call in a round: 8 times the normal rate */
    PENDING_DIGITS = 32,
    READY_BATCH = 256,           /* joined calls read in a tick */
    JOINED_PATIENCE_TICKS = 40,  /* for the next packet of the other side, behind the end of the last */
};

enum { PCMU = 0, PCMA = 8, COMFORT_NOISE = 13, NO_EVENTS = 255 };

/* Frames that can be played. The caller writes it before anybody is told of it, and after everybody is done
 * with it. */
struct prompt {
    uint64_t handle; /* 0: none */
    const uint8_t *frames[LAWS];
    uint32_t count;
};

enum segment_state { FREE, QUEUED, PLAYED, STOPPED };

/* Something to be played in a call. The caller only knows which are free. */
struct segment {
    struct segment *next;
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

#define FIGURES (sizeof(struct plane_stats) / sizeof(uint64_t))

/* What the media thread writes and the caller reads at any time; CLOCK_MONOTONIC, 0: never. */
struct signs {
    _Alignas(CACHE_LINE) _Atomic int64_t heard_ns;
    _Atomic int64_t received_ns;
    _Atomic uint64_t figures[FIGURES]; /* the fields of plane_stats, once a round */
};

_Static_assert(sizeof(struct plane_stats) == FIGURES * sizeof(uint64_t), "figures of 64 bits, all");

/* A call, as the media thread has it. */
struct call {
    uint64_t handle; /* 0: it is not open */
    struct signs *signs;
    int fd;
    uint8_t payload_type;
    uint8_t audio_type;         /* on the wire, if that is another; else 0 */
    uint8_t event_payload_type; /* that is sent */
    uint8_t event_from_peer;
    bool on_hold;
    bool comfort_noise;           /* was agreed */
    union address signalled; /* by SDP */
    union address peer;      /* where frames go */
    struct latch latch;
    bool latched;
    bool connected;
    uint32_t ssrc;
    uint32_t timestamp; /* of open_tick */
    uint16_t sequence;
    bool spoken;
    uint32_t sent_end; /* timestamp behind all that was sent */
    uint32_t noise_rounds; /* since there was anything but comfort noise */
    uint64_t open_tick;
    int slot;
    struct call *previous, *next;                  /* in the slot */
    struct segment *first, *playing, *last;        /* first: oldest not reported */
    struct receiver rx;
    struct call *bridged; /* the other side */
    uint64_t relayed_until; /* tick in which the last packet of the other side is over */
    struct relay relay;
    struct relayed_key relayed_key;
    struct member *member; /* of a room */
    bool watched;          /* read when something arrives */
    int budget;            /* packets that may yet be read in this round */
    struct recorder recorder;
    struct rtcp rtcp;
    struct srtp srtp;
    struct ahead ahead;
    char digits[PENDING_DIGITS];
    unsigned digit_count;
    bool owes_first, owes_timeout, owes_closed, owes_report;
    struct plane_stats stats;
    uint64_t told_unauthentic, told_replayed; /* of those: what the plane's figures have */
};

struct member {
    struct call *call; /* NULL: the place is free */
    bool muted;
    float gain; /* the limiter's */
    struct voice voice;
    int16_t frame[MIX_SAMPLES];
};

struct room {
    uint64_t handle;
    bool open, closed;
    int slot;
    struct room *next; /* in the slot */
    struct member members[PLANE_ROOM_MEMBERS];
};

struct slot {
    struct call *first;
    uint32_t count; /* of calls, and places in rooms */
    struct room *rooms;
};

/* A call, as the caller has it. */
struct caller_call {
    int fd, rtcp_fd; /* rtcp_fd 0: none */
    sa_family_t family; /* of both */
    bool closing;
    bool is_protected;   /* keys were handed over */
    bool closed;         /* CLOSED was taken */
    uint32_t queued;     /* segments not yet reported */
    uint32_t recordings; /* likewise */
};

/* What the caller keeps of a prompt. */
struct caller_prompt {
    uint8_t *map; /* NULL: it is none */
    size_t map_bytes;
    uint32_t uses; /* segments that play it */
    bool dropped;
};

struct caller_recording {
    recording *one;
    bool done; /* RECORDED was taken */
};

/* The caller's own. */
struct caller {
    bool *room_closing; /* by number of the room */
    struct places call_places, prompt_places, segment_places, room_places, recording_places,
        key_places;
    struct caller_call *calls;
    struct caller_prompt *prompts;
    uint32_t *segment_prompts; /* by number of the segment: that of its prompt, or NO_PLACE */
    struct command *held; /* waiting for room in the ring: held[held_first .. held_count) */
    size_t held_first, held_count, held_room;
};

struct plane {
    /* set before the thread starts; what the tables hold goes from one to the other */
    struct plane_config config;
    pthread_t thread;
    int event_fd;
    int wake_fd;
    int epoll_fd;
    struct recorders *recorders;
    struct command *command;
    struct report *report;
    struct call *calls;
    struct signs *signs;
    struct segment *segments;
    struct prompt *prompts; /* as many as segments */
    struct room **rooms;
    struct caller_recording *recordings;
    struct srtp_key *keys;
    uint64_t *released; /* handles of keys that are not used any more */
    struct ring commands;
    struct ring reports;
    struct ring releases; /* with room for all that there are */
    _Alignas(CACHE_LINE) _Atomic bool stopping;
    _Atomic bool idle;
    _Alignas(CACHE_LINE) struct caller caller;
    /* the media thread's */
    _Alignas(CACHE_LINE) uint64_t tick;
    int64_t epoch_ns; /* of tick 0 */
    int64_t now_ns;   /* when this tick began */
    uint64_t timeout_ticks;
    uint32_t open_calls;
    uint32_t open_rooms;
    uint32_t watched_calls;
    bool reported; /* in this tick */
    int64_t arrived; /* the packet that is being received, in samples: see sample_clock() */
    struct slot slots[SLOTS];
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec vectors[RECEIVE_BATCH];
    union address sources[RECEIVE_BATCH];
    uint8_t packets[RECEIVE_BATCH][RTP_MAX_BYTES];
    int ahead_fd; /* memory that the kernel writes, and where we read it: see next_frame() */
    const uint8_t *ahead;
    uint8_t crossed[RTP_MAX_BYTES]; /* the audio of a packet in the other law */
    struct epoll_event ready[READY_BATCH];
    _Alignas(struct cmsghdr) uint8_t stamps[RECEIVE_BATCH][ARRIVAL_BYTES];
    /* for plane_health() */
    _Alignas(CACHE_LINE) _Atomic uint64_t seen_calls;
    _Atomic uint64_t skipped_rounds;
    _Atomic uint64_t refused;
    _Atomic uint64_t unauthentic, replayed;
    _Atomic int64_t late_max_ns;
    _Atomic int32_t scheduling;
};

/* A packet that leaves. */
struct outgoing {
    uint8_t payload_type;
    bool marker;
    uint16_t sequence;
    uint32_t timestamp;
    const uint8_t *payload;
    size_t bytes;
};

/* How many segments, and prompts, there may be in all; untouched ones take no memory. */
static inline uint32_t segment_count(const struct plane_config *config)
{
    return config->max_calls * 32 + 4 * PLANE_MAX_SEGMENTS;
}

/* Those that are closing take up to a round. */
static inline uint32_t room_count(const struct plane_config *config)
{
    return config->max_calls + 256;
}

/* Those of calls that were closed may still be on their way to the disk. */
static inline uint32_t recording_count(const struct plane_config *config)
{
    return config->max_calls * 2 * PLANE_MAX_RECORDINGS;
}

/* Two a call, and two that were before, of calls that are closing too; a power of two. */
static inline uint32_t key_count(const struct plane_config *config)
{
    uint32_t count = 8;
    while (count < config->max_calls * 8)
        count *= 2;
    return count;
}

static inline int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* This tick, in samples: where the frames begin that are sent in it. */
static inline int64_t sample_clock(const struct plane *p)
{
    return (int64_t)p->tick * SAMPLES_PER_TICK;
}

static inline uint32_t timestamp_now(const struct plane *p, const struct call *call)
{
    return call->timestamp + (uint32_t)(p->tick - call->open_tick) * SAMPLES_PER_TICK;
}

/* By how many samples what was sent is ahead of the clock. */
static inline int32_t sent_ahead(const struct plane *p, const struct call *call)
{
    return call->spoken ? (int32_t)(call->sent_end - timestamp_now(p, call)) : 0;
}

/* Where audio goes on: at the clock, or behind what was sent if that is later. */
static inline uint32_t next_timestamp(const struct plane *p, const struct call *call)
{
    return sent_ahead(p, call) > 0 ? call->sent_end : timestamp_now(p, call);
}

static inline void signal_fd(int fd)
{
    uint64_t one = 1;
    /* cannot fail but by a counter at its top, and then the reader is awake anyway */
    ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

/* ---- schedule.c ---------------------------------------------------------------------- */

int emptiest_slot(const struct plane *p);
void slot_insert(struct plane *p, struct call *call, int number);
void slot_remove(struct plane *p, struct call *call);

/* What was sent last is over when another slot is served, or this one: move there, so that what is sent
 * next follows without a gap. False: it is over by now, or far ahead. */
bool align(struct plane *p, struct call *call);

/* A call that begins to play: served as soon as possible, but not before the frame that was sent
 * last is over, and then without a gap. */
void hasten(struct plane *p, struct call *call);

/* ---- events.c ------------------------------------------------------------------------ */

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct plane *p, struct call *call);

/* After this the room is the caller's. False: there was no room for it in the ring. */
bool emit_room_closed(struct plane *p, struct room *room);

/* ---- send.c -------------------------------------------------------------------------- */

/* Did a packet find nobody at the peer's port? It is told of with whatever is asked of the socket next. */
bool was_refused(struct call *call, ssize_t result);

/* The payload goes to the kernel from where it lies: no copy, and a prompt file that was cut short
 * behind our back is an EFAULT here where touching it would be a SIGBUS. */
bool send_packet(struct call *call, const struct outgoing *packet);

/* A packet has left, or was lost on the way out. */
void note_sent(struct call *call, uint32_t end);

/* What a peer hears passes here, all of it. */
void transmit(struct call *call, const struct outgoing *audio);
void transmit_frame(struct plane *p, struct call *call, const uint8_t *frame);

/* Nothing else is sent to this call in this round. */
bool is_quiet(const struct plane *p, const struct call *call);

/* A round in which nothing is to be heard. */
void send_silence(struct plane *p, struct call *call);
void send_frame(struct plane *p, struct call *call);

/* ---- digits.c ------------------------------------------------------------------------ */

/* A round of the digit that is being sent. */
void send_digit(struct plane *p, struct call *call, struct segment *segment);

/* A key must not stay down because nobody said that it went up. */
void release_key(struct call *call, const struct segment *segment);

/* ---- reports.c ----------------------------------------------------------------------- */

void note_latest(_Atomic int64_t *moment, int64_t ns);

/* Let the caller see the figures. */
void show_figures(struct call *call);
void set_up_rtcp(struct plane *p, struct call *call, const struct command *command);
void serve_rtcp(struct plane *p, struct call *call);

/* On the port of the RTP. */
void take_rtcp(struct plane *p, struct call *call, const uint8_t *data, size_t bytes,
               const union address *source);
void say_goodbye(struct plane *p, struct call *call);

/* ---- receive.c ----------------------------------------------------------------------- */

bool is_audio(const struct call *call, const struct rtp *rtp);

/* Some answer with another number than the one that they were offered, and then use that. */
bool is_event(const struct call *call, const struct rtp *rtp);
void unconfine(struct call *call);
void prepare_receive(struct plane *p);

/* What is encrypted is decrypted where it lies. */
void receive_packet(struct plane *p, struct call *call, uint8_t *data, size_t bytes,
                    const union address *source);

/* What has arrived, as far as the budget of this round goes. */
void receive(struct plane *p, struct call *call);
void watch_silence(struct plane *p, struct call *call);

/* ---- protect.c ----------------------------------------------------------------------- */

/* The caller's side: make keys for a command. Negative: there is no memory, or no place. */
int take_keys(struct plane *p, const struct plane_key *send, const struct plane_key *receive,
              struct key_handles *out);
void free_keys(struct plane *p, const struct key_handles *made);
void take_releases(struct plane *p);
void free_all_keys(struct plane *p);

/* The media thread's: use them. False: they are not known. */
bool protect(struct plane *p, struct call *call, const struct key_handles *asked);
void use_next_key(struct plane *p, struct call *call);
void release_keys(struct plane *p, struct call *call);

/* The figures of all calls. */
void count_refused(struct plane *p, struct call *call);

/* The next frame of a segment, to be read by us and not by the kernel alone. NULL: it is not there any more. */
const uint8_t *next_frame(struct plane *p, struct call *call, const struct segment *segment);

/* ---- relay.c ------------------------------------------------------------------------- */

/* To the other side of a bridge. */
void cross_over(struct plane *p, struct call *to, const struct call *from, const struct rtp *rtp);

/* ---- join.c -------------------------------------------------------------------------- */

void serve_watched(struct plane *p);
void leave(struct plane *p, struct call *call);
void bridge(struct plane *p, struct call *one, struct call *other);
void join(struct plane *p, struct call *call, struct room *room, bool muted);

/* ---- room.c -------------------------------------------------------------------------- */

void open_room(struct plane *p, struct room *room);
void close_room(struct plane *p, struct room *room);
void serve_room(struct plane *p, struct room *room);
void serve_rooms(struct plane *p, struct slot *slot);

/* ---- commands.c ---------------------------------------------------------------------- */

/* Do what is asked. False: it made no sense, and nothing was done. */
bool take_command(struct plane *p, const struct command *command);
void take_commands(struct plane *p);

/* ---- thread.c ------------------------------------------------------------------------ */

void serve_slot(struct plane *p, struct slot *slot);

/* Leave out whole rounds that cannot be made up for without sending bursts. */
void skip_rounds(struct plane *p, int64_t late_ns);
void *run(void *argument);

/* ---- plane.c ------------------------------------------------------------------------- */

int allocate(struct plane *p);

/* ---- caller.c ------------------------------------------------------------------------ */

/* The number of a call that was not reaped, or not even closed; NO_PLACE: there is none. */
uint32_t find(const struct plane *p, uint64_t handle);
uint32_t find_open(const struct plane *p, uint64_t handle);
int submit(struct plane *p, const struct command *command);

/* A command of nothing but its kind. -ENOENT. */
int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind);
void free_room(struct plane *p, uint32_t index);
void close_sockets(const struct caller_call *call);

/* ---- prompts.c ----------------------------------------------------------------------- */

/* Unmap a prompt that was dropped and that nothing plays. */
void release_prompt(struct plane *p, uint32_t index);
void free_prompts(struct caller *caller);

#endif
