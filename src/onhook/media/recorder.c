/* Recording. recorder.h says what; this is how.
 *
 * A recording is a ring of four seconds of samples. The media thread adds what is sent and what has
 * arrived at its place, saturating; where nothing came, the ring is silent. What is older than HOLD
 * is final: later packets are too late for it, so the writer may have it. The writer looks every
 * 200 ms, writes what is final, and clears it behind itself for the next lap. The media thread
 * neither waits nor allocates nor writes: it moves `final`, and the writer moves `done`.
 *
 * A slow disk. While the writer is held up, what would be more than a ring ahead of it is not kept:
 * it is counted as lost, and is silence in the file, so that the rest stays in time. After an error
 * nothing more is written. Files whose descriptor can wait (a pipe) are tried again, and given up
 * GIVE_UP after their end; a regular file holds up the writer for as long as the system does.
 *
 * The place of a packet. The first packet of a peer begins where it arrived; those that follow, where
 * their timestamps say, so that jitter and order of arrival do not matter. What is sent goes the same
 * way, since it may be what another peer says. A packet that comes more
 * than LATE behind its place is dropped: after a pause of the network, what was held up is not heard
 * where it does not belong. It is the peer's timestamps that are wrong when they jump far, when they
 * are ahead of time, or when all packets are late alike: then they are mapped anew, directly behind
 * what there is at the earliest. So they are at the beginning of a talkspurt. The clocks of two machines
 * differ: as long as even the least late of the last packets is late by 10 ms, or early, each packet is
 * moved by one sample, a repeated or a dropped one, which nobody hears.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include "law.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    SAMPLES_PER_MS = 8,
    RING = 1 << 15,                     /* samples: 4.1 s */
    HOLD = 450 * SAMPLES_PER_MS,        /* more than LATE, and a round or two of being served */
    LATE = 400 * SAMPLES_PER_MS,
    EARLY = 300 * SAMPLES_PER_MS,       /* packets of one burst are ahead of their time too */
    AHEAD = 1000 * SAMPLES_PER_MS,      /* nothing is placed further in the future */
    JUMP = 10000 * SAMPLES_PER_MS,      /* no network holds packets back for so long */
    LATE_ALIKE = 3,                     /* packets; then it is their timestamps */
    TAIL = 250 * SAMPLES_PER_MS,        /* of what was placed ahead, kept at the end */
    DRIFT = 10 * SAMPLES_PER_MS,
    DRIFT_PACKETS = 64,
    SPURT = 20 * SAMPLES_PER_MS,        /* a talkspurt is placed anew when it is off by more */
    LONGEST_WAIT_NS = 2000000000,       /* of a packet in its socket */
    WRITE_EVERY_MS = 200,
    GIVE_UP_MS = 2000,
    PCMU = 0,
    PCMA = 8,
};

struct plane_recording {
    /* set before anybody else sees it */
    struct recorders *all;
    int fd;
    uint64_t owner;
    /* the media thread's */
    int64_t began; /* the place of the first sample; all below count from it */
    int64_t end;   /* of everything that was added */
    int64_t lost_end;
    uint64_t lost; /* read by others once it has ended */
    /* from one thread to the other */
    _Alignas(64) _Atomic int64_t final; /* moved by the media thread */
    _Atomic bool ended;                 /* final stays as it is */
    _Alignas(64) _Atomic int64_t done;  /* moved by the writer: written and cleared up to here */
    /* the writer's, then the caller's */
    struct plane_recording *next;
    size_t half; /* 1: the first byte of the next sample is written */
    int error;
    uint64_t written, discarded;
    int64_t stuck_since_ms; /* -1: not stuck */
    int16_t ring[RING];
};

struct recorders {
    pthread_t thread;
    int event_fd, wake_fd;
    _Atomic bool stopping;
    recording *_Atomic fresh; /* from the caller to the writer */
    recording *_Atomic done;  /* from the writer to the caller */
    recording *open;          /* the writer's */
    recording *taken;         /* the caller's */
};

/* ---- Adding, in the media thread --------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The same samples may be refused twice, by what was sent and by what was heard. */
static void count_lost(recording *one, int64_t from, int64_t to)
{
    from = larger(from, one->lost_end);
    if (from >= to)
        return;
    one->lost += (uint64_t)(to - from);
    one->lost_end = to;
}

static void add(recording *one, int64_t at, const int16_t *samples, size_t count)
{
    int64_t from = at - one->began, to = from + (int64_t)count;
    int64_t first = larger(from, atomic_load_explicit(&one->final, memory_order_relaxed));
    int64_t limit = atomic_load_explicit(&one->done, memory_order_acquire) + RING;
    if (to > limit)
        count_lost(one, larger(first, limit), to);
    int64_t last = smaller(to, limit);
    for (int64_t i = first; i < last; i++) {
        int16_t *into = &one->ring[i & (RING - 1)];
        int sum = *into + samples[i - from];
        *into = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
    }
    one->end = larger(one->end, to);
}

static void add_to_all(struct recorder *recorder, enum law law, const uint8_t *payload,
                       size_t bytes, int64_t at)
{
    int16_t samples[256];
    while (bytes) {
        size_t count = bytes < 256 ? bytes : 256;
        for (size_t i = 0; i < count; i++)
            samples[i] = law_decoded[law][payload[i]];
        for (unsigned i = 0; i < recorder->count; i++)
            add(recorder->recordings[i], at, samples, count);
        payload += count, bytes -= count, at += (int64_t)count;
    }
}

static bool is_recorded(uint8_t payload_type)
{
    return payload_type == PCMU || payload_type == PCMA;
}

int64_t stamp_ns(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct timespec arrived;
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
        return 0;
    memcpy(&arrived, CMSG_DATA(control), sizeof arrived);
    return (int64_t)arrived.tv_sec * 1000000000 + arrived.tv_nsec;
}

int64_t waited_ns(struct msghdr *message)
{
    int64_t arrived = stamp_ns(message);
    struct timespec now;
    if (!arrived)
        return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t waited = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - arrived;
    return waited < 0 || waited > LONGEST_WAIT_NS ? 0 : waited; /* the wall clock was set */
}

/* ---- The place of a packet --------------------------------------------------------------- */

/* What says nothing about clocks: how far the least late of some packets was off. */
static void watch_drift(struct rtp_clock *clock, int64_t lag)
{
    clock->least_lag = clock->lags ? smaller(clock->least_lag, lag) : lag;
    if (++clock->lags < DRIFT_PACKETS)
        return;
    clock->slip = clock->least_lag > DRIFT ? 1 : clock->least_lag < -DRIFT ? -1 : 0;
    clock->lags = 0;
}

/* Map timestamps anew: this packet begins now, or behind what there is. */
static bool map(struct rtp_clock *clock, const struct taped *packet, int64_t *at)
{
    *at = clock->known ? larger(packet->at, clock->end) : packet->at;
    if (*at > packet->at + AHEAD)
        return false; /* more audio than time: a flood */
    *clock = (struct rtp_clock){.known = true,
                                .ssrc = packet->ssrc,
                                .timestamp = packet->timestamp,
                                .at = *at,
                                .end = *at + (int64_t)packet->bytes};
    return true;
}

/* A packet too late to be heard. True: so are the others, and alike. */
static bool late_alike(struct rtp_clock *clock, int64_t lag, size_t bytes)
{
    int64_t change = lag - clock->late_lag, tolerance = (int64_t)bytes / 2;
    bool alike = clock->late && change < tolerance && change > -tolerance;
    clock->late = alike ? clock->late + 1 : 1;
    clock->late_lag = lag;
    return clock->late >= LATE_ALIKE;
}

/* Where the packet begins; false: nowhere. `slip` says that it is moved against drift. */
static bool place(struct rtp_clock *clock, const struct taped *packet, int64_t *at, int *slip)
{
    *slip = 0;
    if (!clock->known || clock->ssrc != packet->ssrc)
        return map(clock, packet, at);
    int64_t step = (int32_t)(packet->timestamp - clock->timestamp);
    *at = clock->at + step;
    int64_t lag = packet->at - *at;
    if ((step > JUMP || step < -JUMP) && (lag > LATE || lag < -EARLY))
        return map(clock, packet, at);
    if (lag > LATE)
        return late_alike(clock, lag, packet->bytes) && map(clock, packet, at);
    clock->late = 0;
    if (step <= 0)
        return true; /* out of order */
    if (lag < -EARLY || (packet->marker && *at > clock->end && (lag > SPURT || lag < -SPURT)))
        return map(clock, packet, at);
    watch_drift(clock, lag);
    if (*at == clock->end)
        *slip = clock->slip;
    *at += *slip;
    clock->timestamp = packet->timestamp;
    clock->at = *at;
    clock->end = larger(clock->end, *at + (int64_t)packet->bytes);
    return true;
}

static void record(struct recorder *recorder, struct rtp_clock *clock, const struct taped *packet)
{
    int64_t at;
    int slip;
    if (!is_recorded(packet->payload_type) || !packet->bytes || !place(clock, packet, &at, &slip))
        return;
    enum law law = law_of(packet->payload_type);
    const uint8_t *payload = packet->payload;
    size_t bytes = packet->bytes;
    if (slip > 0)
        add_to_all(recorder, law, payload, 1, at - 1);
    if (slip < 0)
        payload++, bytes--, at++;
    add_to_all(recorder, law, payload, bytes, at);
}

void recorder_heard(struct recorder *recorder, const struct taped *packet)
{
    record(recorder, &recorder->heard, packet);
}

void recorder_sent(struct recorder *recorder, const struct taped *packet)
{
    record(recorder, &recorder->sent, packet);
}

/* ---- From beginning to end, in the media thread ------------------------------------------ */

/* Does not block: if the counter is at its top, the writer is awake. */
static void wake(struct recorders *all)
{
    uint64_t count = 1;
    ssize_t written = write(all->wake_fd, &count, sizeof count);
    (void)written;
}

static void finish(recording *one, int64_t now)
{
    struct recorders *all = one->all; /* once it has ended, it may be gone at once */
    int64_t length = now - one->began;
    int64_t final = atomic_load_explicit(&one->final, memory_order_relaxed);
    length = larger(length, smaller(one->end, length + TAIL));
    atomic_store_explicit(&one->final, larger(final, length), memory_order_release);
    atomic_store_explicit(&one->ended, true, memory_order_release);
    wake(all);
}

void recorder_add(struct recorder *recorder, recording *one, int64_t now)
{
    if (!recorder->count)
        recorder->heard.known = recorder->sent.known = false; /* nobody followed them */
    one->began = now;
    recorder->recordings[recorder->count++] = one;
}

void recorder_remove(struct recorder *recorder, recording *one, int64_t now)
{
    for (unsigned i = 0; i < recorder->count; i++)
        if (recorder->recordings[i] == one) {
            recorder->recordings[i] = recorder->recordings[--recorder->count];
            finish(one, now);
            return;
        }
}

void recorder_end(struct recorder *recorder, int64_t now)
{
    while (recorder->count)
        recorder_remove(recorder, recorder->recordings[0], now);
}

void recorder_advance(struct recorder *recorder, int64_t now)
{
    for (unsigned i = 0; i < recorder->count; i++) {
        recording *one = recorder->recordings[i];
        int64_t before = atomic_load_explicit(&one->final, memory_order_relaxed);
        int64_t final = now - HOLD - one->began;
        if (final > before)
            atomic_store_explicit(&one->final, final, memory_order_release);
    }
}

/* ---- Writing, in a thread of its own ----------------------------------------------------- */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* So many samples are through with: clear them for the next lap. They lie in one piece. */
static void clear(recording *one, int64_t done, size_t count)
{
    memset(&one->ring[done & (RING - 1)], 0, count * sizeof *one->ring);
    atomic_store_explicit(&one->done, done + (int64_t)count, memory_order_release);
}

/* Up to `count` samples, which lie in one piece. How many are written; 0 when it has to wait. */
static size_t write_piece(recording *one, int64_t done, size_t count)
{
    const uint8_t *bytes = (const uint8_t *)&one->ring[done & (RING - 1)];
    ssize_t written;
    do
        written = write(one->fd, bytes + one->half, count * sizeof *one->ring - one->half);
    while (written < 0 && errno == EINTR);
    if (written < 0) {
        if (errno != EAGAIN)
            one->error = errno;
        return 0;
    }
    size_t whole = (size_t)written + one->half;
    one->half = whole % sizeof *one->ring;
    return whole / sizeof *one->ring;
}

/* Write what is final, or discard it after an error. False: it has to wait. */
static bool write_final(recording *one)
{
    int64_t final = atomic_load_explicit(&one->final, memory_order_acquire);
    int64_t done = atomic_load_explicit(&one->done, memory_order_relaxed);
    while (done < final) {
        size_t count = (size_t)smaller(final - done, RING - (done & (RING - 1)));
        if (one->error) {
            one->discarded += count;
        } else {
            count = write_piece(one, done, count);
            if (!count && !one->error)
                return false;
            one->written += count;
        }
        clear(one, done, count);
        done += (int64_t)count;
    }
    return true;
}

/* A recording that has ended is not waited for without end. */
static void lose_patience(recording *one, int64_t now_ms)
{
    if (one->stuck_since_ms < 0)
        one->stuck_since_ms = now_ms;
    if (now_ms - one->stuck_since_ms >= GIVE_UP_MS)
        one->error = ETIMEDOUT;
}

static void push(recording *_Atomic *list, recording *one)
{
    recording *first = atomic_load(list);
    do
        one->next = first;
    while (!atomic_compare_exchange_weak(list, &first, one));
}

/* True: everything of it is written, or never will be. */
static bool serve(recording *one, bool ended, int64_t now_ms)
{
    uint64_t before = one->written;
    bool through = write_final(one);
    if (through || one->written != before)
        one->stuck_since_ms = -1;
    else if (ended)
        lose_patience(one, now_ms);
    return ended && (through || (one->error && write_final(one)));
}

static void serve_all(struct recorders *all, bool only_ended)
{
    bool any_done = false;
    int64_t now_ms = clock_ms();
    for (recording **link = &all->open; *link;) {
        recording *one = *link;
        /* read before what is final: nothing is added to that afterwards */
        bool ended = atomic_load_explicit(&one->ended, memory_order_acquire);
        if ((only_ended && !ended) || !serve(one, ended, now_ms)) {
            link = &one->next;
            continue;
        }
        *link = one->next;
        push(&all->done, one);
        any_done = true;
    }
    uint64_t count = 1;
    if (any_done && write(all->event_fd, &count, sizeof count) < 0)
        return; /* its counter is at the top: the reader is awake */
}

static void take_fresh(struct recorders *all)
{
    recording *one = atomic_exchange(&all->fresh, NULL);
    while (one) {
        recording *next = one->next;
        one->next = all->open;
        all->open = one;
        one = next;
    }
}

/* Until the next batch is due, or something began or ended. True: a batch is due. */
static bool wait_for_work(struct recorders *all, int64_t due_ms)
{
    struct pollfd wake = {.fd = all->wake_fd, .events = POLLIN};
    int64_t left_ms = larger(0, due_ms - clock_ms());
    if (poll(&wake, 1, all->open ? (int)left_ms : -1) == 1) {
        uint64_t count;
        ssize_t got = read(all->wake_fd, &count, sizeof count);
        (void)got;
    }
    return clock_ms() >= due_ms;
}

static void *write_all(void *argument)
{
    struct recorders *all = argument;
    int64_t due_ms = clock_ms();
    prctl(PR_SET_NAME, "onhook-record");
    while (!atomic_load(&all->stopping)) {
        bool due = wait_for_work(all, due_ms);
        take_fresh(all);
        serve_all(all, !due);
        if (due)
            due_ms = clock_ms() + WRITE_EVERY_MS;
    }
    take_fresh(all);
    for (recording *one = all->open; one; one = one->next)
        atomic_store(&one->ended, true); /* there is no media thread any more */
    for (; all->open; due_ms = clock_ms() + WRITE_EVERY_MS) {
        serve_all(all, false);
        if (all->open)
            wait_for_work(all, due_ms);
    }
    return NULL;
}

/* ---- The caller's side ------------------------------------------------------------------- */

int recorders_start(struct recorders **out, int event_fd)
{
    struct recorders *all = calloc(1, sizeof *all);
    if (!all)
        return -ENOMEM;
    all->event_fd = event_fd;
    all->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error = all->wake_fd < 0 ? errno : 0;
    if (!error) {
        sigset_t every, before; /* signals are the main thread's affair */
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
        error = pthread_create(&all->thread, NULL, write_all, all);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error) {
        if (all->wake_fd >= 0)
            close(all->wake_fd);
        free(all);
        return -error;
    }
    *out = all;
    return 0;
}

void recorders_stop(struct recorders *all)
{
    recording *one;
    atomic_store(&all->stopping, true);
    wake(all);
    pthread_join(all->thread, NULL);
    while ((one = recorders_take_done(all)))
        recording_free(one, true);
    close(all->wake_fd);
    free(all);
}

recording *recording_new(struct recorders *all, int fd, uint64_t owner)
{
    recording *one = aligned_alloc(_Alignof(struct plane_recording), sizeof *one);
    if (!one)
        return NULL;
    memset(one, 0, sizeof *one); /* every page is there before the media thread needs it */
    one->all = all;
    one->fd = fd;
    one->owner = owner;
    one->stuck_since_ms = -1;
    return one;
}

void recording_free(recording *one, bool close_fd)
{
    if (close_fd)
        close(one->fd);
    free(one);
}

void recorders_add(struct recorders *all, recording *one)
{
    int flags = fcntl(one->fd, F_GETFL);
    if (flags >= 0) /* a pipe that is full must not hold up the others; a file does not mind */
        fcntl(one->fd, F_SETFL, flags | O_NONBLOCK);
    push(&all->fresh, one);
    wake(all);
}

recording *recorders_take_done(struct recorders *all)
{
    if (!all->taken)
        all->taken = atomic_exchange(&all->done, NULL);
    recording *one = all->taken;
    if (one)
        all->taken = one->next;
    return one;
}

uint64_t recording_owner(const recording *one)
{
    return one->owner;
}

void recording_read(const recording *one, struct plane_recorded *out)
{
    *out = (struct plane_recorded){
        .samples = one->written, .lost = one->lost + one->discarded, .error = one->error};
}
