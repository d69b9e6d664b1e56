/* Where the recorder puts what it hears, and what becomes of it on a bad disk: on a clock of this
 * program's own, without the writer's thread; write() is that of this program (ld --wrap=write). Ends
 * with 0 and "ok".
 */
#define _GNU_SOURCE
#include "recording.h"

#include "law.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISK = 1000, /* a descriptor that only this write() knows */
    MS = SAMPLES_PER_MS,
    PCMU = 0,
    PCMA = 8,
    PACKET = 20 * MS,
    HOUR = 3600 * 1000 * MS,
    START = 123456,
    ROUND = 20 * MS,
};

static struct recorders all;
static struct recorder tap;
static recording *tape;
static int16_t *file; /* what the disk has taken */
static size_t file_bytes, disk_room;
static enum { FINE, MOODY, STUCK } disk;
static int64_t now;
static uint64_t state = 88172645463325252u;

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d, %.3f s: expected %s\n", line, (double)(now - START) / 8000, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static uint64_t chance(uint64_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes);

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    if (fd != DISK)
        return (ssize_t)bytes; /* nobody has to be woken */
    if (disk == STUCK || (disk == MOODY && chance(3) == 0)) {
        errno = disk == MOODY && chance(2) ? EINTR : EAGAIN;
        return -1;
    }
    if (disk == MOODY)
        bytes = 1 + chance(bytes);
    if (file_bytes + bytes > disk_room)
        bytes = disk_room - file_bytes;
    if (!bytes) {
        errno = ENOSPC;
        return -1;
    }
    memcpy((char *)file + file_bytes, data, bytes);
    file_bytes += bytes;
    return (ssize_t)bytes;
}

static void begin_at(int64_t at)
{
    now = START;
    file_bytes = 0;
    disk_room = 2 * (HOUR + 60 * 8000);
    disk = FINE;
    tap = (struct recorder){0};
    tape = recording_new(&all, DISK, 0, 1, 0);
    expect(tape != NULL);
    recorder_add(&tap, tape, at);
}

static void begin(void)
{
    begin_at(START);
}

/* Time passes, in rounds; the writer looks every tenth. */
static void pass(int64_t until)
{
    for (; now < until; now += ROUND) {
        recorder_advance(&tap, now);
        if ((now - START) / ROUND % 10 == 0)
            write_final(tape);
    }
    now = until;
    recorder_advance(&tap, now);
}

static struct plane_recorded end(void)
{
    struct plane_recorded figures;
    recorder_remove(&tap, recording_handle(tape), now);
    expect(tap.count == 0 && tape->ended);
    while (!write_final(tape) && disk != STUCK)
        ;
    recording_read(tape, &figures);
    recording_free(tape, false);
    return figures;
}

/* A packet of the peer, all of whose samples have this code of mu-law. */
static void say(uint8_t code, uint32_t timestamp, int64_t arrived)
{
    uint8_t payload[PACKET];
    memset(payload, code, sizeof payload);
    recorder_heard(&tap, &(struct taped){.payload = payload,
                                         .bytes = sizeof payload,
                                         .payload_type = PCMU,
                                         .ssrc = 7,
                                         .timestamp = timestamp,
                                         .at = arrived});
}

static bool is(int64_t at, size_t count, uint8_t code)
{
    for (size_t i = 0; i < count; i++)
        if (file[at - START + (int64_t)i] != law_decoded[MU_LAW][code])
            return false;
    return true;
}

static bool silent(int64_t at, int64_t to)
{
    return at >= to || is(at, (size_t)(to - at), 0xff);
}

static uint8_t code_of(int packet)
{
    return (uint8_t)(packet % 100); /* none of them is silence, and neighbours differ */
}

/* Up to 380 ms late, and so in any order. */
static void jitter(void)
{
    enum { PACKETS = 3000 };
    static struct { int packet; int64_t at; } arrivals[PACKETS];
    begin();
    for (int i = 0; i < PACKETS; i++) {
        int64_t at = START + i * PACKET + (i ? (int64_t)chance(380 * MS) : 0);
        int j = i;
        for (; j && arrivals[j - 1].at > at; j--)
            arrivals[j] = arrivals[j - 1];
        arrivals[j].packet = i, arrivals[j].at = at;
    }
    for (int i = 0; i < PACKETS; i++) {
        pass(arrivals[i].at);
        say(code_of(arrivals[i].packet),
            0xfffff000u + (uint32_t)arrivals[i].packet * PACKET, arrivals[i].at);
    }
    pass(now + 1000 * MS);
    struct plane_recorded figures = end();
    expect(figures.samples == (uint64_t)(now - START) && !figures.lost && !figures.error);
    /* the least late of 64 in a row may be later than 10 ms: then they are moved, by a little */
    int64_t at = START;
    for (int i = 0; i < PACKETS; i++, at += PACKET) {
        while (!is(at, PACKET - 2, code_of(i)))
            expect(++at < START + i * PACKET + 40 * MS);
    }
}

static void stall(void)
{
    begin();
    for (int i = 0; i < 200; i++) {
        bool held_up = i >= 50 && i < 100; /* for a second, and then they come at once */
        int64_t at = START + (held_up ? 100 : i) * PACKET;
        pass(at);
        say(code_of(i), (uint32_t)i * PACKET, at);
    }
    pass(now + 1000 * MS);
    end();
    for (int i = 0; i < 200; i++)
        if (i < 50 || i >= 80)
            expect(is(START + i * PACKET, PACKET, code_of(i)));
        else
            expect(silent(START + i * PACKET, START + (i + 1) * PACKET));
}

/* The peer was silent and counted on (that is not late), then not (that is another clock). */
static void pauses(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        pass(START + i * PACKET);
        say(1, 5000 + (uint32_t)i * PACKET, now);
    }
    pass(START + 30000 * MS);
    for (int i = 0; i < 10; i++, pass(now + PACKET))
        say(2, 5000 + 30000 * MS + (uint32_t)i * PACKET, now);
    pass(START + 60000 * MS);
    for (int i = 0; i < 10; i++, pass(now + PACKET))
        say(3, 5000 + 30000 * MS + (uint32_t)(10 + i) * PACKET, now);
    pass(now + 1000 * MS);
    end();
    expect(is(START, 10 * PACKET, 1) && silent(START + 10 * PACKET, START + 30000 * MS));
    expect(is(START + 30000 * MS, 10 * PACKET, 2));
    int64_t again = START + 60000 * MS + 2 * PACKET; /* two have to be given up to know */
    expect(silent(START + 30200 * MS, again) && is(again, 8 * PACKET, 3));
}

static void jumps(void)
{
    static const uint32_t to[] = {0, 1000000, 400000000, 3000000000u, 17, 4290000000u};
    begin();
    for (int n = 0; n < 6; n++)
        for (int i = 0; i < 20; i++, pass(now + PACKET))
            say((uint8_t)(n + 1), to[n] + (uint32_t)i * PACKET, now);
    pass(now + 1000 * MS);
    end();
    for (int n = 0; n < 6; n++)
        expect(is(START + n * 20 * PACKET, 20 * PACKET, (uint8_t)(n + 1)));
}

/* An hour with a peer whose clock is fast or slow: never out of time, never a hole, nothing doubled. */
static void drift(int ppm)
{
    begin();
    uint32_t count = 0;
    for (int64_t due = START; due < START + HOUR; count++) {
        due = START + (int64_t)count * PACKET * 1000000 / (1000000 + ppm);
        pass(due);
        say(9, 777 + count * PACKET, due);
        expect(tap.heard.at - due < 15 * MS && due - tap.heard.at < 15 * MS);
    }
    int64_t spoken = now - START;
    pass(now + 1000 * MS);
    struct plane_recorded figures = end();
    expect(!figures.lost && is(START, (size_t)spoken, 9));
}

/* The first packet was late, the others are not: after a while they are where they belong. */
static void late_first(void)
{
    begin();
    for (int i = 0; i < 2000; i++) {
        int64_t at = START + i * PACKET + (i ? 0 : 100 * MS);
        if (at > now)
            pass(at);
        say(9, (uint32_t)i * PACKET, at);
    }
    expect(tap.heard.at - (START + 1999 * PACKET) <= 10 * MS);
    end();
}

/* Both sides at once, each at its loudest. */
static void loud(void)
{
    uint8_t loudest[PACKET];
    struct taped packet = {.payload = loudest, .bytes = sizeof loudest, .at = START};
    begin();
    memset(loudest, 0x80, sizeof loudest); /* +32124 */
    recorder_sent(&tap, &packet);
    memset(loudest, 0xaa, sizeof loudest); /* of A-law: +32256 */
    packet.payload_type = PCMA;
    recorder_heard(&tap, &packet);
    packet.timestamp += PACKET, packet.at += PACKET;
    memset(loudest, 0x2a, sizeof loudest); /* -32256 */
    recorder_heard(&tap, &packet);
    packet.payload_type = 101; /* a digit makes no sound */
    recorder_sent(&tap, &packet);
    memset(loudest, 0x00, sizeof loudest);
    packet.payload_type = PCMU;
    recorder_sent(&tap, &packet);
    pass(now + 1000 * MS);
    end();
    expect(file[0] == INT16_MAX && file[PACKET - 1] == INT16_MAX);
    expect(file[PACKET] == INT16_MIN && file[2 * PACKET - 1] == INT16_MIN && file[2 * PACKET] == 0);
}

/* What is relayed comes in bursts, and what is played afterwards goes on behind it. */
static void relayed(void)
{
    uint8_t payload[PACKET];
    struct taped packet = {.payload = payload, .bytes = sizeof payload, .timestamp = 50};
    begin();
    for (int i = 0; i < 100; i++) {
        if (i % 5 == 0)
            pass(START + i * PACKET);
        memset(payload, code_of(i), sizeof payload);
        packet.at = i < 50 ? START + i * PACKET : START + (i - 2) * PACKET;
        recorder_sent(&tap, &packet);
        packet.timestamp += PACKET;
    }
    pass(now + 1000 * MS);
    end();
    for (int i = 0; i < DRIFT_PACKETS; i++) /* then it is moved back, by a sample a packet */
        expect(is(START + i * PACKET, PACKET, code_of(i)));
}

static void play(uint8_t code)
{
    uint8_t payload[PACKET];
    memset(payload, code, sizeof payload);
    recorder_sent(&tap, &(struct taped){.payload = payload,
                                        .bytes = sizeof payload,
                                        .timestamp = (uint32_t)(now - START),
                                        .at = now});
    pass(now + PACKET);
}

/* Nothing is recorded before it is told to begin, and nothing of what it was to begin behind. */
static void waiting(void)
{
    begin_at(NOT_YET);
    recorder_await(&tap, 1, 77);
    recorder_await(&tap, 2, 78); /* there is none of this handle */
    for (int i = 0; i < 300; i++)
        play(1);
    recorder_played(&tap, 78, now);
    recorder_played(&tap, 0, now);
    play(2);
    enum { AHEAD_OF_ITS_TICK = 3 * MS };
    now -= AHEAD_OF_ITS_TICK;
    recorder_played(&tap, 77, now);
    now += AHEAD_OF_ITS_TICK;
    recorder_played(&tap, 77, now + 1000 * MS); /* once */
    int64_t began = now;
    for (int i = 0; i < 100; i++)
        play(3);
    expect(!recorder_begin(&tap, 1, now));
    int64_t length = now - began;
    struct plane_recorded figures = end();
    expect(figures.samples == (uint64_t)length && !figures.lost && !figures.error);
    expect(is(START, (size_t)length, 3));
}

static void told_to_begin(void)
{
    begin_at(NOT_YET);
    play(1);
    expect(!recorder_begin(&tap, 2, now) && recorder_begin(&tap, 1, now));
    play(2);
    expect(end().samples == PACKET && is(START, PACKET, 2));
}

static void never_begun(void)
{
    begin_at(NOT_YET);
    for (int i = 0; i < 300; i++)
        play(1);
    struct plane_recorded figures = end();
    expect(!figures.samples && !figures.lost && !figures.error && !file_bytes);
}

/* A disk that now and then takes a part, an odd number of bytes, or nothing for a moment. */
static void moody_disk(void)
{
    begin();
    disk = MOODY;
    for (int i = 0; i < 5000; i++)
        play(code_of(i));
    struct plane_recorded figures = end();
    expect(figures.samples == (uint64_t)(now - START) && !figures.lost && !figures.error);
    expect(file_bytes == 2 * figures.samples);
    for (int i = 0; i < 5000; i++)
        expect(is(START + i * PACKET, PACKET, code_of(i)));
}

/* Ten seconds of nothing: four are kept, the rest is silence and counted, what follows is in time. */
static void slow_disk(void)
{
    begin();
    for (int i = 0; i < 100; i++)
        play(1);
    int64_t stuck_at = now;
    disk = STUCK;
    for (int i = 0; i < 500; i++)
        play(2);
    disk = FINE;
    write_final(tape);
    for (int i = 0; i < 100; i++)
        play(3);
    struct plane_recorded figures = end();
    int64_t lost = (int64_t)figures.lost, stuck_to = stuck_at + 500 * PACKET;
    expect(figures.samples == (uint64_t)(now - START) && !figures.error);
    expect(lost > 6 * 8000 - 2 * HOLD && lost < 6 * 8000 + 2 * HOLD);
    expect(is(START, 100 * PACKET, 1) && is(stuck_at, (size_t)(stuck_to - stuck_at - lost), 2));
    expect(silent(stuck_to - lost, stuck_to) && is(stuck_to, 100 * PACKET, 3));
}

static void full_disk(void)
{
    begin();
    disk_room = 100001;
    for (int i = 0; i < 1000; i++)
        play(1);
    struct plane_recorded figures = end();
    expect(figures.error == ENOSPC && figures.samples == 50000 && file_bytes == 100001);
    expect(figures.samples + figures.lost == (uint64_t)(now - START));
}

/* What ends is given up when its file takes nothing for two seconds. */
static void stuck_disk(void)
{
    begin();
    disk = STUCK;
    play(1);
    recorder_end(&tap, now);
    expect(!serve_recording(tape, true, 1000) && !serve_recording(tape, true, 1000 + GIVE_UP_MS - 1));
    expect(serve_recording(tape, true, 1000 + GIVE_UP_MS));
    struct plane_recorded figures;
    recording_read(tape, &figures);
    expect(figures.error == ETIMEDOUT && !figures.samples && figures.lost == PACKET);
    recording_free(tape, false);
}

/* Whatever a peer sends: nothing is read or written where it should not be. */
static void nonsense(void)
{
    begin();
    uint8_t payload[1500];
    uint32_t timestamp = 0;
    memset(payload, 3, sizeof payload);
    for (int i = 0; i < 200000; i++) {
        pass(now + (int64_t)chance(60));
        timestamp = chance(20) ? timestamp + (uint32_t)chance(400) : (uint32_t)chance(UINT32_MAX);
        recorder_heard(&tap, &(struct taped){.payload = payload,
                                             .bytes = (size_t)chance(chance(9) ? 200 : 1500),
                                             .payload_type = chance(9) ? PCMU : (uint8_t)chance(128),
                                             .marker = chance(9) == 0,
                                             .ssrc = chance(999) ? 1 : (uint32_t)chance(3),
                                             .timestamp = timestamp,
                                             .at = now - (int64_t)chance(160)});
        expect(tap.heard.end <= now + AHEAD + 1500);
    }
    struct plane_recorded figures = end();
    expect(figures.samples >= (uint64_t)(now - START) && !figures.error);
    expect(figures.samples <= (uint64_t)(now - START + TAIL));
}

int main(void)
{
    law_prepare();
    file = malloc(2 * (HOUR + 60 * 8000));
    expect(file != NULL);
    jitter();
    stall();
    pauses();
    jumps();
    drift(200);
    drift(-200);
    late_first();
    loud();
    relayed();
    waiting();
    told_to_begin();
    never_begun();
    moody_disk();
    slow_disk();
    full_disk();
    stuck_disk();
    nonsense();
    free(file);
    puts("ok");
    return 0;
}
