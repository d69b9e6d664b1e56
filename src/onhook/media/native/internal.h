/* The plane inside: what its files have in common. plane.h says what it does for its caller, the switch, which
 * is on the other side of a link (link.h), and in another process or in this one.
 *
 *   host.c       from start to stop
 *   clerk.c      a thread that takes commands from the link, and tells of what has ended
 *   admit.c      what it does with a command: checks it, does what needs the system, and hands it on
 *   keeping.c    what is kept for that: prompts, keys, recordings, sockets; and how it is freed
 *   thread.c     the media thread: its clock, and what is done in a tick
 *   commands.c   what the clerk passed on
 *   schedule.c   which call is served when
 *   send.c       frames, silence
 *   digits.c     keys: events or tones (tones.c)
 *   receive.c    whose packets are the peer's, and what is in them
 *   protect.c    its encryption (srtp.c)
 *   relay.c      from one side of a bridge to the other
 *   join.c       who hears whom
 *   room.c       calls that hear each other mixed
 *   reports.c    RTCP of a call (rtcp.c)
 *   events.c     what is told to the switch
 *
 * Who owns what. Calls, rooms, recordings and prompts are named by handles (places.h), which the switch gives
 * out; keys by handles of the clerk's. A call, a room, a key and a prompt that plays belong to the media thread
 * from the command that it is passed on with until it is among what is gone (gone.h), a segment from PLAY until
 * its PLAYED or STOPPED is in the ring. All of it is allocated beforehand: the media thread neither allocates nor
 * frees.
 */
#ifndef ONHOOK_INTERNAL_H
#define ONHOOK_INTERNAL_H

#include "plane.h"

#include "address.h"
#include "commands.h"
#include "gone.h"
#include "keys.h"
#include "latch.h"
#include "law.h"
#include "link.h"
#include "mixer.h"
#include "places.h"
#include "recorder.h"
#include "ring.h"
#include "rtcp.h"
#include "rtp.h"
#include "srtp.h"
#include "tables.h"

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
    size_t map_bytes;
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
    int64_t closed_ns;
    struct gone gone;
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
    bool closing; /* the clerk's: CLOSE_ROOM was passed on */
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

/* What the clerk keeps of a call, from OPEN until it is CLOSED. */
struct kept_call {
    uint64_t handle; /* 0: none */
    int fd, rtcp_fd; /* rtcp_fd 0: none */
    bool closing;    /* CLOSE was passed on */
    bool is_protected;
};

/* A descriptor whose command has not come. */
struct parcel {
    uint64_t number;
    int fd; /* -1: none, or none that is any good */
};

struct host {
    /* set before the threads start; what the tables hold goes from one to the other */
    struct plane_config config;
    struct link_memory link;
    int memory_fd, command_fd, event_fd; /* the link's; event_fd the writing end of a pipe */
    int control;                         /* our end of its socket */
    int far_event_fd, far_control; /* the switch's ends; -1 once it has them */
    int wake_fd;  /* of the media thread */
    int clerk_fd; /* of the clerk, for all but commands */
    int heard_fd; /* what the clerk waits for, all of it */
    int over_fd;  /* readable once the link is over */
    int epoll_fd;
    pthread_t thread, clerk;
    struct recorders *recorders;
    struct command *command; /* from the clerk to the media thread */
    struct ring commands;
    struct call *calls;
    struct segment *segments;
    struct prompt *prompts; /* as many as segments */
    struct room **rooms;
    recording **recordings;
    struct srtp_key *keys;
    _Alignas(CACHE_LINE) _Atomic bool stopping;
    _Atomic bool idle;         /* the media thread: it wants to be woken */
    _Atomic bool clerk_asleep; /* likewise */
    _Atomic int over;          /* enum plane_end, once the link is over */
    struct gone *_Atomic gone;
    /* the clerk's */
    _Alignas(CACHE_LINE) struct link_end asked, endings;
    struct kept_call *kept;
    struct places key_places;
    uint32_t fresh_segments; /* from here on no memory was touched */
    struct parcel parcels[PARCELS]; /* oldest first */
    size_t parcel_count;
    bool mail; /* there may be more */
    struct gone *leaving; /* those whose end there was no room to tell of */
    /* the media thread's */
    _Alignas(CACHE_LINE) uint64_t tick;
    int64_t epoch_ns; /* of tick 0 */
    int64_t now_ns;   /* when this tick began */
    uint64_t timeout_ticks;
    uint32_t open_calls;
    uint32_t open_rooms;
    uint32_t watched_calls;
    struct link_end reports;
    bool reported; /* in this tick */
    bool let_go;   /* likewise */
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

static inline int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* This tick, in samples: where the frames begin that are sent in it. */
static inline int64_t sample_clock(const struct host *p)
{
    return (int64_t)p->tick * SAMPLES_PER_TICK;
}

static inline uint32_t timestamp_now(const struct host *p, const struct call *call)
{
    return call->timestamp + (uint32_t)(p->tick - call->open_tick) * SAMPLES_PER_TICK;
}

/* By how many samples what was sent is ahead of the clock. */
static inline int32_t sent_ahead(const struct host *p, const struct call *call)
{
    return call->spoken ? (int32_t)(call->sent_end - timestamp_now(p, call)) : 0;
}

/* Where audio goes on: at the clock, or behind what was sent if that is later. */
static inline uint32_t next_timestamp(const struct host *p, const struct call *call)
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

/* Its reader reads all away; when that is full, it is awake. */
static inline void ring_switch(const struct host *p)
{
    ssize_t written = write(p->event_fd, "", 1);
    (void)written;
}

/* ---- schedule.c ---------------------------------------------------------------------- */

int emptiest_slot(const struct host *p);
void slot_insert(struct host *p, struct call *call, int number);
void slot_remove(struct host *p, struct call *call);

/* What was sent last is over when another slot is served, or this one: move there, so that what is sent
 * next follows without a gap. False: it is over by now, or far ahead. */
bool align(struct host *p, struct call *call);

/* A call that begins to play: served as soon as possible, but not before the frame that was sent
 * last is over, and then without a gap. */
void hasten(struct host *p, struct call *call);

/* ---- events.c ------------------------------------------------------------------------ */

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct host *p, struct call *call);

/* It is the clerk's from now on. */
void let_go(struct host *p, struct gone *one, enum gone_kind kind);

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
void transmit_frame(struct host *p, struct call *call, const uint8_t *frame);

/* Nothing else is sent to this call in this round. */
bool is_quiet(const struct host *p, const struct call *call);

/* A round in which nothing is to be heard. */
void send_silence(struct host *p, struct call *call);
void send_frame(struct host *p, struct call *call);

/* ---- digits.c ------------------------------------------------------------------------ */

/* A round of the digit that is being sent. */
void send_digit(struct host *p, struct call *call, struct segment *segment);

/* A key must not stay down because nobody said that it went up. */
void release_key(struct call *call, const struct segment *segment);

/* ---- reports.c ----------------------------------------------------------------------- */

void note_latest(_Atomic int64_t *moment, int64_t ns);

/* Let the caller see the figures. */
void show_figures(struct call *call);
void set_up_rtcp(struct host *p, struct call *call, const struct command *command);
void serve_rtcp(struct host *p, struct call *call);

/* On the port of the RTP. */
void take_rtcp(struct host *p, struct call *call, const uint8_t *data, size_t bytes,
               const union address *source);
void say_goodbye(struct host *p, struct call *call);

/* ---- receive.c ----------------------------------------------------------------------- */

bool is_audio(const struct call *call, const struct rtp *rtp);

/* Some answer with another number than the one that they were offered, and then use that. */
bool is_event(const struct call *call, const struct rtp *rtp);
void unconfine(struct call *call);
void prepare_receive(struct host *p);

/* What is encrypted is decrypted where it lies. */
void receive_packet(struct host *p, struct call *call, uint8_t *data, size_t bytes,
                    const union address *source);

/* What has arrived, as far as the budget of this round goes. */
void receive(struct host *p, struct call *call);
void watch_silence(struct host *p, struct call *call);

/* ---- protect.c ----------------------------------------------------------------------- */

/* Use keys of the clerk's. False: they are not known. */
bool protect(struct host *p, struct call *call, const struct key_handles *asked);
void use_next_key(struct host *p, struct call *call);
void release_keys(struct host *p, struct call *call);

/* The figures of all calls. */
void count_refused(struct host *p, struct call *call);

/* The next frame of a segment, to be read by us and not by the kernel alone. NULL: it is not there any more. */
const uint8_t *next_frame(struct host *p, struct call *call, const struct segment *segment);

/* ---- relay.c ------------------------------------------------------------------------- */

/* To the other side of a bridge. */
void cross_over(struct host *p, struct call *to, const struct call *from, const struct rtp *rtp);

/* ---- join.c -------------------------------------------------------------------------- */

void serve_watched(struct host *p);
void leave(struct host *p, struct call *call);
void bridge(struct host *p, struct call *one, struct call *other);
void join(struct host *p, struct call *call, struct room *room, bool muted);

/* ---- room.c -------------------------------------------------------------------------- */

void open_room(struct host *p, struct room *room);
void close_room(struct host *p, struct room *room);
void serve_room(struct host *p, struct room *room);
void serve_rooms(struct host *p, struct slot *slot);

/* ---- commands.c ---------------------------------------------------------------------- */

/* Do what is asked. False: it made no sense, and nothing was done. */
bool take_command(struct host *p, const struct command *command);
void take_commands(struct host *p);

/* ---- thread.c ------------------------------------------------------------------------ */

void serve_slot(struct host *p, struct slot *slot);

/* Leave out whole rounds that cannot be made up for without sending bursts. */
void skip_rounds(struct host *p, int64_t late_ns);
void *run(void *argument);

/* ---- clerk.c ------------------------------------------------------------------------- */

int listen_for_clerk(struct host *p);
void wake_clerk(struct host *p);

/* The link is over; whoever waits for that is told, once. */
void end_link(struct host *p, enum plane_end why);

/* Is there room to tell of an end? */
bool can_tell(struct host *p);
void tell(struct host *p, struct report ending);

/* Give the media thread a command; there is room for it. */
void hand_on(struct host *p, const struct command *command);

/* Free what the media thread is through with. */
void take_gone(struct host *p);

/* Do what there is to be done. False: there was nothing, or there is no room for more. */
bool serve_clerk(struct host *p);
void *keep(void *argument);

/* ---- admit.c ------------------------------------------------------------------------- */

/* What the switch asks for. What is refused is counted, and told of where the switch waits for an end. */
void admit(struct host *p, struct command *command);

/* ---- keeping.c ----------------------------------------------------------------------- */

/* The descriptor that was sent with this number, or -1; it is the caller's. */
int take_parcel(struct host *p, uint64_t number);

/* Keep what has come without a command. */
void collect_parcels(struct host *p);

/* Of one that was taken: it is no file. */
bool is_rtp_socket(int fd);
void close_kept(struct kept_call *call);

/* Map a prompt, and let it go; -errno. */
int keep_prompt(struct host *p, uint64_t handle, int fd, uint64_t offset, uint32_t count);
struct prompt *kept_prompt(struct host *p, uint64_t handle);

/* By either thread. True: it was the last, and leaves it to the clerk. */
bool let_go_prompt(struct host *p, struct prompt *prompt);
void free_prompt(struct prompt *prompt);

/* -errno; nothing is kept then. */
int keep_keys(struct host *p, const struct plane_key *send, const struct plane_key *receive,
              struct key_handles *out);
void free_key(struct host *p, struct srtp_key *key);
void free_kept(struct host *p);

/* ---- host.c -------------------------------------------------------------------------- */

/* All but the threads. 0, or a negative errno: then free_host(). */
int make_host(struct host *p, const struct plane_config *config, uint64_t generation);
void free_host(struct host *p);

#endif
