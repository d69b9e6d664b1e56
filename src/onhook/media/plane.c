/* The media plane. plane.h says what it does for its caller; this is how.
 *
 * Time. A tick is 1 ms, on CLOCK_MONOTONIC; 20 ticks are a round. Each call stands in one of 20
 * slots and is served once a round: at most one frame sent, and what has arrived taken in. A tick
 * takes the commands, then serves its slot: first all frames are sent, then all sockets are read.
 *
 * Being late. A tick that begins late is made up for at once, and so are the ticks that it held
 * up, in order: within 20 ms each call still gets one frame a round. When a whole round or more
 * is behind (the machine stood still), whole rounds are left out, for all calls alike: the frames
 * that were not sent are sent later, none is dropped and none is sent in a burst, and the RTP
 * timestamp tells the receiver that the pause was one.
 *
 * RTP. The timestamp of a packet is that of its tick (8 samples each), so it follows the clock. The
 * marker bit is set when the timestamp does not follow on from the packet before: on the first, after
 * a hold, after a pause, after comfort noise (RFC 3551 section 4.1).
 *
 * Silence. Whoever is sent nothing else is sent silence, a frame each round on the same line of
 * timestamps, so that a prompt begins where a frame of silence ends, with no gap and no marker:
 * exchanges end calls from which nothing comes, and learn from what comes where to send. A peer
 * that agreed to comfort noise (RFC 3389) gets a packet of that each 100 ms instead. One of two joined
 * calls gets silence when the other side has sent nothing for 60 ms, or for 40 ms more than its
 * packets last. Silence is not recorded: nobody said anything.
 *
 * Bridges. What one call receives is sent to the other as soon as it is read, with its steps of
 * timestamp and sequence number kept, so that the far end sees the jitter, the losses and the
 * packet time of the sender. Where that sequence begins is set anew when it cannot follow on (the
 * sender changed, or a prompt was played in between): then at the clock, or behind what was sent
 * last if that is later. Telephone-events pass in the same way, if the other side knows them.
 * Calls that are joined to others are read as soon as something has arrived (epoll, each tick),
 * not once a round; how much is read of one in a round is bounded all the same.
 *
 * Rooms stand in slots, as calls do; mixer.c is what happens to the voices. Each member without
 * anything to play is sent a frame each round.
 *
 * The peer. Before any RTP has arrived, frames go to the address of the SDP. The first valid
 * packet of G.711, or with an event that was negotiated, decides where they go from then on (the peer may
 * be behind NAT), if it comes from where the peer may be: latch.h. Nobody else is listened to afterwards,
 * but for the address of the SDP itself, as whoever was quicker than the peer that we were told of loses
 * the call to it, and for the same source at another address once the old one has been silent for a second.
 * The socket is connected to the address of the SDP while that one speaks.
 *
 * On hold. Nothing is sent to a peer that does not listen, and it uses up no sequence numbers; what
 * plays goes on in time, as what is said to it does, and is heard again where it has got to.
 *
 * Digits (RFC 4733) are reported with the first packet of an event that arrives, whichever it is,
 * so that a prompt stops when the key goes down; keys.h says which packets are the same press.
 *
 * Who owns what. A call belongs to the caller until OPEN is taken and again once CLOSED is taken, a
 * room likewise; in between only `generation`, `in_use`, `closing`, `queued` and `fd` are the
 * caller's to look at (fd does not change). A segment belongs to the media thread from PLAY until its PLAYED or STOPPED
 * is in the event ring. So the media thread neither allocates nor frees.
 *
 * When the event ring is full, what happened stays noted in the call (segments in their list,
 * digits in a short queue, the rest in flags) and is reported in a later round. Only digits can be
 * lost, beyond 32 that nobody took; they are counted. When the command ring is full, commands wait
 * in a list of the caller's, in order.
 */
#define _GNU_SOURCE
#include "plane.h"
#include "keys.h"
#include "latch.h"
#include "law.h"
#include "mixer.h"
#include "recorder.h"
#include "rtcp.h"
#include "rtp.h"
#include "silence.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_NS = 1000000,
    SLOTS = PLANE_FRAME_MS,
    SAMPLES_PER_TICK = 8,
    RTP_MAX_BYTES = 1500,
    RECEIVE_BATCH = 8,        /* packets taken of a call in a round: 8 times the normal rate */
    RECEIVE_BUFFER = 32768,   /* bytes; the kernel doubles it: about 1.5 s of a normal stream */
    COMMANDS_PER_TICK = 2048, /* so that a flood of commands does not stop the frames */
    MAX_CALLS = 1 << 20,
    MAX_RING = 1 << 20,
    PENDING_DIGITS = 32,
    REFUSED_TICKS = 1000,     /* silence is told of sooner, if nobody is at the peer's port: 1 s */
    SEQUENCE_RESTART = 3000,     /* a gap this wide is a new sequence (RFC 3550 A.1 MAX_DROPOUT) */
    READY_BATCH = 256,           /* joined calls read in a tick */
    RELAY_GAP = 64,              /* wider, and a bridged sequence begins anew */
    RELAY_ASTRAY = 8000,         /* samples that a bridged timestamp may be off our clock: 1 s */
    DIGIT_ROUNDS = 8,            /* of a digit that is sent, its pause included */
    DIGIT_DOWN_ROUNDS = 5,
    DIGIT_END_PACKETS = 3,       /* RFC 4733 section 2.5.1.4 */
    DIGIT_VOLUME = 10,           /* dBm0, below 0 */
    PAUSE_ROUNDS = 50,           /* of a comma */
    JOINED_PATIENCE_TICKS = 40,  /* for the next packet of the other side, behind the end of the last */
    NOISE_ROUNDS = 5,            /* from one packet of comfort noise to the next */
    FIFO_PRIORITY = 10,
    NICE_LEVEL = -15,
    TIMER_SLACK_NS = 1000,
};

enum { PCMU = 0, PCMA = 8, COMFORT_NOISE = 13, NO_EVENTS = 255 };
enum segment_state { QUEUED, PLAYED, STOPPED };
enum segment_kind { FRAMES, LOOPED, LOOPED_LAST, DIGITS };

static const char keys[] = "0123456789*#ABCD"; /* by event code (RFC 4733 section 3.2) */

struct segment {
    struct segment *next;
    const uint8_t *frames[LAWS]; /* or digits, in both */
    uint64_t play_id;
    int64_t done_ns;
    uint32_t count;
    uint32_t sent;
    enum segment_kind kind;
    enum segment_state state;
    uint32_t step;            /* rounds of this digit */
    uint32_t event_timestamp; /* of this digit */
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

struct call {
    /* the caller's */
    uint32_t generation;
    bool in_use;
    bool closing;
    bool closed;     /* CLOSED was taken */
    uint32_t queued; /* segments not yet reported */
    uint32_t recordings; /* likewise */
    struct call *next_free;
    int rtcp_fd; /* 0: none */
    /* the media thread's, once open */
    int fd;
    uint8_t payload_type;
    uint8_t audio_type;         /* on the wire, if that is another; else 0 */
    uint8_t event_payload_type; /* that is sent */
    uint8_t event_from_peer;
    bool on_hold;
    bool comfort_noise;           /* was agreed */
    struct sockaddr_in signalled; /* by SDP */
    struct sockaddr_in peer;      /* where frames go */
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
    char digits[PENDING_DIGITS];
    unsigned digit_count;
    bool owes_first, owes_timeout, owes_closed, owes_report;
    struct plane_stats stats;
    /* written by the media thread, and read by the caller at any time */
    _Atomic int64_t heard_ns;
    _Atomic int64_t received_ns;
};

struct member {
    struct call *call; /* NULL: the place is free */
    bool muted;
    float gain; /* the limiter's */
    struct voice voice;
    int16_t frame[MIX_SAMPLES];
};

struct plane_room {
    /* the caller's */
    struct plane_room *older, *newer; /* of those not yet freed */
    /* the media thread's */
    int slot;
    struct plane_room *next; /* in the slot */
    bool closed;
    struct member members[PLANE_ROOM_MEMBERS];
};

enum command_kind {
    OPEN, PLAY, CUT, REMOTE, LATCH, AGREE, RECORD, RECORD_STOP, BRIDGE, JOIN, MUTE, LEAVE, CLOSE,
    OPEN_ROOM, CLOSE_ROOM, REPORT
};

struct reporting {
    int fd; /* -1: as it was */
    bool mux;
    char cname[PLANE_CNAME_BYTES];
};

struct command {
    enum command_kind kind;
    struct call *call;
    struct segment *segment;
    recording *recording;
    struct sockaddr_in remote;
    struct latch latch;
    union {
        struct plane_format format;
        struct reporting reporting;
    };
    struct call *other;
    struct plane_room *room;
    bool muted;
};

struct report {
    enum plane_event_kind kind;
    struct plane_room *room; /* that has closed; then all else is nothing */
    int32_t digit;
    struct call *call;
    struct segment *segment;
    uint64_t behind; /* of REPORTED */
    int64_t at_ns;
};

/* One producer, one consumer; head and tail count for ever and wrap with their type. */
struct cursor {
    _Alignas(64) _Atomic uint32_t value;
};

struct ring {
    struct cursor head; /* the consumer's */
    struct cursor tail; /* the producer's */
    uint32_t size;
};

struct slot {
    struct call *first;
    uint32_t count; /* of calls, and places in rooms */
    struct plane_room *rooms;
};

struct plane {
    struct plane_config config;
    pthread_t thread;
    int event_fd;
    int wake_fd;
    int epoll_fd;
    _Atomic bool stopping;
    _Atomic bool idle;
    struct ring commands;
    struct command *command;
    struct ring reports;
    struct report *report;
    struct call *calls;
    struct recorders *recorders;
    /* the caller's */
    struct call *free_calls;
    struct plane_room *newest_room;
    struct command *held; /* waiting for room in the ring: held[held_first .. held_count) */
    size_t held_first, held_count, held_room;
    /* the media thread's */
    uint64_t tick;
    int64_t epoch_ns; /* of tick 0 */
    int64_t now_ns;   /* when this tick began */
    uint64_t timeout_ticks;
    uint32_t open_calls;
    uint32_t open_rooms;
    uint32_t watched_calls;
    struct slot slots[SLOTS];
    bool reported; /* in this tick */
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec vectors[RECEIVE_BATCH];
    struct sockaddr_in sources[RECEIVE_BATCH];
    uint8_t packets[RECEIVE_BATCH][RTP_MAX_BYTES];
    uint8_t crossed[RTP_MAX_BYTES]; /* the audio of a packet in the other law */
    struct epoll_event ready[READY_BATCH];
    _Alignas(struct cmsghdr) uint8_t stamps[RECEIVE_BATCH][ARRIVAL_BYTES];
    int64_t arrived; /* the packet that is being received, in samples: see sample_clock() */
    /* for plane_health() */
    _Atomic uint64_t seen_calls;
    _Atomic uint64_t skipped_rounds;
    _Atomic int64_t late_max_ns;
    _Atomic int32_t scheduling;
};

/* ---- Rings ------------------------------------------------------------------------------- */

static bool ring_has_room(struct ring *ring)
{
    return atomic_load(&ring->tail.value) - atomic_load(&ring->head.value) < ring->size;
}

static uint32_t ring_length(struct ring *ring)
{
    return atomic_load(&ring->tail.value) - atomic_load(&ring->head.value);
}

static uint32_t ring_put_at(struct ring *ring)
{
    return atomic_load(&ring->tail.value) & (ring->size - 1);
}

static uint32_t ring_take_at(struct ring *ring)
{
    return atomic_load(&ring->head.value) & (ring->size - 1);
}

static void ring_put(struct ring *ring)
{
    atomic_fetch_add(&ring->tail.value, 1);
}

static void ring_taken(struct ring *ring)
{
    atomic_fetch_add(&ring->head.value, 1);
}

/* ---- Clock ------------------------------------------------------------------------------- */

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* This tick, in samples: where the frames begin that are sent in it. */
static int64_t sample_clock(const struct plane *p)
{
    return (int64_t)p->tick * SAMPLES_PER_TICK;
}

/* A moment of clock_ns() on the same clock. */
static int64_t in_samples(const struct plane *p, int64_t at_ns)
{
    return (at_ns - p->epoch_ns) * SAMPLES_PER_TICK / TICK_NS;
}

static void sleep_until(int64_t when_ns)
{
    struct timespec when = {.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
    /* EINTR only means that the loop looks at the clock again */
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static void signal_fd(int fd)
{
    uint64_t one = 1;
    /* cannot fail but by a counter at its top, and then the reader is awake anyway */
    ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

/* ---- Slots ------------------------------------------------------------------------------- */

static void slot_insert(struct plane *p, struct call *call, int number)
{
    struct slot *slot = &p->slots[number];
    call->slot = number;
    call->previous = NULL;
    call->next = slot->first;
    if (slot->first)
        slot->first->previous = call;
    slot->first = call;
    slot->count++;
}

static void slot_remove(struct plane *p, struct call *call)
{
    struct slot *slot = &p->slots[call->slot];
    if (call->previous)
        call->previous->next = call->next;
    else
        slot->first = call->next;
    if (call->next)
        call->next->previous = call->previous;
    slot->count--;
}

static int emptiest_slot(const struct plane *p)
{
    int best = 0;
    for (int i = 1; i < SLOTS; i++)
        if (p->slots[i].count < p->slots[best].count)
            best = i;
    return best;
}

/* The soonest slot, beginning with this tick's, that is not fuller than an eighth above the
 * average: one always exists. */
static int soonest_slot(const struct plane *p)
{
    uint32_t quota = p->open_calls / SLOTS + p->open_calls / (SLOTS * 8) + 4;
    for (uint64_t tick = p->tick; tick < p->tick + SLOTS; tick++)
        if (p->slots[tick % SLOTS].count < quota)
            return (int)(tick % SLOTS);
    return emptiest_slot(p);
}

static uint32_t timestamp_now(const struct plane *p, const struct call *call)
{
    return call->timestamp + (uint32_t)(p->tick - call->open_tick) * SAMPLES_PER_TICK;
}

/* By how many samples what was sent is ahead of the clock. */
static int32_t sent_ahead(const struct plane *p, const struct call *call)
{
    return call->spoken ? (int32_t)(call->sent_end - timestamp_now(p, call)) : 0;
}

/* What was sent last is over when another slot is served, or this one: move there, so that what is sent
 * next follows without a gap. False: it is over by now, or far ahead. */
static bool align(struct plane *p, struct call *call)
{
    int32_t ahead = sent_ahead(p, call);
    if (!call->spoken || ahead < 0 || ahead > SLOTS * SAMPLES_PER_TICK)
        return false;
    int ticks = (ahead + SAMPLES_PER_TICK - 1) / SAMPLES_PER_TICK;
    slot_remove(p, call);
    slot_insert(p, call, (int)((p->tick + (uint64_t)ticks) % SLOTS));
    return true;
}

/* Where audio goes on: at the clock, or behind what was sent if that is later. */
static uint32_t next_timestamp(const struct plane *p, const struct call *call)
{
    return sent_ahead(p, call) > 0 ? call->sent_end : timestamp_now(p, call);
}

/* A call that begins to play: served as soon as possible, but not before the frame that was sent
 * last is over, and then without a gap. */
static void hasten(struct plane *p, struct call *call)
{
    if (align(p, call))
        return;
    int slot = soonest_slot(p);
    slot_remove(p, call);
    slot_insert(p, call, slot);
}

/* ---- Reports: from the state of a call into the event ring ------------------------------- */

static bool emit(struct plane *p, struct report report)
{
    if (!ring_has_room(&p->reports))
        return false;
    p->report[ring_put_at(&p->reports)] = report;
    ring_put(&p->reports);
    p->reported = true;
    return true;
}

static bool emit_segments(struct plane *p, struct call *call)
{
    struct segment *segment;
    while ((segment = call->first) && segment->state != QUEUED) {
        struct segment *next = segment->next; /* emitted, the segment is not ours any more */
        enum plane_event_kind kind = segment->state == PLAYED ? PLANE_PLAYED : PLANE_STOPPED;
        if (!emit(p, (struct report){
                .kind = kind, .call = call, .segment = segment, .at_ns = segment->done_ns}))
            return false;
        call->first = next;
        if (!next)
            call->last = NULL;
    }
    return true;
}

static bool emit_digits(struct plane *p, struct call *call)
{
    unsigned done = 0;
    while (done < call->digit_count &&
           emit(p, (struct report){.kind = PLANE_DIGIT,
                                   .call = call,
                                   .digit = call->digits[done],
                                   .at_ns = p->now_ns}))
        done++;
    call->digit_count -= done;
    memmove(call->digits, call->digits + done, call->digit_count);
    return call->digit_count == 0;
}

static bool emit_flag(struct plane *p, struct call *call, bool *owed, enum plane_event_kind kind)
{
    if (*owed && emit(p, (struct report){.kind = kind, .call = call, .at_ns = p->now_ns}))
        *owed = false;
    return !*owed;
}

static bool emit_report(struct plane *p, struct call *call)
{
    if (call->owes_report && emit(p, (struct report){.kind = PLANE_REPORTED,
                                                     .call = call,
                                                     .behind = call->stats.reported_behind,
                                                     .digit = (int32_t)call->stats.reported_lost,
                                                     .at_ns = p->now_ns}))
        call->owes_report = false;
    return !call->owes_report;
}

/* After CLOSED the call is the caller's, so it leaves its slot first. */
static void emit_closed(struct plane *p, struct call *call)
{
    if (!ring_has_room(&p->reports))
        return;
    slot_remove(p, call);
    p->open_calls--;
    atomic_store(&p->seen_calls, p->open_calls);
    emit(p, (struct report){.kind = PLANE_CLOSED, .call = call, .at_ns = p->now_ns});
}

/* After this the room is the caller's. False: there was no room for it in the ring. */
static bool emit_room_closed(struct plane *p, struct plane_room *room)
{
    return emit(p, (struct report){.room = room});
}

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
static void report(struct plane *p, struct call *call)
{
    if (emit_flag(p, call, &call->owes_first, PLANE_RTP_FIRST) && emit_digits(p, call) &&
        emit_segments(p, call) && emit_flag(p, call, &call->owes_timeout, PLANE_RTP_TIMEOUT) &&
        emit_report(p, call) && call->owes_closed)
        emit_closed(p, call);
}

/* ---- Sending ----------------------------------------------------------------------------- */

/* A packet that leaves. */
struct outgoing {
    uint8_t payload_type;
    bool marker;
    uint16_t sequence;
    uint32_t timestamp;
    const uint8_t *payload;
    size_t bytes;
};

/* Did a packet find nobody at the peer's port? It is told of with whatever is asked of the socket next. */
static bool was_refused(struct call *call, ssize_t result)
{
    bool refused = result < 0 && errno == ECONNREFUSED;
    call->rx.refused |= refused;
    return refused;
}

/* The payload goes to the kernel from where it lies: no copy, and a prompt file that was cut short
 * behind our back is an EFAULT here where touching it would be a SIGBUS. */
static bool send_packet(struct call *call, const struct outgoing *packet)
{
    uint8_t header[RTP_HEADER_BYTES] = {0x80};
    bool renamed = call->audio_type && packet->payload_type == call->payload_type;
    uint8_t type = renamed ? call->audio_type : packet->payload_type;
    header[1] = (uint8_t)(type | (packet->marker ? 0x80 : 0));
    put_be16(header + 2, packet->sequence);
    put_be32(header + 4, packet->timestamp);
    put_be32(header + 8, call->ssrc);
    struct iovec parts[2] = {
        {.iov_base = header, .iov_len = RTP_HEADER_BYTES},
        {.iov_base = (void *)(uintptr_t)packet->payload, .iov_len = packet->bytes},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (!call->connected) {
        message.msg_name = &call->peer;
        message.msg_namelen = sizeof call->peer;
    }
    ssize_t sent = sendmsg(call->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (was_refused(call, sent)) /* an earlier packet; this one was not tried */
        sent = sendmsg(call->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        call->stats.send_errors++;
        return false;
    }
    call->stats.sent_packets++;
    call->stats.sent_bytes += (uint64_t)sent;
    return true;
}

/* A packet has left, or was lost on the way out. */
static void note_sent(struct call *call, uint32_t end)
{
    if (!call->spoken || (int32_t)(end - call->sent_end) > 0)
        call->sent_end = end;
    call->spoken = true;
    call->noise_rounds = 0;
}

static void record_sent(struct call *call, const struct outgoing *audio)
{
    int32_t since_open = (int32_t)(audio->timestamp - call->timestamp);
    recorder_sent(&call->recorder, &(struct taped){
        .payload = audio->payload,
        .bytes = audio->bytes,
        .payload_type = audio->payload_type,
        .marker = audio->marker,
        .timestamp = audio->timestamp,
        .at = (int64_t)call->open_tick * SAMPLES_PER_TICK + since_open,
    });
}

/* What a peer hears passes here, all of it. */
static void transmit(struct call *call, const struct outgoing *audio)
{
    if (send_packet(call, audio) && call->recorder.count)
        record_sent(call, audio);
    note_sent(call, audio->timestamp + (uint32_t)audio->bytes); /* a byte is a sample */
}

/* A frame of our own, at the clock. */
static struct outgoing own_frame(struct plane *p, struct call *call, const uint8_t *frame)
{
    int32_t ahead = sent_ahead(p, call);
    call->relay.anchored = false;
    if (ahead > 0) /* a bridged sender was faster than the clock: it goes on from there */
        call->timestamp += (uint32_t)ahead;
    return (struct outgoing){
        .payload_type = call->payload_type,
        .marker = !call->spoken || call->noise_rounds || timestamp_now(p, call) != call->sent_end,
        .sequence = call->sequence++,
        .timestamp = timestamp_now(p, call),
        .payload = frame,
        .bytes = PLANE_FRAME_BYTES,
    };
}

static void transmit_frame(struct plane *p, struct call *call, const uint8_t *frame)
{
    if (call->on_hold) {
        call->relay.anchored = false;
        return;
    }
    struct outgoing packet = own_frame(p, call, frame);
    transmit(call, &packet);
}

/* RFC 3389 section 3. It has no samples, so that whatever comes next begins at once. */
static void send_noise(struct plane *p, struct call *call)
{
    uint32_t round = call->noise_rounds++;
    if (round % NOISE_ROUNDS)
        return;
    call->relay.anchored = false;
    call->stats.silent_packets += send_packet(call, &(struct outgoing){
        .payload_type = COMFORT_NOISE,
        .sequence = call->sequence++,
        .timestamp = timestamp_now(p, call),
        .payload = comfort_noise,
        .bytes = sizeof comfort_noise,
    });
    note_sent(call, timestamp_now(p, call));
    call->noise_rounds = round + 1;
}

/* A round in which nothing is to be heard. */
static void send_silence(struct plane *p, struct call *call)
{
    if (call->on_hold)
        return;
    if (call->comfort_noise) {
        send_noise(p, call);
        return;
    }
    struct outgoing packet = own_frame(p, call, silent_frames[law_of(call->payload_type)]);
    call->stats.silent_packets += send_packet(call, &packet);
    note_sent(call, packet.timestamp + PLANE_FRAME_BYTES);
}

/* Nothing else is sent to this call in this round. */
static bool is_quiet(const struct plane *p, const struct call *call)
{
    if (call->owes_closed || call->member || sent_ahead(p, call) > 0)
        return false;
    return !call->bridged || p->tick >= call->relayed_until + JOINED_PATIENCE_TICKS;
}

/* A telephone-event of `rounds` so far (RFC 4733 section 2.3). */
static void send_event(struct call *call, uint8_t key, uint32_t timestamp, uint32_t rounds, bool end)
{
    uint8_t payload[EVENT_BYTES] = {(uint8_t)(strchr(keys, key) - keys),
                                    (uint8_t)((end ? 0x80 : 0) | DIGIT_VOLUME)};
    uint32_t duration = rounds * PLANE_FRAME_BYTES;
    put_be16(payload + 2, (uint16_t)duration);
    call->relay.anchored = false;
    if (call->on_hold || call->event_payload_type == NO_EVENTS) /* since this was queued */
        return;
    send_packet(call, &(struct outgoing){
        .payload_type = call->event_payload_type,
        .marker = rounds == 1 && !end,
        .sequence = call->sequence++,
        .timestamp = timestamp,
        .payload = payload,
        .bytes = sizeof payload,
    });
    note_sent(call, timestamp + duration);
}

/* A round of the digit that is being sent: a packet while the key is down, the last of which says
 * that it is the end, twice more what that one said, beside silence, and silence. */
static void send_digit(struct plane *p, struct call *call, struct segment *segment)
{
    uint8_t key = segment->frames[0][segment->sent];
    uint32_t round = ++segment->step, rounds = key == ',' ? PAUSE_ROUNDS : DIGIT_ROUNDS;
    bool down = key != ',' && round <= DIGIT_DOWN_ROUNDS;
    if (key != ',' && round == 1)
        segment->event_timestamp = next_timestamp(p, call);
    if (key != ',' && round < DIGIT_DOWN_ROUNDS + DIGIT_END_PACKETS)
        send_event(call, key, segment->event_timestamp, down ? round : DIGIT_DOWN_ROUNDS,
                   round >= DIGIT_DOWN_ROUNDS);
    if (!down || call->event_payload_type == NO_EVENTS)
        send_silence(p, call);
    if (round < rounds)
        return;
    segment->step = 0;
    segment->sent++;
}

/* A key must not stay down because nobody said that it went up. */
static void release_key(struct call *call, const struct segment *segment)
{
    if (segment->kind != DIGITS || !segment->step || segment->frames[0][segment->sent] == ',')
        return;
    uint32_t rounds = segment->step < DIGIT_DOWN_ROUNDS ? segment->step : DIGIT_DOWN_ROUNDS;
    for (int i = 0; i < DIGIT_END_PACKETS; i++)
        send_event(call, segment->frames[0][segment->sent], segment->event_timestamp, rounds, true);
}

/* The first segment of a loop; what is played is never reported, so it stands in the list. What was cut and
 * waits for room to be reported may stand before it. */
static struct segment *loop_again(struct call *call, uint64_t play_id)
{
    struct segment *first = call->first;
    while (first->play_id != play_id || first->state != QUEUED)
        first = first->next;
    for (struct segment *segment = first; segment; segment = segment->next)
        segment->sent = 0;
    return first;
}

static void send_frame(struct plane *p, struct call *call)
{
    struct segment *segment = call->playing;
    if (segment->kind == DIGITS) {
        send_digit(p, call, segment);
    } else {
        const uint8_t *frames = segment->frames[law_of(call->payload_type)];
        transmit_frame(p, call, frames + (size_t)segment->sent * PLANE_FRAME_BYTES);
        segment->sent++;
    }
    if (segment->sent < segment->count)
        return;
    call->playing = segment->next;
    if (segment->kind == LOOPED_LAST) {
        call->playing = loop_again(call, segment->play_id);
    } else if (segment->kind != LOOPED) {
        segment->state = PLAYED;
        segment->done_ns = clock_ns();
    }
}

/* ---- RTCP -------------------------------------------------------------------------------- */

static struct rtcp_call as_reported(const struct plane *p, const struct call *call)
{
    return (struct rtcp_call){
        .rtp_fd = call->fd,
        .peer = &call->peer,
        .signalled = &call->signalled,
        .ssrc = call->ssrc,
        .timestamp = timestamp_now(p, call),
        .sequence = call->sequence,
        .packets = call->stats.sent_packets,
        .octets = call->stats.sent_bytes - call->stats.sent_packets * RTP_HEADER_BYTES,
        .tick = p->tick,
    };
}

static void note_latest(_Atomic int64_t *moment, int64_t ns)
{
    if (ns > atomic_load_explicit(moment, memory_order_relaxed))
        atomic_store_explicit(moment, ns, memory_order_relaxed);
}

/* What RTCP tells of the peer: that it was there, and what it had received of what was sent. It is
 * read within a second, in which the wall clock may have been set. */
static void note_rtcp(struct plane *p, struct call *call, bool reported)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t since_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - call->rtcp.heard_ns;
    bool plausible = since_ns >= 0 && since_ns <= 1000 * (int64_t)TICK_NS;
    note_latest(&call->heard_ns, p->now_ns - (plausible ? since_ns : 0));
    if (reported)
        note_latest(&call->received_ns, p->now_ns - (int64_t)call->stats.reported_behind *
                                                        SLOTS * TICK_NS);
    call->owes_report |= reported;
}

static void set_up_rtcp(struct plane *p, struct call *call, const struct command *command)
{
    const struct reporting *how = &command->reporting;
    if (!call->rtcp.open) {
        call->rtcp.fd = how->fd;
        memcpy(call->rtcp.cname, how->cname, sizeof how->cname);
        rtcp_open(&call->rtcp, p->tick);
    }
    rtcp_move(&call->rtcp, how->mux, &command->remote);
}

static void serve_rtcp(struct plane *p, struct call *call)
{
    struct rtcp *rtcp = &call->rtcp;
    bool due = p->tick >= rtcp->due_tick || p->tick >= rtcp->read_tick;
    if (!rtcp->open || !due)
        return;
    struct rtcp_call now = as_reported(p, call);
    int64_t heard_ns = rtcp->heard_ns;
    rtcp_serve(rtcp, &now);
    bool reported = rtcp_receive(rtcp, &now, &call->stats);
    if (rtcp->heard_ns != heard_ns)
        note_rtcp(p, call, reported);
}

/* On the port of the RTP. */
static void take_rtcp(struct plane *p, struct call *call, const uint8_t *data, size_t bytes,
                      const struct sockaddr_in *source)
{
    struct rtcp_call now = as_reported(p, call);
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t now_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    int64_t heard_ns = call->rtcp.heard_ns;
    bool reported = rtcp_take(&call->rtcp, &now, data, bytes, source, now_ns, &call->stats);
    if (call->rtcp.heard_ns != heard_ns)
        note_rtcp(p, call, reported);
}

static void say_goodbye(struct plane *p, struct call *call)
{
    struct rtcp_call now = as_reported(p, call);
    if (call->rtcp.open)
        rtcp_bye(&call->rtcp, &now);
}

/* ---- Receiving --------------------------------------------------------------------------- */

/* Count gaps and repetitions. A new source, or a jump too wide to be a gap, begins anew. False: the
 * packet was here before. */
static bool track_sequence(struct call *call, const struct rtp *rtp)
{
    struct receiver *rx = &call->rx;
    int step = (int16_t)(rtp->sequence - rx->highest);
    if (!rx->tracking || rx->ssrc != rtp->ssrc || step > SEQUENCE_RESTART || step <= -64) {
        rx->tracking = true;
        rx->ssrc = rtp->ssrc;
        rx->highest = rtp->sequence;
        rx->seen = ~UINT64_C(0); /* what came before the first packet is not missing */
        return true;
    }
    if (step > 0) {
        call->stats.lost += (uint64_t)step - 1;
        rx->seen = step < 64 ? rx->seen << step | 1 : 1;
        rx->highest = rtp->sequence;
        return true;
    }
    uint64_t bit = UINT64_C(1) << -step;
    if (rx->seen & bit) {
        call->stats.duplicated++;
        return false;
    }
    rx->seen |= bit; /* late, not lost */
    if (call->stats.lost)
        call->stats.lost--;
    return true;
}

/* A key is told of with the first packet of its press that arrives. */
static void receive_event(struct call *call, const struct rtp *rtp)
{
    if (rtp->payload_bytes < EVENT_BYTES) {
        call->stats.malformed++;
        return;
    }
    struct key_packet key = read_key_packet(rtp->payload);
    if (!key_pressed(&call->rx.press, rtp, &key) || key.code >= sizeof keys - 1)
        return;
    if (call->digit_count == PENDING_DIGITS) {
        call->stats.dropped_digits++;
        return;
    }
    call->digits[call->digit_count++] = keys[key.code];
}

/* Others than the peer are kept out by the kernel from now on: only once it is where its SDP says, as
 * it may still come to be there. */
static void confine(struct call *call)
{
    call->connected = same_address(&call->peer, &call->signalled) &&
                      connect(call->fd, (const struct sockaddr *)&call->peer, sizeof call->peer) == 0;
}

static void unconfine(struct call *call)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    connect(call->fd, &nobody, sizeof nobody);
    call->connected = false;
}

static void latch(struct call *call, const struct sockaddr_in *source)
{
    if (call->connected) /* to what was its address */
        unconfine(call);
    call->latched = true;
    call->peer = *source;
    confine(call);
}

/* Also the other law: whoever answered with both may send either (RFC 3264 section 6.1), and some
 * send what nobody asked for. */
static bool is_g711(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_type == call->payload_type || rtp->payload_type == PCMU ||
           rtp->payload_type == PCMA;
}

static bool is_audio(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_bytes && is_g711(call, rtp);
}

/* Some answer with another number than the one that they were offered, and then use that. */
static bool is_event(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_type == call->event_from_peer ||
           rtp->payload_type == call->event_payload_type;
}

static bool same_key(const struct relayed_key *key, const struct rtp *rtp)
{
    return key->known && key->ssrc == rtp->ssrc && key->timestamp == rtp->timestamp;
}

static void anchor(struct plane *p, struct call *to, const struct rtp *rtp, bool event)
{
    uint32_t begins = rtp->timestamp;
    if (event && same_key(&to->relayed_key, rtp)) /* so much of it was sent before */
        begins += get_be16(rtp->payload + 2);
    to->relay = (struct relay){
        .anchored = true,
        .ssrc = rtp->ssrc,
        .highest = rtp->sequence,
        .sequence_shift = (uint16_t)(to->sequence - rtp->sequence),
        .timestamp_shift = next_timestamp(p, to) - begins,
    };
}

/* Does this packet follow on from those that were relayed before? */
static bool follows(const struct plane *p, const struct call *to, const struct rtp *rtp, bool event)
{
    const struct relay *relay = &to->relay;
    int step = (int16_t)(rtp->sequence - relay->highest);
    int32_t astray =
        (int32_t)(rtp->timestamp + relay->timestamp_shift - timestamp_now(p, to));
    return relay->anchored && relay->ssrc == rtp->ssrc && step <= RELAY_GAP &&
           step > -RELAY_GAP && astray <= RELAY_ASTRAY &&
           (event || astray >= -RELAY_ASTRAY); /* an event keeps the time of its beginning */
}

/* What the other side does not get is no gap to it. */
static void leave_out(struct call *to, const struct rtp *rtp)
{
    struct relay *relay = &to->relay;
    if (!relay->anchored || rtp->sequence != (uint16_t)(relay->highest + 1))
        return;
    relay->highest++;
    relay->sequence_shift--;
    relay->span = 0;
}

/* That of the first packet of this key, which may be this one. */
static uint32_t key_timestamp(struct call *to, const struct rtp *rtp, uint32_t timestamp)
{
    if (!same_key(&to->relayed_key, rtp))
        to->relayed_key = (struct relayed_key){.known = true, .ssrc = rtp->ssrc,
                                               .timestamp = rtp->timestamp,
                                               .sent_timestamp = timestamp};
    return to->relayed_key.sent_timestamp;
}

static void relay(struct plane *p, struct call *to, const struct rtp *rtp, bool event)
{
    struct relay *relay = &to->relay;
    bool marker = rtp->marker;
    if (!follows(p, to, rtp, event)) {
        marker = !event || !same_key(&to->relayed_key, rtp);
        anchor(p, to, rtp, event);
    }
    int step = (int16_t)(rtp->sequence - relay->highest);
    if (step < -relay->span)
        return; /* from before the anchor */
    if (step > 0) {
        relay->highest = rtp->sequence;
        relay->span = relay->span + step < RELAY_GAP ? relay->span + step : RELAY_GAP;
    }
    to->sequence = (uint16_t)(relay->highest + relay->sequence_shift + 1);
    struct outgoing packet = {
        .payload_type = event ? to->event_payload_type : to->payload_type,
        .marker = marker,
        .sequence = (uint16_t)(rtp->sequence + relay->sequence_shift),
        .timestamp = rtp->timestamp + relay->timestamp_shift,
        .payload = rtp->payload,
        .bytes = rtp->payload_bytes,
    };
    if (event) {
        packet.timestamp = key_timestamp(to, rtp, packet.timestamp);
        send_packet(to, &packet);
        note_sent(to, packet.timestamp + get_be16(rtp->payload + 2));
        return;
    }
    enum law law = law_of(rtp->payload_type);
    if (law != law_of(to->payload_type)) {
        for (size_t i = 0; i < packet.bytes; i++)
            p->crossed[i] = law_crossed[law][packet.payload[i]];
        packet.payload = p->crossed;
    }
    transmit(to, &packet);
}

/* How long a packet lasts; none is counted as shorter than a frame. */
static uint64_t packet_ticks(size_t samples)
{
    size_t ticks = samples / SAMPLES_PER_TICK;
    return ticks < SLOTS ? SLOTS : ticks;
}

/* To the other side of a bridge. */
static void cross_over(struct plane *p, struct call *to, const struct call *from,
                       const struct rtp *rtp)
{
    bool event = is_event(from, rtp);
    bool wanted = event ? to->event_payload_type != NO_EVENTS && rtp->payload_bytes >= EVENT_BYTES
                        : is_audio(from, rtp);
    if (wanted)
        to->relayed_until = p->tick + packet_ticks(event ? 0 : rtp->payload_bytes);
    if (to->playing || to->on_hold) {
        to->relay.anchored = false; /* the sequence begins anew, even if what plays is cut unheard */
        return;
    }
    if (wanted)
        relay(p, to, rtp, event);
    else
        leave_out(to, rtp);
}

/* To those that this call is joined to. */
static void pass_on(struct plane *p, struct call *call, const struct rtp *rtp)
{
    if (call->bridged)
        cross_over(p, call->bridged, call, rtp);
    else if (call->member && is_audio(call, rtp))
        voice_hear(&call->member->voice, rtp->ssrc, rtp->timestamp, law_of(rtp->payload_type),
                   rtp->payload, rtp->payload_bytes);
}

static void record_heard(struct plane *p, struct call *call, const struct rtp *rtp)
{
    recorder_heard(&call->recorder, &(struct taped){
        .payload = rtp->payload,
        .bytes = rtp->payload_bytes,
        .payload_type = rtp->payload_type,
        .marker = rtp->marker,
        .ssrc = rtp->ssrc,
        .timestamp = rtp->timestamp,
        .at = p->arrived,
    });
}

/* The peer is there: it sent a packet, of whatever kind. */
static void note_heard(struct plane *p, struct call *call)
{
    call->rx.heard_tick = p->tick;
    call->rx.timed_out = false;
    call->rx.refused = false;
    note_latest(&call->heard_ns, p->now_ns);
}

/* What a peer says passes here, all of it, once it is known to be the peer who says it. */
static void take_in(struct plane *p, struct call *call, const struct rtp *rtp)
{
    note_heard(p, call);
    if (!call->rx.started) {
        call->rx.started = true;
        call->owes_first = true;
    }
    bool fresh = track_sequence(call, rtp);
    reception_note(&call->rtcp.reception, rtp->ssrc, rtp->sequence);
    if (is_audio(call, rtp))
        reception_time(&call->rtcp.reception, rtp->timestamp, p->arrived);
    if (is_event(call, rtp))
        receive_event(call, rtp);
    else if (fresh && call->recorder.count)
        record_heard(p, call, rtp);
    if (fresh)
        pass_on(p, call, rtp);
}

/* For how long nothing came from the peer, in ticks. */
static uint64_t silent_for(const struct plane *p, const struct call *call)
{
    return p->tick - call->rx.heard_tick;
}

/* Is this the peer, at an address where it was not before? */
static bool is_peer_elsewhere(const struct plane *p, const struct call *call, const struct rtp *rtp,
                              const struct sockaddr_in *source)
{
    if (!is_g711(call, rtp) && !is_event(call, rtp))
        return false;
    if (!call->latched)
        return latch_admits(&call->latch, &call->signalled, source);
    return same_address(source, &call->signalled) ||
           (source->sin_port && call->rx.tracking && rtp->ssrc == call->rx.ssrc &&
            silent_for(p, call) >= LATCH_MOVED_TICKS);
}

static void receive_packet(struct plane *p, struct call *call, const uint8_t *data, size_t bytes,
                           const struct sockaddr_in *source)
{
    struct rtp rtp;
    bool chosen = call->latched && same_address(source, &call->peer);
    if (is_rtcp(data, bytes)) { /* never RTP (RFC 5761 section 4), agreed on or not */
        if (call->rtcp.mux)
            take_rtcp(p, call, data, bytes, source);
        else
            call->stats.rtcp_refused++;
        return;
    }
    if (!parse_rtp(data, bytes, &rtp)) {
        call->stats.malformed++;
        return;
    }
    if (call->audio_type && rtp.payload_type == call->audio_type)
        rtp.payload_type = call->payload_type;
    if (!chosen && !is_peer_elsewhere(p, call, &rtp, source)) {
        call->stats.foreign++;
        return;
    }
    if (!chosen)
        latch(call, source);
    else if (!call->connected && same_address(source, &call->signalled))
        confine(call);
    call->stats.received_packets++;
    call->stats.received_bytes += bytes;
    take_in(p, call, &rtp);
}

/* When a packet arrived, in samples: on the plane's clock where it is recorded, else on the wall's,
 * which serves for differences alone. */
static int64_t arrived(const struct plane *p, const struct call *call, struct msghdr *message)
{
    if (call->recorder.count)
        return in_samples(p, clock_ns() - waited_ns(message));
    int64_t at_ns = stamp_ns(message);
    return at_ns ? at_ns / (TICK_NS / SAMPLES_PER_TICK) : sample_clock(p);
}

/* What has arrived, as far as the budget of this round goes. */
static void receive(struct plane *p, struct call *call)
{
    if (call->budget <= 0)
        return;
    bool stamped = call->rtcp.open || call->recorder.count;
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        p->messages[i].msg_hdr.msg_namelen = sizeof p->sources[i];
        p->messages[i].msg_hdr.msg_control = p->stamps[i];
        p->messages[i].msg_hdr.msg_controllen = stamped ? sizeof p->stamps[i] : 0;
    }
    int got = recvmmsg(call->fd, p->messages, (unsigned)call->budget, MSG_DONTWAIT, NULL);
    if (was_refused(call, got))
        got = recvmmsg(call->fd, p->messages, (unsigned)call->budget, MSG_DONTWAIT, NULL);
    if (got > 0)
        call->budget -= got;
    for (int i = 0; i < got; i++) {
        p->arrived = arrived(p, call, &p->messages[i].msg_hdr);
        if (p->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
            call->stats.malformed++;
        else
            receive_packet(p, call, p->packets[i], p->messages[i].msg_len, &p->sources[i]);
    }
}

static void watch_silence(struct plane *p, struct call *call)
{
    if (call->connected && call->rx.tracking && silent_for(p, call) >= LATCH_MOVED_TICKS)
        unconfine(call); /* it may be heard from elsewhere */
    uint64_t patience = p->timeout_ticks;
    if (call->rx.refused && patience > REFUSED_TICKS)
        patience = REFUSED_TICKS;
    if (!patience || call->rx.timed_out || silent_for(p, call) < patience)
        return;
    call->rx.timed_out = true;
    call->owes_timeout = true;
}

/* ---- Joined calls ------------------------------------------------------------------------ */

/* Should the system refuse, the call is read once a round, as others are. */
static void watch(struct plane *p, struct call *call)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = call};
    if (call->watched || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, call->fd, &interest) < 0)
        return;
    call->watched = true;
    p->watched_calls++;
}

static void unwatch(struct plane *p, struct call *call)
{
    if (!call->watched)
        return;
    epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, call->fd, NULL);
    call->watched = false;
    p->watched_calls--;
}

static void serve_watched(struct plane *p)
{
    int count = epoll_wait(p->epoll_fd, p->ready, READY_BATCH, 0);
    for (int i = 0; i < count; i++) {
        struct call *call = p->ready[i].data.ptr;
        receive(p, call);
        report(p, call);
    }
}

static void leave(struct plane *p, struct call *call)
{
    struct call *other = call->bridged;
    unwatch(p, call);
    call->bridged = NULL;
    call->relay.anchored = false;
    align(p, call); /* silence follows at once */
    if (other) {
        unwatch(p, other);
        other->bridged = NULL;
        other->relay.anchored = false;
        align(p, other);
    }
    if (call->member)
        call->member->call = NULL;
    call->member = NULL;
}

static void bridge(struct plane *p, struct call *one, struct call *other)
{
    if (one->bridged == other)
        return; /* as they are: a new wait for the first packet would be a gap */
    leave(p, one);
    leave(p, other);
    one->bridged = other;
    other->bridged = one;
    one->relayed_until = other->relayed_until = p->tick + SLOTS;
    watch(p, one);
    watch(p, other);
}

static void join(struct plane *p, struct call *call, struct plane_room *room, bool muted)
{
    leave(p, call);
    for (int i = 0; i < PLANE_ROOM_MEMBERS; i++) {
        struct member *member = &room->members[i];
        if (member->call)
            continue;
        member->call = call;
        member->muted = muted;
        member->gain = 1;
        member->voice.speaking = false;
        call->member = member;
        watch(p, call);
        return;
    }
}

static void open_room(struct plane *p, struct plane_room *room)
{
    room->slot = emptiest_slot(p);
    struct slot *slot = &p->slots[room->slot];
    room->next = slot->rooms;
    slot->rooms = room;
    slot->count += PLANE_ROOM_MEMBERS;
    p->open_rooms++;
}

static void close_room(struct plane *p, struct plane_room *room)
{
    for (int i = 0; i < PLANE_ROOM_MEMBERS; i++)
        if (room->members[i].call)
            leave(p, room->members[i].call);
    room->closed = true;
}

/* Everybody but oneself. */
static void send_mix(struct plane *p, struct member *member, const int32_t *sum)
{
    struct call *call = member->call;
    int32_t others[MIX_SAMPLES];
    uint8_t frame[MIX_SAMPLES];
    if (call->playing || sent_ahead(p, call) > 0)
        return; /* what was played last is not over */
    for (int i = 0; i < MIX_SAMPLES; i++)
        others[i] = sum[i] - (member->muted ? 0 : member->frame[i]);
    mix_encode(&member->gain, others, law_of(call->payload_type), frame);
    transmit_frame(p, call, frame);
}

static void serve_room(struct plane *p, struct plane_room *room)
{
    int32_t sum[MIX_SAMPLES] = {0};
    for (int n = 0; n < PLANE_ROOM_MEMBERS; n++) {
        struct member *member = &room->members[n];
        if (!member->call)
            continue;
        voice_frame(&member->voice, member->frame);
        for (int i = 0; i < MIX_SAMPLES && !member->muted; i++)
            sum[i] += member->frame[i];
    }
    for (int n = 0; n < PLANE_ROOM_MEMBERS; n++)
        if (room->members[n].call)
            send_mix(p, &room->members[n], sum);
}

static void serve_rooms(struct plane *p, struct slot *slot)
{
    struct plane_room **link = &slot->rooms;
    while (*link) {
        struct plane_room *room = *link, *next = room->next;
        if (!room->closed)
            serve_room(p, room);
        if (room->closed && emit_room_closed(p, room)) {
            *link = next;
            slot->count -= PLANE_ROOM_MEMBERS;
            p->open_rooms--;
        } else {
            link = &room->next;
        }
    }
}

/* ---- Commands, in the media thread ------------------------------------------------------- */

static void open_call(struct plane *p, struct call *call)
{
    call->open_tick = p->tick;
    call->budget = RECEIVE_BATCH;
    call->rx.heard_tick = p->tick;
    p->open_calls++;
    atomic_store(&p->seen_calls, p->open_calls);
    slot_insert(p, call, emptiest_slot(p));
}

static void append(struct plane *p, struct call *call, struct segment *segment)
{
    if (call->last)
        call->last->next = segment;
    else
        call->first = segment;
    call->last = segment;
    if (call->playing)
        return;
    call->playing = segment;
    hasten(p, call);
}

static void cut(struct plane *p, struct call *call)
{
    if (call->playing)
        release_key(call, call->playing);
    for (struct segment *segment = call->first; segment; segment = segment->next) {
        if (segment->state != QUEUED)
            continue; /* played, and not yet reported */
        segment->state = STOPPED;
        segment->done_ns = p->now_ns;
    }
    call->playing = NULL;
}

static void move_peer(struct call *call, const struct sockaddr_in *remote)
{
    if (same_address(remote, &call->signalled))
        return; /* a session refresh is no reason to let a stranger in */
    call->signalled = *remote;
    call->peer = *remote;
    call->latched = false;
    if (call->connected)
        unconfine(call);
}

static uint8_t event_type(int payload_type)
{
    return payload_type == PLANE_NO_EVENTS ? NO_EVENTS : (uint8_t)payload_type;
}

static void agree(struct call *call, const struct plane_format *format)
{
    call->payload_type = format->payload_type;
    call->audio_type = format->audio_type;
    call->event_payload_type = event_type(format->event_payload_type);
    call->event_from_peer = event_type(format->event_from_peer);
    call->on_hold = format->on_hold;
    call->comfort_noise = format->comfort_noise;
    call->rtcp.silent = format->no_rtcp;
}

static void take_command(struct plane *p, const struct command *command)
{
    struct call *call = command->call;
    switch (command->kind) {
    case OPEN:
        open_call(p, call);
        return;
    case PLAY:
        append(p, call, command->segment);
        return;
    case CUT:
        cut(p, call);
        break;
    case REMOTE:
        move_peer(call, &command->remote);
        return;
    case LATCH:
        call->latch = command->latch;
        return;
    case AGREE:
        agree(call, &command->format);
        return;
    case RECORD:
        recorder_add(&call->recorder, command->recording, sample_clock(p));
        return;
    case RECORD_STOP:
        recorder_remove(&call->recorder, command->recording, sample_clock(p));
        return;
    case BRIDGE:
        bridge(p, call, command->other);
        return;
    case JOIN:
        join(p, call, command->room, command->muted);
        return;
    case MUTE:
        if (call->member)
            call->member->muted = command->muted;
        return;
    case LEAVE:
        leave(p, call);
        return;
    case OPEN_ROOM:
        open_room(p, command->room);
        return;
    case CLOSE_ROOM:
        close_room(p, command->room);
        return;
    case REPORT:
        set_up_rtcp(p, call, command);
        return;
    case CLOSE:
        say_goodbye(p, call);
        cut(p, call);
        leave(p, call);
        recorder_end(&call->recorder, sample_clock(p));
        call->owes_closed = true;
        break;
    }
    report(p, call);
}

static void take_commands(struct plane *p)
{
    uint32_t waiting = ring_length(&p->commands);
    if (waiting > COMMANDS_PER_TICK)
        waiting = COMMANDS_PER_TICK;
    for (; waiting; waiting--) {
        struct command command = p->command[ring_take_at(&p->commands)];
        ring_taken(&p->commands);
        take_command(p, &command);
    }
}

/* ---- The thread -------------------------------------------------------------------------- */

static void serve_slot(struct plane *p, struct slot *slot)
{
    struct call *next;
    for (struct call *call = slot->first; call; call = call->next)
        if (call->playing)
            send_frame(p, call);
        else if (is_quiet(p, call))
            send_silence(p, call);
    for (struct call *call = slot->first; call; call = next) {
        next = call->next; /* a call that is reported closed is gone */
        if (!call->owes_closed) {
            serve_rtcp(p, call);
            call->budget = RECEIVE_BATCH;
            if (!call->watched)
                receive(p, call);
            watch_silence(p, call);
        }
        if (call->recorder.count)
            recorder_advance(&call->recorder, sample_clock(p));
        report(p, call);
    }
    if (slot->rooms)
        serve_rooms(p, slot);
}

/* Nothing is open: sleep until a command comes, and let time pass without counting it as late. */
static void wait_for_command(struct plane *p)
{
    uint64_t count;
    for (;;) {
        /* first say so, then look: whoever puts a command in after the look sees it said */
        atomic_store(&p->idle, true);
        if (ring_length(&p->commands) || atomic_load(&p->stopping))
            break;
        if (read(p->wake_fd, &count, sizeof count) < 0 && errno != EINTR)
            break;
    }
    atomic_store(&p->idle, false);
    int64_t passed = (clock_ns() - p->epoch_ns) / TICK_NS;
    if ((uint64_t)passed > p->tick)
        p->tick = (uint64_t)passed;
}

/* Leave out whole rounds that cannot be made up for without sending bursts. */
static void skip_rounds(struct plane *p, int64_t late_ns)
{
    int64_t rounds = late_ns / ((int64_t)TICK_NS * SLOTS);
    if (late_ns > atomic_load(&p->late_max_ns))
        atomic_store(&p->late_max_ns, late_ns);
    if (!rounds)
        return;
    p->tick += (uint64_t)rounds * SLOTS;
    atomic_fetch_add(&p->skipped_rounds, (uint64_t)rounds);
}

static void keep_time_well(struct plane *p)
{
    struct sched_param priority = {.sched_priority = FIFO_PRIORITY};
    int32_t scheduling = PLANE_NORMAL;
    prctl(PR_SET_NAME, "onhook-media");
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0)
        scheduling = PLANE_FIFO;
    else if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE_LEVEL) == 0)
        scheduling = PLANE_NICE;
    atomic_store(&p->scheduling, scheduling);
}

static void *run(void *argument)
{
    struct plane *p = argument;
    keep_time_well(p);
    p->epoch_ns = clock_ns();
    while (!atomic_load(&p->stopping)) {
        if (!p->open_calls && !p->open_rooms && !ring_length(&p->commands)) {
            wait_for_command(p);
            continue;
        }
        int64_t due_ns = p->epoch_ns + (int64_t)p->tick * TICK_NS;
        p->now_ns = clock_ns();
        if (p->now_ns < due_ns) {
            sleep_until(due_ns);
            continue;
        }
        skip_rounds(p, p->now_ns - due_ns);
        take_commands(p);
        if (p->watched_calls)
            serve_watched(p);
        serve_slot(p, &p->slots[p->tick % SLOTS]);
        if (p->reported) {
            p->reported = false;
            signal_fd(p->event_fd);
        }
        p->tick++;
    }
    return NULL;
}

/* ---- The caller's side: starting and stopping -------------------------------------------- */

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

static void free_plane(struct plane *p)
{
    if (p->event_fd >= 0)
        close(p->event_fd);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    if (p->epoll_fd >= 0)
        close(p->epoll_fd);
    free(p->command);
    free(p->report);
    free(p->calls);
    free(p->held);
    free(p);
}

static void prepare_receive(struct plane *p)
{
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        p->vectors[i] = (struct iovec){.iov_base = p->packets[i], .iov_len = RTP_MAX_BYTES};
        p->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &p->sources[i], .msg_iov = &p->vectors[i], .msg_iovlen = 1};
    }
}

static int allocate(struct plane *p)
{
    const struct plane_config *config = &p->config;
    p->command = calloc(config->command_ring, sizeof *p->command);
    p->report = calloc(config->event_ring, sizeof *p->report);
    p->calls = calloc(config->max_calls, sizeof *p->calls);
    if (!p->command || !p->report || !p->calls)
        return -ENOMEM;
    p->commands.size = config->command_ring;
    p->reports.size = config->event_ring;
    for (uint32_t i = config->max_calls; i-- > 0;) {
        p->calls[i].generation = 1;
        p->calls[i].next_free = p->free_calls;
        p->free_calls = &p->calls[i];
    }
    p->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->wake_fd = p->event_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    p->epoll_fd = p->wake_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    return p->epoll_fd < 0 ? -errno : 0;
}

/* Signals are the main thread's affair. */
static int start_thread(struct plane *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int plane_start(plane **out, const struct plane_config *config)
{
    if (!power_of_two(config->command_ring) || !power_of_two(config->event_ring) ||
        config->command_ring > MAX_RING || config->event_ring > MAX_RING ||
        config->max_calls == 0 || config->max_calls > MAX_CALLS)
        return -EINVAL;
    struct plane *p = aligned_alloc(_Alignof(struct plane), sizeof *p);
    if (!p)
        return -ENOMEM;
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->event_fd = p->wake_fd = p->epoll_fd = -1;
    law_prepare();
    p->timeout_ticks = config->rtp_timeout_ms;
    prepare_receive(p);
    int error = allocate(p);
    if (!error)
        error = recorders_start(&p->recorders, p->event_fd);
    if (!error)
        error = start_thread(p);
    if (error) {
        if (p->recorders)
            recorders_stop(p->recorders);
        free_plane(p);
        return error;
    }
    *out = p;
    return 0;
}

static void free_segments(struct segment *segment)
{
    while (segment) {
        struct segment *next = segment->next;
        free(segment);
        segment = next;
    }
}

/* A segment is in exactly one of: a command, a call, a report. The thread has ended. */
static void free_all_segments(struct plane *p)
{
    for (; ring_length(&p->commands); ring_taken(&p->commands))
        free(p->command[ring_take_at(&p->commands)].segment);
    for (size_t i = p->held_first; i < p->held_count; i++)
        free(p->held[i].segment);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        free_segments(p->calls[i].first);
    for (; ring_length(&p->reports); ring_taken(&p->reports))
        free(p->report[ring_take_at(&p->reports)].segment);
}

static void close_sockets(struct call *call)
{
    close(call->fd);
    if (call->rtcp_fd)
        close(call->rtcp_fd);
}

static void free_room(struct plane *p, struct plane_room *room)
{
    if (room->newer)
        room->newer->older = room->older;
    else
        p->newest_room = room->older;
    if (room->older)
        room->older->newer = room->newer;
    free(room);
}

void plane_stop(plane *p)
{
    atomic_store(&p->stopping, true);
    signal_fd(p->wake_fd);
    pthread_join(p->thread, NULL);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->calls[i].in_use)
            recorder_end(&p->calls[i].recorder, sample_clock(p));
    recorders_stop(p->recorders);
    free_all_segments(p);
    while (p->newest_room)
        free_room(p, p->newest_room);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->calls[i].in_use)
            close_sockets(&p->calls[i]);
    free_plane(p);
}

int plane_event_fd(const plane *p)
{
    return p->event_fd;
}

void plane_health(const plane *p, struct plane_health *out)
{
    out->calls = atomic_load(&p->seen_calls);
    out->skipped_rounds = atomic_load(&p->skipped_rounds);
    out->late_max_ns = atomic_load(&p->late_max_ns);
    out->scheduling = atomic_load(&p->scheduling);
}

/* ---- The caller's side: commands --------------------------------------------------------- */

static bool read_address(const char *ip, uint16_t port, struct sockaddr_in *out)
{
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    return ip && inet_pton(AF_INET, ip, &out->sin_addr) == 1;
}

/* Somewhere that RTP may be sent: not "this network", not multicast, not broadcast. */
static bool read_remote(const char *ip, uint16_t port, struct sockaddr_in *out)
{
    if (!port || !read_address(ip, port, out))
        return false;
    uint32_t first = ntohl(out->sin_addr.s_addr) >> 24;
    return first != 0 && first < 224;
}

int plane_bind(const char *ip, uint16_t port)
{
    struct sockaddr_in address;
    if (!read_address(ip, port, &address))
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int buffer = RECEIVE_BUFFER, service = IPTOS_DSCP_EF; /* expedited forwarding (RFC 3246) */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof service);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static uint64_t handle_of(const struct plane *p, const struct call *call)
{
    return (uint64_t)call->generation << 32 | (uint64_t)(call - p->calls);
}

/* The call of a handle, or NULL when it was never given out or the call has been reaped. */
static struct call *find(struct plane *p, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >= p->config.max_calls)
        return NULL;
    struct call *call = &p->calls[index];
    return call->in_use && call->generation == handle >> 32 ? call : NULL;
}

static struct call *find_open(struct plane *p, uint64_t handle)
{
    struct call *call = find(p, handle);
    return call && !call->closing ? call : NULL;
}

static void ring_command(struct plane *p, const struct command *command)
{
    p->command[ring_put_at(&p->commands)] = *command;
    ring_put(&p->commands);
    if (atomic_exchange(&p->idle, false))
        signal_fd(p->wake_fd);
}

static int hold(struct plane *p, const struct command *command)
{
    if (p->held_count == p->held_room) {
        size_t room = p->held_room ? p->held_room * 2 : 64;
        struct command *held = realloc(p->held, room * sizeof *held);
        if (!held)
            return -ENOMEM;
        p->held = held;
        p->held_room = room;
    }
    p->held[p->held_count++] = *command;
    return PLANE_HELD;
}

int plane_flush(plane *p)
{
    while (p->held_first < p->held_count && ring_has_room(&p->commands))
        ring_command(p, &p->held[p->held_first++]);
    if (p->held_first < p->held_count)
        return PLANE_HELD;
    p->held_first = p->held_count = 0;
    return 0;
}

static int submit(struct plane *p, struct command command)
{
    if (plane_flush(p) == PLANE_HELD || !ring_has_room(&p->commands))
        return hold(p, &command);
    ring_command(p, &command);
    return 0;
}

static void set_up(struct call *call, const struct plane_call *how,
                   const struct sockaddr_in *remote)
{
    *call = (struct call){
        .generation = call->generation,
        .in_use = true,
        .fd = how->fd,
        .signalled = *remote,
        .peer = *remote,
        .ssrc = how->ssrc,
        .timestamp = how->timestamp,
        .sequence = how->sequence,
    };
    agree(call, &how->format);
}

static bool is_type(int payload_type)
{
    return payload_type >= PLANE_NO_EVENTS && payload_type <= 127;
}

static bool is_format(const struct plane_format *format)
{
    return format->payload_type <= 127 && format->audio_type <= 127 &&
           is_type(format->event_payload_type) &&
           is_type(format->event_from_peer);
}

static bool read_latching(const struct plane_latching *latching, struct latch *out)
{
    *out = (struct latch){.anybody = latching->anybody};
    if (latching->count < 0 || latching->count > PLANE_LATCHES)
        return false;
    for (int i = 0; i < latching->count; i++)
        if (inet_pton(AF_INET, latching->ips[i], &out->signalling[i]) != 1)
            return false;
    return true;
}

int plane_open(plane *p, const struct plane_call *how, uint64_t *handle)
{
    struct sockaddr_in remote;
    struct latch latch;
    struct call *call = p->free_calls;
    if (how->fd < 0 || !is_format(&how->format) || !read_latching(&how->latching, &latch) ||
        !read_remote(how->remote_ip, how->remote_port, &remote))
        return -EINVAL;
    if (!call)
        return -EUSERS;
    struct call *next_free = call->next_free;
    set_up(call, how, &remote);
    call->latch = latch;
    int result = submit(p, (struct command){.kind = OPEN, .call = call});
    if (result < 0) {
        call->in_use = false;
        call->next_free = next_free;
        return result;
    }
    p->free_calls = next_free;
    *handle = handle_of(p, call);
    return result;
}

static int queue(struct plane *p, uint64_t handle, struct segment what)
{
    struct call *call = find_open(p, handle);
    if (!call)
        return -ENOENT;
    if (!what.frames[MU_LAW] || !what.frames[A_LAW] || !what.count)
        return -EINVAL;
    if (call->queued >= PLANE_MAX_SEGMENTS)
        return -ENOBUFS;
    struct segment *segment = malloc(sizeof *segment);
    if (!segment)
        return -ENOMEM;
    *segment = what;
    int result = submit(p, (struct command){.kind = PLAY, .call = call, .segment = segment});
    if (result < 0)
        free(segment);
    else
        call->queued++;
    return result;
}

int plane_play(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *mu_law,
               const uint8_t *a_law, uint32_t count)
{
    return queue(p, handle,
                 (struct segment){
                     .frames = {mu_law, a_law}, .count = count, .play_id = play_id});
}

int plane_loop(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *mu_law,
               const uint8_t *a_law, uint32_t count, int last)
{
    return queue(p, handle,
                 (struct segment){.kind = last ? LOOPED_LAST : LOOPED,
                                  .frames = {mu_law, a_law}, .count = count, .play_id = play_id});
}

int plane_send_digits(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *digits,
                      uint32_t count)
{
    for (uint32_t i = 0; digits && i < count; i++)
        if (digits[i] != ',' && !memchr(keys, digits[i], sizeof keys - 1))
            return -EINVAL;
    return queue(p, handle, (struct segment){
        .kind = DIGITS, .frames = {digits, digits}, .count = count, .play_id = play_id});
}

int plane_bridge(plane *p, uint64_t one, uint64_t other)
{
    struct command command = {
        .kind = BRIDGE, .call = find_open(p, one), .other = find_open(p, other)};
    if (!command.call || !command.other)
        return -ENOENT;
    return command.call == command.other ? -EINVAL : submit(p, command);
}

int plane_open_room(plane *p, plane_room **out)
{
    struct plane_room *room = malloc(sizeof *room);
    if (!room)
        return -ENOMEM;
    memset(room, 0, sizeof *room); /* so that the media thread need not wait for its pages */
    int result = submit(p, (struct command){.kind = OPEN_ROOM, .room = room});
    if (result < 0) {
        free(room);
        return result;
    }
    room->older = p->newest_room;
    if (room->older)
        room->older->newer = room;
    p->newest_room = *out = room;
    return result;
}

int plane_close_room(plane *p, plane_room *room)
{
    return submit(p, (struct command){.kind = CLOSE_ROOM, .room = room});
}

int plane_join(plane *p, plane_room *room, uint64_t handle, int muted)
{
    struct command command = {
        .kind = JOIN, .call = find_open(p, handle), .room = room, .muted = muted};
    return command.call ? submit(p, command) : -ENOENT;
}

int plane_mute(plane *p, uint64_t handle, int muted)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = MUTE, .call = call, .muted = muted}) : -ENOENT;
}

int plane_leave(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = LEAVE, .call = call}) : -ENOENT;
}

int plane_cut(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = CUT, .call = call}) : -ENOENT;
}

int plane_remote(plane *p, uint64_t handle, const char *ip, uint16_t port)
{
    struct command command = {.kind = REMOTE, .call = find_open(p, handle)};
    if (!command.call)
        return -ENOENT;
    if (!read_remote(ip, port, &command.remote))
        return -EINVAL;
    return submit(p, command);
}

int plane_latch(plane *p, uint64_t handle, const struct plane_latching *latching)
{
    struct command command = {.kind = LATCH, .call = find_open(p, handle)};
    if (!command.call)
        return -ENOENT;
    return read_latching(latching, &command.latch) ? submit(p, command) : -EINVAL;
}

int plane_agree(plane *p, uint64_t handle, const struct plane_format *format)
{
    struct command command = {
        .kind = AGREE, .call = find_open(p, handle), .format = *format};
    if (!command.call)
        return -ENOENT;
    return is_format(format) ? submit(p, command) : -EINVAL;
}

int plane_record(plane *p, uint64_t handle, int fd, plane_recording **out)
{
    struct call *call = find_open(p, handle);
    int on = 1;
    if (!call)
        return -ENOENT;
    if (fd < 0)
        return -EINVAL;
    if (call->recordings >= PLANE_MAX_RECORDINGS)
        return -ENOBUFS;
    recording *recording = recording_new(p->recorders, fd, handle);
    if (!recording)
        return -ENOMEM;
    setsockopt(call->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int result = submit(p, (struct command){.kind = RECORD, .call = call, .recording = recording});
    if (result < 0) {
        recording_free(recording, false);
        return result;
    }
    recorders_add(p->recorders, recording);
    call->recordings++;
    *out = recording;
    return result;
}

int plane_record_stop(plane *p, uint64_t handle, const plane_recording *recording)
{
    struct command command = {.kind = RECORD_STOP, .call = find_open(p, handle)};
    command.recording = (plane_recording *)(uintptr_t)recording;
    return command.call ? submit(p, command) : -ENOENT;
}

int plane_read_signs(plane *p, uint64_t handle, struct plane_signs *out)
{
    struct call *call = find(p, handle);
    if (!call)
        return -ENOENT;
    out->heard_ns = atomic_load_explicit(&call->heard_ns, memory_order_relaxed);
    out->received_ns = atomic_load_explicit(&call->received_ns, memory_order_relaxed);
    return 0;
}

int plane_report(plane *p, uint64_t handle, const struct plane_rtcp *how)
{
    struct command command = {.kind = REPORT, .call = find_open(p, handle)};
    struct call *call = command.call;
    bool socket = how->fd > 0;
    int on = 1;
    if (!call)
        return -ENOENT;
    if ((socket && call->rtcp_fd) ||
        (how->remote_ip && !read_remote(how->remote_ip, how->remote_port, &command.remote)))
        return -EINVAL;
    command.reporting = (struct reporting){.fd = socket ? how->fd : -1, .mux = how->mux};
    memcpy(command.reporting.cname, how->cname, sizeof how->cname);
    setsockopt(call->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* for the jitter */
    if (socket)
        setsockopt(how->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int result = submit(p, command);
    if (result >= 0 && socket)
        call->rtcp_fd = how->fd;
    return result;
}

int plane_close(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    if (!call)
        return -ENOENT;
    int result = submit(p, (struct command){.kind = CLOSE, .call = call});
    if (result >= 0)
        call->closing = true;
    return result;
}

/* ---- The caller's side: events ----------------------------------------------------------- */

static int take_recorded(plane *p, struct plane_event *out, int max)
{
    int taken = 0;
    recording *recording;
    for (; taken < max && (recording = recorders_take_done(p->recorders)); taken++) {
        uint64_t handle = recording_owner(recording);
        struct call *call = find(p, handle);
        if (call)
            call->recordings--;
        out[taken] = (struct plane_event){
            .call = handle,
            .play_id = (uint64_t)(uintptr_t)recording,
            .at_ns = clock_ns(),
            .kind = PLANE_RECORDED,
        };
    }
    return taken;
}

int plane_take_events(plane *p, struct plane_event *out, int max)
{
    int taken = take_recorded(p, out, max);
    while (taken < max && ring_length(&p->reports)) {
        struct report report = p->report[ring_take_at(&p->reports)];
        ring_taken(&p->reports);
        if (report.room) {
            free_room(p, report.room);
            continue;
        }
        out[taken++] = (struct plane_event){
            .call = handle_of(p, report.call),
            .play_id = report.segment ? report.segment->play_id : report.behind,
            .at_ns = report.at_ns,
            .kind = (int32_t)report.kind,
            .digit = report.digit,
        };
        if (report.segment) {
            report.call->queued--;
            free(report.segment);
        }
        if (report.kind == PLANE_CLOSED)
            report.call->closed = true;
    }
    return taken;
}

int plane_reap(plane *p, uint64_t handle, struct plane_stats *out)
{
    struct call *call = find(p, handle);
    if (!call || !call->closed)
        return -ENOENT;
    *out = call->stats;
    close_sockets(call);
    call->in_use = false;
    call->first = NULL;
    if (++call->generation == 0) /* so that no handle is ever 0 */
        call->generation = 1;
    call->next_free = p->free_calls;
    p->free_calls = call;
    return 0;
}

void plane_reap_recording(plane *p, plane_recording *recording, struct plane_recorded *out)
{
    (void)p;
    recording_read(recording, out);
    recording_free(recording, true);
}
