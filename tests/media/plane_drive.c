/* Drives the media plane with real sockets on loopback, to be run under the sanitizers:
 *   cc -std=c11 -fsanitize=address,undefined -Isrc/onhook/media/native tests/media/plane_drive.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 * Ends with 0 and "ok" when all that was expected happened.
 */
#define _GNU_SOURCE
#include "plane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLS = 24, FRAMES = 8, PATIENCE_MS = 20000 };

static const uint8_t lengths_ms[] = {0, 40, 60, 20, 30, 10};
static struct plane *media;
static uint64_t handles[CALLS];
static int peers[CALLS], readers[CALLS];
static struct sockaddr_in planes[CALLS];
static uint8_t frames[FRAMES * PLANE_FRAME_BYTES];
static uint64_t prompt;
static struct {
    int played, stopped, digits, first, closed, recorded;
    char last_digits[64];
} seen[CALLS];

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d: expected %s\n", line, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static struct sockaddr_in local_address(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    expect(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int call_of(uint64_t handle)
{
    for (int i = 0; i < CALLS; i++)
        if (handles[i] == handle)
            return i;
    expect(!"a handle that was given out");
    return -1;
}

/* A pipe that nobody reads takes part of it; how much of it a file takes in time is the machine's affair. */
static void note_recorded(int i, uint64_t recording)
{
    struct plane_recorded figures;
    expect(plane_reap_recording(media, recording, &figures) == 0);
    expect(plane_reap_recording(media, recording, &figures) == -ENOENT);
    expect(!figures.error || (figures.error == ETIMEDOUT && figures.lost));
    expect(i % 4 == 3 || !figures.error);
    seen[i].recorded++;
}

static void note(const struct plane_event *event)
{
    int i = call_of(event->call);
    expect(!seen[i].closed || event->kind == PLANE_RECORDED);
    switch (event->kind) {
    case PLANE_PLAYED: seen[i].played++; break;
    case PLANE_STOPPED: seen[i].stopped++; break;
    case PLANE_RTP_FIRST: seen[i].first++; break;
    case PLANE_CLOSED: seen[i].closed++; break;
    case PLANE_RECORDED:
        note_recorded(i, event->play_id);
        break;
    case PLANE_DIGIT:
        seen[i].last_digits[seen[i].digits++ % 63] = (char)event->digit;
        break;
    default: expect(!"a known kind of event");
    }
}

static void take_events(int timeout_ms)
{
    struct plane_event events[7]; /* few, so that taking goes on over several calls */
    struct pollfd ready = {.fd = plane_event_fd(media), .events = POLLIN};
    uint8_t bells[256];
    int count;
    plane_flush(media);
    if (poll(&ready, 1, timeout_ms) == 1)
        expect(read(ready.fd, bells, sizeof bells) > 0);
    while ((count = plane_take_events(media, events, 7)) > 0) {
        for (int i = 0; i < count; i++)
            note(&events[i]);
        expect(plane_acknowledge(media, plane_newest(media)) == 0);
    }
}

/* Take events until a condition holds; fail after PATIENCE_MS. */
#define await(condition)                                                                   \
    for (int left = PATIENCE_MS; !(condition); left -= 5) {                                \
        expect(left > 0);                                                                  \
        take_events(5);                                                                    \
    }

/* Some with a socket of their own, some with none, some on the port of the RTP. */
static void report_by(int i)
{
    int fd = i % 3 == 2 ? -1 : plane_bind("127.0.0.1", 0);
    struct plane_rtcp how = {
        .fd = fd, .mux = i % 2, .remote_ip = i % 4 ? "127.0.0.1" : NULL, .remote_port = 9};
    memset(how.cname, 'a' + i, sizeof how.cname);
    expect(plane_report(media, handles[i], &how) >= 0);
    how.remote_ip = "224.0.0.1";
    expect(plane_report(media, handles[i], &how) == -EINVAL);
    how.fd = -1, how.remote_ip = "127.0.0.1";
    expect(plane_report(media, handles[i], &how) >= 0);
}

static void open_calls(void)
{
    for (int i = 0; i < CALLS; i++) {
        int fd = plane_bind("127.0.0.1", 0);
        expect(fd >= 0);
        peers[i] = plane_bind("127.0.0.1", 0);
        planes[i] = local_address(fd);
        int events = i % 3 ? 101 : PLANE_NO_EVENTS;
        struct plane_call how = {
            .fd = fd, .remote_ip = "127.0.0.1",
            .remote_port = ntohs(local_address(peers[i]).sin_port), .ssrc = (uint32_t)i,
            .format = {8, events, events, false, 0, i % 5 == 0, 0, lengths_ms[i % 6]},
            .timestamp = 0xfffffff0u, .sequence = 0xfffe};
        expect(plane_open(media, &how, &handles[i]) >= 0);
        report_by(i);
    }
    struct plane_call bad = {.fd = 0, .remote_ip = "0.0.0.0", .remote_port = 4};
    uint64_t handle;
    expect(plane_open(media, &bad, &handle) == -EINVAL);
    expect(plane_agree(media, handles[0], &(struct plane_format){8, 101, 128, false, 0, 0, 0, 0}) == -EINVAL);
    expect(plane_agree(media, handles[0], &(struct plane_format){8, 101, 101, false, 128, 0, 0, 0}) == -EINVAL);
    expect(plane_agree(media, handles[0], &(struct plane_format){8, 101, 101, false, 0, 0, 0, 50}) == -EINVAL);
}

static uint64_t record(int i)
{
    int fd = memfd_create("recording", 0), pipe_fds[2];
    uint64_t recording;
    if (i % 4 == 3 && !(i & 8)) {
        expect(pipe(pipe_fds) == 0);
        expect(fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096) == 4096);
        close(fd);
        fd = pipe_fds[1];
        readers[i] = pipe_fds[0];
    }
    bool waits = i % 3 == 1; /* some of which begin, by themselves */
    expect(fd >= 0 && (waits ? plane_prepare_recording : plane_record)(media, handles[i], fd, 0, &recording) >= 0);
    if (waits)
        expect(plane_begin_recording(media, handles[i], recording, 1) >= 0);
    return recording;
}

static void send_to(int i, const void *data, size_t bytes)
{
    sendto(peers[i], data, bytes, 0, (struct sockaddr *)&planes[i], sizeof planes[i]);
}

static void send_digit(int i, uint8_t code, uint16_t sequence, uint32_t timestamp)
{
    uint8_t packet[16] = {0x80, 101, (uint8_t)(sequence >> 8), (uint8_t)sequence,
                          (uint8_t)(timestamp >> 24), (uint8_t)(timestamp >> 16),
                          (uint8_t)(timestamp >> 8), (uint8_t)timestamp, 1, 2, 3, 4, code, 10, 0, 160};
    for (int repeat = 0; repeat < 3; repeat++, packet[3]++)
        send_to(i, packet, sizeof packet);
}

static uint64_t state = 88172645463325252u;

static int chance(int below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (int)(state % (uint64_t)below);
}

static void disturb(int i)
{
    uint8_t noise[1600];
    for (size_t n = 0; n < sizeof noise; n++)
        noise[n] = (uint8_t)chance(256);
    noise[0] = (uint8_t)((noise[0] & 0x3f) | (state & 0x700 ? 0x80 : 0));
    send_to(i, noise, state % sizeof noise);
}

static void say(int i, uint16_t number)
{
    uint8_t packet[12 + PLANE_FRAME_BYTES] = {0x80, chance(2) ? 8 : 0, (uint8_t)(number >> 8),
                                              (uint8_t)number, 0, 0, 0, 0, 1, 2, 3, 4};
    packet[6] = (uint8_t)(number * PLANE_FRAME_BYTES >> 8);
    packet[7] = (uint8_t)(number * PLANE_FRAME_BYTES);
    memset(packet + 12, chance(256), PLANE_FRAME_BYTES);
    send_to(i, packet, sizeof packet);
}

/* Bridges, rooms, loops and digits, at random and all at once. */
static void mingle(void)
{
    enum { ROOMS = 5, STEPS = 1500 };
    static const uint8_t digits[] = "1,#";
    uint64_t rooms[ROOMS];
    int queued[CALLS] = {0};
    for (int n = 0; n < ROOMS; n++)
        expect(plane_open_room(media, &rooms[n]) >= 0);
    for (int step = 0; step < STEPS; step++) {
        int i = chance(CALLS), other = chance(CALLS), room = chance(ROOMS);
        uint64_t handle = handles[i];
        say(i, (uint16_t)step);
        switch (chance(12)) {
        case 0:
        case 1:
            expect(plane_bridge(media, handle, handles[other]) == (i == other ? -EINVAL : 0) ||
                   i != other); /* or held back */
            break;
        case 2:
        case 3:
        case 4: expect(plane_join(media, rooms[room], handle, chance(2)) >= 0); break;
        case 5: expect(plane_leave(media, handle) >= 0); break;
        case 6: expect(plane_mute(media, handle, chance(2)) >= 0); break;
        case 7: expect(plane_cut(media, handle) >= 0); break;
        case 8:
            expect(plane_loop(media, handle, 100, prompt, 0, 2, 0) >= 0);
            expect(plane_loop(media, handle, 100, prompt, 3, 1, 1) >= 0);
            queued[i] += 2;
            break;
        case 9:
            expect(plane_send_digits(media, handle, 101, digits, sizeof digits - 1, 1) >= 0);
            queued[i]++;
            break;
        case 10: send_digit(i, (uint8_t)chance(16), (uint16_t)step, (uint32_t)step * 160); break;
        case 11:
            expect(plane_close_room(media, rooms[room]) >= 0);
            expect(plane_open_room(media, &rooms[room]) >= 0);
            break;
        }
        if (step % 8 == 0)
            take_events(1);
    }
    expect(plane_send_digits(media, handles[0], 1, (const uint8_t *)"x", 1, 1) == -EINVAL);
    for (int i = 0; i < CALLS; i++) {
        expect(plane_cut(media, handles[i]) >= 0);
        await(seen[i].played + seen[i].stopped == 3 + queued[i]);
        seen[i].played = 3, seen[i].stopped = 0;
        expect(plane_join(media, rooms[i % ROOMS], handles[i], 0) >= 0);
    }
    expect(plane_close_room(media, rooms[0]) >= 0); /* the others are left to plane_stop() */
}

/* A handle is good until it is dropped; the next one is another, though it has the same place. */
static void add_prompts(void)
{
    uint64_t other, next;
    int file = plane_make_file(frames, frames, FRAMES), pipe_fds[2];
    expect(file >= 0 && pipe(pipe_fds) == 0);
    expect(plane_make_file(frames, NULL, 1) == -EINVAL && plane_make_file(frames, frames, 0) == -EINVAL);
    expect(pwrite(file, frames, 1, 0) < 0 && ftruncate(file, 0) < 0); /* it is sealed */
    expect(plane_add_prompt(media, file, 0, FRAMES, &prompt) >= 0);
    expect(plane_add_prompt(media, file, 0, 0, &other) == -EINVAL);
    expect(plane_add_prompt(media, file, UINT64_MAX - 100, 1, &other) == -EINVAL);
    expect(plane_add_prompt(media, pipe_fds[0], 0, 1, &other) == -EINVAL);
    expect(plane_add_prompt(media, -1, 0, 1, &other) == -EBADF);
    expect(plane_add_prompt(media, file, 3, 1, &other) >= 0 && other != prompt);
    expect(plane_drop_prompt(media, other) >= 0 && plane_drop_prompt(media, other) == -ENOENT);
    expect(plane_add_prompt(media, file, 0, FRAMES + 1, &next) & PLANE_CUT_SHORT && next != other);
    expect(plane_drop_prompt(media, next) >= 0 && plane_drop_prompt(media, 0) == -ENOENT);
    expect(close(file) == 0 && close(pipe_fds[0]) == 0 && close(pipe_fds[1]) == 0);
}

/* What is asked for must lie within the prompt, and it must be known. */
static void ask_for_nothing(uint64_t handle)
{
    expect(plane_play(media, handle, 1, prompt, 0, FRAMES + 1, 1) == -EINVAL);
    expect(plane_play(media, handle, 1, prompt, FRAMES, 1, 1) == -EINVAL);
    expect(plane_play(media, handle, 1, prompt, 1, UINT32_MAX, 1) == -EINVAL);
    expect(plane_play(media, handle, 1, prompt, 0, 0, 1) == -EINVAL);
    expect(plane_play(media, handle, 1, prompt + 1, 0, 1, 1) == -ENOENT);
    expect(plane_join(media, 0, handle, 0) == -ENOENT && plane_close_room(media, 7) == -ENOENT);
}

int main(void)
{
    /* rings so small that both are full all the time */
    struct plane_config config = {
        .max_calls = CALLS, .rtp_timeout_ms = 0, .command_ring = 4, .event_ring = 4, .threads = 2,
        .plenty = 4};
    struct plane_config odd = {.max_calls = 1, .command_ring = 3, .event_ring = 4, .threads = 1};
    memset(frames, 0x55, sizeof frames);
    expect(plane_start(&media, &odd) == -EINVAL);
    expect(plane_start(&media, &config) == 0);
    add_prompts();
    open_calls();
    uint64_t whole[CALLS], part[CALLS];
    for (int i = 0; i < CALLS; i++)
        whole[i] = record(i);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < CALLS; i++)
            expect(plane_play(media, handles[i], (uint64_t)round, prompt, 0, 1 + (uint32_t)(i % FRAMES), 1) >= 0);
    for (int i = 0; i < CALLS; i++)
        send_digit(i, (uint8_t)(i % 16), 100, 8000);
    for (int i = 0; i < CALLS; i++)
        await(seen[i].played == 3);
    for (int i = 0; i < CALLS; i++)
        if (i % 3) {
            await(seen[i].first == 1 && seen[i].digits == 1);
            expect(seen[i].last_digits[0] == "0123456789*#ABCD"[i % 16]);
        }

    for (int i = 0; i < CALLS; i++)
        part[i] = i % 4 == 3 ? 0 : record(i);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < CALLS; i++)
            disturb(i);
        take_events(2);
    }
    ask_for_nothing(handles[0]);
    mingle();
    for (int i = 0; i < CALLS; i += 2)
        expect(plane_record_stop(media, handles[i], part[i]) >= 0);
    for (int i = 0; i < CALLS; i += 4)
        await(seen[i].recorded == 1);
    for (int i = 0; i < CALLS; i++) {
        expect(plane_play(media, handles[i], 9, prompt, 0, FRAMES, 1) >= 0);
        expect(plane_play(media, handles[i], 10, prompt, 0, FRAMES, 1) >= 0);
        const char *const ips[] = {"127.0.0.3"};
        expect(plane_latch(media, handles[i], &(struct plane_latching){ips, 1, 0}) >= 0);
        expect(plane_remote(media, handles[i], "127.0.0.2", 9) >= 0);
        struct plane_format format = {0, 96, 101, i & 2, 97, i & 1, i & 1, lengths_ms[(i + 1) % 6]};
        expect(plane_agree(media, handles[i], &format) >= 0);
        expect((i & 1 ? plane_cut(media, handles[i]) : plane_close(media, handles[i])) >= 0);
    }
    for (int i = 0; i < CALLS; i++) {
        struct plane_stats stats;
        int stopped = plane_record_stop(media, handles[i], whole[i]);
        expect(i & 1 ? stopped >= 0 : stopped == -ENOENT);
        await(seen[i].played + seen[i].stopped == 5 && (i & 1 || seen[i].closed));
        expect(plane_reap(media, handles[i], &stats) == (i & 1 ? -ENOENT : 0));
        expect(plane_reap(media, handles[i], &stats) == -ENOENT);
        if (!(i & 1)) {
            expect(plane_agree(media, handles[i], &(struct plane_format){0}) == -ENOENT);
            expect(plane_play(media, handles[i], 11, prompt, 0, 1, 1) == -ENOENT);
            expect(plane_bridge(media, handles[i], handles[1]) == -ENOENT);
            expect(plane_bridge(media, handles[1], handles[i]) == -ENOENT);
            expect(plane_mute(media, handles[i], 1) == -ENOENT);
            expect(plane_begin_recording(media, handles[i], whole[i], 0) == -ENOENT);
            expect(plane_leave(media, handles[i]) == -ENOENT);
            expect(stats.sent_packets + stats.send_errors >= 3u * (1 + (unsigned)i % FRAMES));
        }
    }
    for (int i = 0; i < CALLS; i++) /* what was closed too, and reaped meanwhile */
        await(seen[i].recorded == (i & 1 ? 1 : 2));
    for (int i = 1; i < CALLS; i += 2)
        record(i);
    /* stop with calls open, segments queued and events not taken */
    uint64_t passing;
    int file = plane_make_file(frames, frames, FRAMES);
    expect(file >= 0 && plane_add_prompt(media, file, 0, FRAMES, &passing) >= 0 && close(file) == 0);
    for (int i = 1; i < CALLS; i += 2)
        for (uint64_t n = 0; n < 20; n++)
            expect(plane_play(media, handles[i], n, passing, 0, FRAMES, 1) >= 0);
    expect(plane_drop_prompt(media, passing) >= 0);
    expect(plane_play(media, handles[1], 1, passing, 0, 1, 1) == -ENOENT);
    struct plane_health health;
    plane_health(media, &health);
    expect(health.refused == 0);
    plane_stop(media);
    for (int i = 0; i < CALLS; i++)
        close(peers[i]), close(readers[i]);
    puts("ok");
    return 0;
}
