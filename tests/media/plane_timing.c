/* The pacing rules of the media plane, on a clock of this program's own: no thread runs, ticks are
 * counted by hand, and rounds are left out at random. Ends with 0 and "ok".
 */
#define _GNU_SOURCE
#include "steered.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 70, TICKS = 20000, LONGEST = 7, STRIDE = 4, /* of the slots that so few calls stand in */ };

static struct call *calls; /* those of the plane */
static uint64_t handles[CALLS], prompt;
static int ears[CALLS];
static uint64_t asked_at[CALLS];  /* the tick of a play that found silence, or 0 */
static uint64_t rounds_skipped_at[CALLS];
static uint64_t rounds_skipped;
static uint64_t heard[CALLS];
static uint64_t last_tick[CALLS];
static uint16_t last_sequence[CALLS];
static uint32_t last_timestamp[CALLS];
static uint8_t frames[LONGEST * PLANE_FRAME_BYTES];
static uint64_t state = 88172645463325252u;

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d, tick %llu: expected %s\n", line, (unsigned long long)thread->tick, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static uint64_t chance(uint64_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

static void ask(int result)
{
    expect(result == 0);
    settle();
    expect(refused() == 0);
}

static void open_all(void)
{
    for (int i = 0; i < CALLS; i++) {
        int pair[2];
        uint16_t port;
        expect(connect_pair(pair, &port));
        ears[i] = pair[1];
        ask(plane_open(steering,
                       &(struct plane_call){.fd = pair[0], .remote_ip = "127.0.0.1", .remote_port = port,
                                            .format = {8, PLANE_NO_EVENTS, PLANE_NO_EVENTS, 0, 0, 0, 0},
                                            .timestamp = 0xffffff00u},
                       &handles[i]));
        calls[i].connected = calls[i].latched = true;
    }
}

static void play(int i)
{
    if (!calls[i].playing) {
        asked_at[i] = thread->tick;
        rounds_skipped_at[i] = rounds_skipped;
    }
    ask(plane_play(steering, handles[i], 1, prompt, 0, 1 + (uint32_t)chance(LONGEST), 1));
}

/* What one call has sent in this tick: at most one frame, with the right numbers. */
static void hear(int i)
{
    uint8_t packet[256];
    ssize_t bytes = recv(ears[i], packet, sizeof packet, MSG_DONTWAIT);
    if (bytes < 0)
        return;
    expect(bytes == RTP_HEADER_BYTES + PLANE_FRAME_BYTES);
    expect(recv(ears[i], packet + 12, 1, MSG_DONTWAIT) < 0);
    uint64_t since = thread->tick - last_tick[i], sooner = heard[i] && since < SLOTS ? SLOTS - since : 0;
    uint32_t timestamp = get_be32(packet + 4), step = timestamp - last_timestamp[i];
    expect(sooner < STRIDE); /* to go with others from now on */
    expect(!sooner || (thread->tick % STRIDE == 0 && calls[i].slot % STRIDE == 0));
    expect(packet[1] >> 7 == (!heard[i] || step != PLANE_FRAME_BYTES));
    expect(!heard[i] || since > SLOTS || step == PLANE_FRAME_BYTES);
    expect(!heard[i] || since <= SLOTS || (step - (uint32_t)since * SAMPLES_PER_TICK) / SAMPLES_PER_TICK < STRIDE);
    last_timestamp[i] = timestamp;
    expect(get_be16(packet + 2) == (uint16_t)(last_sequence[i] + (heard[i] ? 1 : 0)));
    if (asked_at[i]) /* within a round, and the rounds that were left out meanwhile */
        expect(thread->tick - asked_at[i] <= SLOTS * (1 + rounds_skipped - rounds_skipped_at[i]));
    asked_at[i] = 0;
    heard[i]++;
    last_tick[i] = thread->tick;
    last_sequence[i] = get_be16(packet + 2);
}

static void take_reports(void)
{
    struct plane_event events[CALLS];
    settle();
    while (plane_take_events(steering, events, CALLS) > 0)
        ;
}

static void be_late(void)
{
    uint64_t before = thread->tick;
    skip_rounds(thread, (int64_t)(SLOTS * TICK_NS) - 1);
    expect(thread->tick == before);
    uint64_t rounds = 1 + chance(5);
    skip_rounds(thread, (int64_t)rounds * SLOTS * TICK_NS + (int64_t)chance(SLOTS) * TICK_NS);
    expect(thread->tick == before + rounds * SLOTS);
    rounds_skipped += rounds;
}

/* A call that was silent is heard within a few ms when the slots are not full. */
static void begin_soon(void)
{
    while (calls[0].playing || sent_ahead(thread, &calls[0]) > 0) {
        serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
        for (int i = 0; i < CALLS; i++)
            hear(i);
        take_reports();
        thread->tick++;
    }
    play(0);
    expect((calls[0].slot + SLOTS - (int)(thread->tick % SLOTS)) % SLOTS < 5);
}

int main(void)
{
    expect(steer(CALLS, 1 << 10));
    calls = media.calls;
    int file = plane_make_file(frames, frames, LONGEST);
    expect(file >= 0 && plane_add_prompt(steering, file, 0, LONGEST, &prompt) == 0 && close(file) == 0);
    open_all();
    for (int slot = 0; slot < SLOTS; slot++) /* a new call goes into the emptiest of those that are used */
        expect(thread->slots[slot].count == (slot % STRIDE ? 0 : CALLS * STRIDE / SLOTS));
    thread->tick = 1;
    for (int n = 0; n < TICKS; n++, thread->tick++) {
        if (chance(3) == 0)
            play((int)chance(CALLS));
        if (chance(20) == 0)
            ask(plane_cut(steering, handles[chance(CALLS)]));
        for (int i = 0; i < CALLS; i++) /* a cut takes the obligation away */
            if (!calls[i].playing)
                asked_at[i] = 0;
        if (chance(500) == 0)
            be_late();
        serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
        for (int i = 0; i < CALLS; i++)
            hear(i);
        take_reports();
        uint32_t total = 0;
        for (int slot = 0; slot < SLOTS; slot++)
            total += thread->slots[slot].count;
        expect(total == CALLS);
    }
    begin_soon();
    uint64_t frames_heard = 0;
    for (int i = 0; i < CALLS; i++) {
        frames_heard += heard[i];
        ask(plane_cut(steering, handles[i]));
        take_reports();
        expect(!calls[i].first);
        close(ears[i]);
    }
    expect(frames_heard > TICKS / 4);
    plane_detach(steering);
    media.memory_fd = media.command_fd = media.far_event_fd = media.far_control = -1;
    free_host(&media);
    puts("ok");
    return 0;
}
