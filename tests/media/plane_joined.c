/* Bridges and rooms of the media plane, on a clock of this program's own: no thread runs, ticks are
 * counted by hand, and everything that can be asked is asked at random, by the seed that is the argument.
 * Ends with 0 and "ok".
 */
#define _GNU_SOURCE
#include "steered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 20, ROOMS = 2, TICKS = 30000, LONGEST = 7 };

static struct call *calls; /* those of the plane */
static uint64_t handles[CALLS], rooms[ROOMS], prompt;
static int ears[CALLS];
static uint8_t frames[LONGEST * PLANE_FRAME_BYTES];
static struct {
    bool spoken;
    uint16_t sequence;
    uint32_t end;      /* timestamp behind the last packet */
    uint64_t tick;     /* of it */
    uint64_t packets;
    uint64_t gaps;     /* timestamps that do not follow on */
} heard[CALLS];
static struct {
    uint16_t sequence;
    uint32_t timestamp;
} mouths[CALLS];
static uint64_t due[CALLS]; /* the tick before which a frame must have come, or 0 */
static const struct call *joined_to[CALLS];
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
                                            .format = {i % 2 ? PCMA : PCMU, PLANE_NO_EVENTS,
                                                       PLANE_NO_EVENTS, 0, 0, 0, 0},
                                            .sequence = 0xfff0, .timestamp = 0xffffff00u},
                       &handles[i]));
        calls[i].connected = calls[i].latched = true;
    }
    for (int i = 0; i < ROOMS; i++)
        ask(plane_open_room(steering, &rooms[i]));
}

static void say(int i, int bytes)
{
    uint8_t packet[RTP_HEADER_BYTES + 480] = {0x80, calls[i].payload_type};
    put_be16(packet + 2, mouths[i].sequence++);
    put_be32(packet + 4, mouths[i].timestamp);
    put_be32(packet + 8, 77);
    memset(packet + RTP_HEADER_BYTES, (int)chance(256), (size_t)bytes);
    mouths[i].timestamp += (uint32_t)bytes;
    expect(send(ears[i], packet, RTP_HEADER_BYTES + (size_t)bytes, MSG_DONTWAIT) > 0);
}

/* Numbers follow on, and no packet begins before the one in front of it is over. */
static void hear(int i)
{
    uint8_t packet[RTP_HEADER_BYTES + RTP_MAX_BYTES];
    ssize_t bytes;
    while ((bytes = recv(ears[i], packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        uint16_t sequence = get_be16(packet + 2);
        uint32_t timestamp = get_be32(packet + 4);
        expect(packet[1] % 128 == calls[i].payload_type);
        if (heard[i].spoken) {
            expect(sequence == (uint16_t)(heard[i].sequence + 1));
            expect((int32_t)(timestamp - heard[i].end) >= 0);
            expect(packet[1] >> 7 || timestamp == heard[i].end);
            heard[i].gaps += timestamp != heard[i].end;
        }
        heard[i].spoken = true;
        heard[i].sequence = sequence;
        heard[i].end = timestamp + (uint32_t)bytes - RTP_HEADER_BYTES;
        heard[i].tick = thread->tick;
        heard[i].packets++;
    }
}

static void take_reports(void)
{
    struct plane_event events[CALLS];
    settle();
    while (plane_take_events(steering, events, CALLS) > 0)
        ;
}

static void run_tick(void)
{
    if (thread->watched_calls)
        serve_watched(thread);
    serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
    for (int i = 0; i < CALLS; i++)
        hear(i);
    take_reports();
    thread->tick++;
}

static void play(int i, bool looped)
{
    uint32_t count = 1 + (uint32_t)chance(LONGEST);
    if (calls[i].playing && calls[i].playing->kind == LOOPED_LAST)
        ask(plane_cut(steering, handles[i]));
    ask(looped ? plane_loop(steering, handles[i], 1, prompt, 0, count, 1)
               : plane_play(steering, handles[i], 1, prompt, 0, count, 1));
}

static void ask_at_random(void)
{
    /* what is asked of a call may cost it the turn that it waited for, once */
    int i = (int)chance(CALLS), other = (i + 1 + (int)chance(CALLS - 1)) % CALLS;
    due[i] = 0;
    switch (chance(8)) {
    case 0: play(i, false); break;
    case 1: play(i, true); break;
    case 2: ask(plane_cut(steering, handles[i])); break;
    case 3: ask(plane_leave(steering, handles[i])); break;
    case 4:
        ask(plane_bridge(steering, handles[i], handles[other]));
        break;
    case 5:
        ask(plane_mute(steering, handles[i], (int)chance(2)));
        break;
    default: {
        uint64_t room = rooms[chance(ROOMS)];
        ask(plane_join(steering, room, handles[i], (int)chance(2)));
    }
    }
}

/* Everybody is sent a frame a round: what plays, what a room says, what the other side says, or
 * silence, for which one of two joined calls waits a little longer. */
static void expect_no_gap(void)
{
    for (int i = 0; i < CALLS; i++) {
        uint64_t patience = SLOTS + (calls[i].bridged ? JOINED_PATIENCE_TICKS + SLOTS : 0);
        bool moved = calls[i].bridged != joined_to[i]; /* by what was asked of another */
        joined_to[i] = calls[i].bridged;
        bool sent = heard[i].spoken && heard[i].tick + 1 == thread->tick;
        if (!due[i] || moved || sent || sent_ahead(thread, &calls[i]) > 0)
            due[i] = thread->tick + patience; /* the last frame is over, and the next turn comes */
        else
            expect(thread->tick <= due[i]);
    }
}

static void expect_consistent(void)
{
    uint32_t watched = 0;
    for (int i = 0; i < CALLS; i++) {
        const struct call *call = &calls[i];
        watched += call->watched;
        expect(!call->bridged || call->bridged->bridged == call);
        expect(!call->bridged || !call->member);
        expect(!call->member || call->member->call == call);
        expect(call->watched == (call->bridged || call->member));
    }
    expect(watched == thread->watched_calls);
}

/* However much one says at once: eight packets a round are passed on, and in time all of them. */
static void bound_floods(void)
{
    ask(plane_bridge(steering, handles[0], handles[1]));
    for (int i = 0; i < 2; i++)
        ask(plane_cut(steering, handles[i]));
    for (int n = 0; n < 3 * SLOTS; n++)
        run_tick();
    uint64_t before = heard[1].packets;
    for (int n = 0; n < 3 * RECEIVE_BATCH; n++)
        say(0, 160);
    uint64_t silent = calls[1].stats.silent_packets;
    for (int round = 1; round <= 3; round++) {
        for (int n = 0; n < SLOTS; n++)
            run_tick();
        expect(heard[1].packets - before <= (uint64_t)RECEIVE_BATCH * (unsigned)(round + 1));
    }
    for (int n = 0; n < SLOTS; n++)
        run_tick();
    expect(heard[1].packets - before == 3 * RECEIVE_BATCH);
    expect(calls[1].stats.silent_packets == silent); /* what came early lasts for a while */
}

/* A relayed packet leaves in the tick in which it is there. */
static void relay_at_once(void)
{
    for (int n = 0; n < 200; n++) {
        uint64_t before = heard[1].packets;
        say(0, n % 2 ? 80 : 240);
        run_tick();
        expect(heard[1].packets == before + 1);
        for (uint64_t wait = chance(2 * SLOTS) + 3; wait; wait--)
            run_tick();
    }
}

/* What is played in a room follows on from the mix, in whichever tick it was asked for, and the mix from it. */
static void play_in_a_room(void)
{
    for (int i = 0; i < CALLS; i++) {
        ask(plane_leave(steering, handles[i]));
        ask(plane_cut(steering, handles[i]));
    }
    for (int i = 0; i < 2; i++)
        ask(plane_join(steering, rooms[0], handles[i], 0));
    say(0, 160);
    for (int n = 0; n < 3 * SLOTS; n++)
        run_tick();
    uint64_t gaps = heard[0].gaps;
    for (int n = 0; n < 2 * SLOTS; n++) {
        say(0, 160); /* a peer that is silent may come to be elsewhere */
        for (int wait = 0; wait < SLOTS + n; wait++)
            run_tick();
        uint64_t packets = heard[0].packets;
        play(0, false);
        while (calls[0].playing)
            run_tick();
        expect(heard[0].packets > packets && heard[0].gaps == gaps);
    }
}

static void close_rooms(void)
{
    for (int i = 0; i < ROOMS; i++)
        ask(plane_close_room(steering, rooms[i]));
    for (int i = 0; i < CALLS; i++)
        expect(!calls[i].member);
    for (int n = 0; n < SLOTS; n++)
        run_tick();
    expect(!media.rooms[0] && !media.rooms[1] && thread->open_rooms == 0);
}

int main(int count, char **arguments)
{
    if (count > 1)
        state = strtoull(arguments[1], NULL, 10);
    law_prepare();
    expect(steer(CALLS, 1 << 10));
    calls = media.calls;
    int file = plane_make_file(frames, frames, LONGEST);
    expect(file >= 0 && plane_add_prompt(steering, file, 0, LONGEST, &prompt) == 0 && close(file) == 0);
    open_all();
    bound_floods();
    relay_at_once();
    for (int n = 0; n < TICKS; n++) {
        if (chance(6) == 0)
            ask_at_random();
        for (int i = 0; i < CALLS; i++)
            if (thread->tick % SLOTS == (unsigned)i && chance(8))
                say(i, 160);
        run_tick();
        expect_no_gap();
        expect_consistent();
    }
    play_in_a_room();
    close_rooms();
    for (int i = 0; i < CALLS; i++) {
        expect(heard[i].packets > TICKS / SLOTS / 8);
        ask(plane_leave(steering, handles[i]));
        ask(plane_cut(steering, handles[i]));
        take_reports();
        close(ears[i]);
    }
    expect(thread->watched_calls == 0);
    plane_detach(steering);
    media.memory_fd = media.command_fd = media.far_event_fd = media.far_control = -1;
    free_host(&media);
    puts("ok");
    return 0;
}
