/* Recording, in the media thread: where what is heard and sent belongs.
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
#include "recording.h"

#include "law.h"

#include <limits.h>
#include <string.h>
#include <time.h>

enum {
    LATE = 400 * SAMPLES_PER_MS,
    EARLY = 300 * SAMPLES_PER_MS,       /* packets of one burst are ahead of their time too */
    JUMP = 10000 * SAMPLES_PER_MS,      /* no network holds packets back for so long */
    LATE_ALIKE = 3,                     /* packets; then it is their timestamps */
    DRIFT = 10 * SAMPLES_PER_MS,
    SPURT = 20 * SAMPLES_PER_MS,        /* a talkspurt is placed anew when it is off by more */
    LONGEST_WAIT_NS = 2000000000,       /* of a packet in its socket */
    PCMU = 0,
    PCMA = 8,
};

/* ---- Adding -------------------------------------------------------------------------- */

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

/* ---- The place of a packet ----------------------------------------------------------- */

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

/* ---- From beginning to end ----------------------------------------------------------- */

static void finish(recording *one, int64_t now)
{
    struct recorders *all = one->all; /* once it has ended, it may be gone at once */
    int64_t length = now - one->began;
    int64_t final = atomic_load_explicit(&one->final, memory_order_relaxed);
    length = larger(length, smaller(one->end, length + TAIL));
    atomic_store_explicit(&one->final, larger(final, length), memory_order_release);
    atomic_store_explicit(&one->ended, true, memory_order_release);
    wake_writer(all);
}

void recorder_add(struct recorder *recorder, recording *one, int64_t now)
{
    if (!recorder->count)
        recorder->heard.known = recorder->sent.known = false; /* nobody followed them */
    one->began = now;
    recorder->recordings[recorder->count++] = one;
}

static recording *waiting(const struct recorder *recorder, uint64_t handle)
{
    for (unsigned i = 0; i < recorder->count; i++)
        if (recorder->recordings[i]->handle == handle && recorder->recordings[i]->began == NOT_YET)
            return recorder->recordings[i];
    return NULL;
}

bool recorder_begin(struct recorder *recorder, uint64_t handle, int64_t now)
{
    recording *one = waiting(recorder, handle);
    if (one)
        one->began = now;
    return one != NULL;
}

void recorder_await(struct recorder *recorder, uint64_t handle, uint64_t play_id)
{
    recording *one = waiting(recorder, handle);
    if (one)
        one->behind = play_id;
}

/* The last frame may have been placed a little behind its tick: none of it is recorded. */
void recorder_played(struct recorder *recorder, uint64_t play_id, int64_t end)
{
    int64_t behind = recorder->sent.known ? smaller(recorder->sent.end - end, SPURT) : 0;
    for (unsigned i = 0; i < recorder->count; i++)
        if (play_id && recorder->recordings[i]->behind == play_id && recorder->recordings[i]->began == NOT_YET)
            recorder->recordings[i]->began = end + larger(behind, 0);
}

void recorder_refuse(recording *one)
{
    finish(one, one->began);
}

void recorder_remove(struct recorder *recorder, uint64_t handle, int64_t now)
{
    for (unsigned i = 0; i < recorder->count; i++) {
        recording *one = recorder->recordings[i];
        if (one->handle == handle) {
            recorder->recordings[i] = recorder->recordings[--recorder->count];
            finish(one, now);
            return;
        }
    }
}

void recorder_end(struct recorder *recorder, int64_t now)
{
    while (recorder->count)
        recorder_remove(recorder, recorder->recordings[0]->handle, now);
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
