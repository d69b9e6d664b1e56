/* The plane inside: what its files have in common. plane.h says what it does for its caller, the switch, which
 * is on the other side of a link (link.h), and in another process or in this one.
 *
 *   host.c       from start to stop
 *   clerk.c      a thread that takes commands from the link, and tells of what has ended
 *   admit.c      what it does with a command: checks it, does what needs the system, and hands it on
 *   route.c      to the media thread that it is for, which is where the call is
 *   noting.c     what a switch to come has to know of calls
 *   relink.c     from one switch to the next
 *   keeping.c    what is kept for that: prompts, keys, recordings, sockets; and how it is freed
 *   thread.c     a media thread: its clock, and what is done in a tick
 *   commands.c   what the clerk passed on
 *   schedule.c   which call is served when
 *   send.c       frames, silence
 *   packing.c    packets of another length than frames
 *   batch.c      from a packet to the kernel (uring.c)
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
 * out; keys by handles of the clerk's. A call, a room, a key and a prompt that plays belong to a media thread
 * from the command that it is passed on with until it is among what is gone (gone.h), a segment from PLAY until
 * its PLAYED or STOPPED is in the ring. All of it is allocated beforehand: media threads neither allocate nor
 * free. They share nothing but what is atomic: calls that hear each other are in one thread, and the clerk, which
 * knows where each is, brings them there, by one thread's leave and to the other's tick.
 */
#ifndef ONHOOK_INTERNAL_H
#define ONHOOK_INTERNAL_H

#include "plane.h"

#include "batch.h"
#include "call.h"
#include "packing.h"
#include "places.h"
#include "ring.h"
#include "rtp.h"
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

/* What the clerk keeps of a call, from OPEN until it is CLOSED. */
struct kept_call {
    uint64_t handle; /* 0: none */
    int fd, rtcp_fd; /* rtcp_fd 0: none */
    unsigned thread; /* the number of the one that has it */
    bool closing;    /* CLOSE was passed on */
    bool is_protected;
    uint64_t last_play; /* the highest play_id of which the last segment was queued */
    uint64_t begun_play; /* of which the last segment is still to come; 0: none */
    uint64_t bridged_to, room; /* 0: none */
};

/* What the clerk keeps of a segment, from PLAY on. */
struct kept_segment {
    uint64_t call, play_id, prompt;
};

struct parcel { /* a descriptor whose command has not come */
    uint64_t number;
    int fd; /* -1: none, or none that is any good */
};

/* A call on its way from one thread to another. What else is asked waits until it is there. */
struct removal {
    bool going;
    uint32_t number; /* of this one: how many there were */
    uint64_t call;
    unsigned to;
    struct command then; /* why */
};

/* A media thread, and what is its own. */
struct media {
    struct host *host;
    pthread_t thread;
    struct command *command; /* from the clerk */
    struct ring commands;
    struct batch *batch;
    int wake_fd, epoll_fd;
    int still_fd; /* epoll of those that are left alone */
    int ahead_fd; /* memory that the kernel writes, and where we read it: see next_frame() */
    const uint8_t *ahead;
    _Alignas(CACHE_LINE) _Atomic bool idle; /* it wants to be woken */
    _Atomic uint32_t through; /* how many commands it has followed */
    _Alignas(CACHE_LINE) uint64_t tick;
    int64_t now_ns; /* when this tick began */
    uint32_t open_calls, open_rooms, watched_calls, still_calls;
    struct link_end reports;
    struct report *events; /* the entries of that ring */
    bool reported; /* in this tick */
    bool let_go;   /* likewise */
    int64_t arrived; /* the packet that is being received, in samples: see sample_clock() */
    struct slot slots[SLOTS];
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec vectors[RECEIVE_BATCH];
    union address sources[RECEIVE_BATCH];
    uint8_t packets[RECEIVE_BATCH][RTP_MAX_BYTES];
    uint8_t crossed[RTP_MAX_BYTES]; /* the audio of a packet in the other law */
    struct epoll_event ready[READY_BATCH];
    _Alignas(struct cmsghdr) uint8_t stamps[RECEIVE_BATCH][ARRIVAL_BYTES];
};

struct host {
    /* set before the threads start; what the tables hold goes from one to the other */
    struct plane_config config;
    struct link_memory link;
    int64_t epoch_ns; /* of tick 0 */
    uint64_t timeout_ticks;
    int memory_fd, command_fd, event_fd; /* the link's; event_fd the writing end of a pipe */
    int control;                         /* our end of its socket */
    int far_event_fd, far_control; /* the switch's ends; -1 once it has them */
    int clerk_fd; /* of the clerk, for all but commands */
    int heard_fd; /* what the clerk waits for, all of it */
    int over_fd;  /* readable once the link is over */
    pthread_t clerk;
    bool clerk_runs; /* or has ended, and is to be joined */
    struct recorders *recorders;
    struct call *calls;
    struct segment *segments;
    _Atomic uint8_t *segments_taken; /* by the thread of a call */
    struct prompt *prompts; /* as many as segments */
    struct room **rooms;
    recording **recordings;
    struct srtp_key *keys;
    _Alignas(CACHE_LINE) _Atomic bool stopping;
    _Atomic bool clerk_asleep; /* it wants to be woken */
    _Atomic bool letting_go;   /* it is to close all there is */
    _Atomic int over;          /* enum plane_end, once the link is over */
    _Atomic uint32_t moved;    /* how many calls have left their thread, or were not there */
    _Alignas(CACHE_LINE) _Atomic uint64_t told; /* how many reports and endings */
    struct gone *_Atomic gone;
    /* the clerk's */
    _Alignas(CACHE_LINE) struct link_end asked, endings;
    struct kept_call *kept;
    struct places key_places;
    struct kept_segment *kept_segments; /* by number */
    uint32_t fresh_segments; /* from here on no memory was touched, and likewise */
    uint32_t fresh_prompts;
    uint32_t generation;   /* the highest of all handles: places.h */
    uint32_t let_go_until; /* calls, and rooms behind them, that were closed */
    uint64_t mapped_bytes;   /* of prompts */
    struct parcel parcels[PARCELS]; /* oldest first */
    size_t parcel_count;
    bool mail; /* there may be more */
    struct gone *leaving; /* those whose end there was no room to tell of */
    uint32_t load[PLANE_MAX_THREADS]; /* calls, and places in rooms, by thread */
    uint32_t handed_on; /* commands, to all of them */
    struct removal removal;
    struct media threads[PLANE_MAX_THREADS];
};

static inline int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* This tick, in samples: where the frames begin that are sent in it. */
static inline int64_t sample_clock(const struct media *p)
{
    return (int64_t)p->tick * SAMPLES_PER_TICK;
}

static inline uint32_t timestamp_now(const struct media *p, const struct call *call)
{
    return call->timestamp + (uint32_t)(p->tick - call->open_tick) * SAMPLES_PER_TICK;
}

/* By how many samples what was sent is ahead of the clock. */
static inline int32_t sent_ahead(const struct media *p, const struct call *call)
{
    return call->spoken ? (int32_t)(call->sent_end - timestamp_now(p, call)) : 0;
}

/* Where audio goes on: at the clock, or behind what was sent if that is later. */
static inline uint32_t next_timestamp(const struct media *p, const struct call *call)
{
    return sent_ahead(p, call) > 0 ? call->sent_end : timestamp_now(p, call);
}

/* The number of what is told next; whoever takes it tells at once, as nothing behind it is heard before. */
static inline uint64_t next_serial(struct host *p)
{
    return atomic_fetch_add(&p->told, 1) + 1;
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

int emptiest_slot(const struct media *p);
void slot_insert(struct media *p, struct call *call, int number);
void slot_remove(struct media *p, struct call *call);

/* What was sent last is over when another slot is served, or this one: move there, so that what is sent
 * next follows without a gap. False: it is over by now, or far ahead. */
bool align(struct media *p, struct call *call);

/* A call that begins to play: served as soon as possible, but not before the frame that was sent
 * last is over, and then without a gap. */
void hasten(struct media *p, struct call *call);

/* A call that was just served goes with those of a slot before, if it is alone. */
void fall_in(struct media *p, struct call *call);

/* ---- events.c ------------------------------------------------------------------------ */

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct media *p, struct call *call);

/* To whoever comes after this plane: which press of a key was told of. */
void show_press(struct call *call);

/* It is the clerk's from now on. */
void let_go(struct media *p, struct gone *one, enum gone_kind kind);

/* ---- send.c -------------------------------------------------------------------------- */

/* A packet has left, or was lost on the way out. */
void note_sent(struct call *call, uint32_t end);

/* What a peer hears passes here, all of it. */
void transmit(struct call *call, const struct outgoing *audio);
void transmit_frame(struct media *p, struct call *call, const uint8_t *frame);

/* Nothing else is sent to this call in this round. */
bool is_quiet(const struct media *p, const struct call *call);

/* A round in which nothing is to be heard. */
void send_silence(struct media *p, struct call *call);
void send_frame(struct media *p, struct call *call);

/* ---- digits.c ------------------------------------------------------------------------ */

/* A round of the digit that is being sent. */
void send_digit(struct media *p, struct call *call, struct segment *segment);

/* A key must not stay down because nobody said that it went up. */
void release_key(struct call *call, const struct segment *segment);

/* ---- reports.c ----------------------------------------------------------------------- */

void note_latest(_Atomic int64_t *moment, int64_t ns);

/* Let the caller see the figures. */
void show_figures(struct call *call);
void set_up_rtcp(struct media *p, struct call *call, const struct command *command);
void serve_rtcp(struct media *p, struct call *call);

/* On the port of the RTP. */
void take_rtcp(struct media *p, struct call *call, const uint8_t *data, size_t bytes,
               const union address *source);
void say_goodbye(struct media *p, struct call *call);

/* ---- receive.c ----------------------------------------------------------------------- */

bool is_audio(const struct call *call, const struct rtp *rtp);

/* Some answer with another number than the one that they were offered, and then use that. */
bool is_event(const struct call *call, const struct rtp *rtp);
void unconfine(struct call *call);
void prepare_receive(struct media *p);

/* What is encrypted is decrypted where it lies. */
void receive_packet(struct media *p, struct call *call, uint8_t *data, size_t bytes,
                    const union address *source);

/* What has arrived, as far as the budget of this round goes. */
void receive(struct media *p, struct call *call);
void watch_silence(struct media *p, struct call *call);

/* ---- protect.c ----------------------------------------------------------------------- */

/* Use keys of the clerk's. False: they are not known. */
bool protect(struct media *p, struct call *call, const struct key_handles *asked);
void use_next_key(struct media *p, struct call *call);
void release_keys(struct media *p, struct call *call);

/* The figures of all calls. */
void count_refused(struct media *p, struct call *call);

/* The next frame of a segment, to be read by us and not by the kernel alone. NULL: it is not there any more. */
const uint8_t *next_frame(struct media *p, struct call *call, const struct segment *segment);

/* ---- relay.c ------------------------------------------------------------------------- */

/* To the other side of a bridge. */
void cross_over(struct media *p, struct call *to, const struct call *from, const struct rtp *rtp);

/* ---- join.c -------------------------------------------------------------------------- */

void serve_watched(struct media *p);

/* Nothing has come in this round. After a second of that the call is not read before something has. */
void leave_alone(struct media *p, struct call *call);

/* Something has arrived, or is to be looked for: read the call as others. */
void attend(struct media *p, struct call *call);
void attend_to_all(struct media *p);
void leave(struct media *p, struct call *call);
void bridge(struct media *p, struct call *one, struct call *other);
void join(struct media *p, struct call *call, struct room *room, bool muted);

/* ---- room.c -------------------------------------------------------------------------- */

void open_room(struct media *p, struct room *room);
void close_room(struct media *p, struct room *room);
void serve_room(struct media *p, struct room *room);
void serve_rooms(struct media *p, struct slot *slot);

/* ---- commands.c ---------------------------------------------------------------------- */

/* Do what is asked. False: it made no sense, and nothing was done. */
bool take_command(struct media *p, const struct command *command);
void take_commands(struct media *p);

/* ---- thread.c ------------------------------------------------------------------------ */

void serve_slot(struct media *p, struct slot *slot);

/* Leave out whole rounds that cannot be made up for without sending bursts. */
void skip_rounds(struct media *p, int64_t late_ns);
void *run(void *argument);

/* ---- clerk.c ------------------------------------------------------------------------- */

int listen_for_clerk(struct host *p);
void wake_clerk(struct host *p);

/* The link is over; whoever waits for that is told, once. */
void end_link(struct host *p, enum plane_end why);

/* Is there room to tell of an end? */
bool can_tell(struct host *p);
void tell(struct host *p, struct report ending);

/* Free what the media threads is through with. */
void take_gone(struct host *p);

/* Do what there is to be done. False: there was nothing, or there is no room for more. */
bool serve_clerk(struct host *p);
void *keep(void *argument);

/* ---- route.c ------------------------------------------------------------------------- */

/* The number of the thread that a new call or room goes to. */
unsigned choose_thread(const struct host *p);

/* Is there room for whatever a command comes to, in every thread? */
bool can_hand_on(struct host *p);

/* Give a command to the thread that it is for; there is room for it. Two who are to be joined are brought
 * together first: that has begun then, and the command waits for its end. */
void hand_on(struct host *p, const struct command *command);

/* The call has left its thread: it goes to the other. */
bool has_moved(struct host *p);
void finish_move(struct host *p);

/* ---- admit.c ------------------------------------------------------------------------- */

/* What the switch asks for. What is refused is counted, and told of where the switch waits for an end. */
void admit(struct host *p, struct command *command);

/* ---- noting.c ------------------------------------------------------------------------ */

/* A command that was admitted. */
void note(struct host *p, const struct command *command);

/* List what is open for the next switch. */
void list_all(struct host *p);

/* ---- relink.c ------------------------------------------------------------------------ */

/* Bells and socket of a link: new ones, in the place of those that there were. Negative errno. */
int make_ends(struct host *p);

/* What a switch that is gone has asked, until all of it has been followed. */
void take_the_rest(struct host *p);

/* Close what there is, as far as there is room for it. */
void let_go_of_all(struct host *p);

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
void free_prompt(struct host *p, struct prompt *prompt);

/* -errno; nothing is kept then. */
int keep_keys(struct host *p, const struct plane_key *send, const struct plane_key *receive,
              struct key_handles *out);
void free_key(struct host *p, struct srtp_key *key);
void free_kept(struct host *p);

/* What has come without a command never will have one. */
void drop_parcels(struct host *p);

/* All prompts, for whoever asked for them is gone; what plays, plays on. */
void drop_prompts(struct host *p);

/* ---- host.c -------------------------------------------------------------------------- */

/* All but the threads. 0, or a negative errno: then free_host(). */
int make_host(struct host *p, const struct plane_config *config, uint64_t generation);
void free_host(struct host *p);

/* Signals are the main thread's affair. Negative errno. */
int start_thread(pthread_t *thread, void *(*work)(void *), void *p);

#endif
