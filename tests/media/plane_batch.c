/* Packets that leave together: nothing of what one by one is heard, counted or told is otherwise, and all of it
 * leaves when the kernel takes io_uring away in the middle. No thread runs. Ends with 0 and "ok".
 */
#define _GNU_SOURCE
#include "steered.h"

#include "silence.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* So many that there are more in a slot than leave at once; so few that those stand in each fourth. */
enum { CALLS = 6 * BATCH_PACKETS + 8, LOST = 3 /* calls whose prompt was cut short */ };

static uint64_t handles[CALLS], prompt;
static int ears[CALLS];
static uint8_t frames[2 * PLANE_FRAME_BYTES];

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d, tick %llu: expected %s\n", line, (unsigned long long)thread->tick, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static void ask(int result)
{
    expect(result >= 0);
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
                                            .format = {8, PLANE_NO_EVENTS, PLANE_NO_EVENTS, 0, 0, 0, 0}},
                       &handles[i]));
        media.calls[i].connected = i % 2; /* the others name their peer with each packet */
    }
}

static void pass_a_round(void)
{
    for (int n = 0; n < SLOTS; n++, thread->tick++)
        serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
}

/* Each is sent one packet a round, in its order. */
static void hear_a_round(int from, const uint8_t *payload)
{
    uint8_t packet[256];
    pass_a_round();
    for (int i = from; i < CALLS; i++) {
        expect(recv(ears[i], packet, sizeof packet, MSG_DONTWAIT) == RTP_HEADER_BYTES + PLANE_FRAME_BYTES);
        expect(memcmp(packet + RTP_HEADER_BYTES, payload, PLANE_FRAME_BYTES) == 0);
        expect(get_be16(packet + 2) == (uint16_t)(media.calls[i].sequence - 1));
        expect(recv(ears[i], packet, sizeof packet, MSG_DONTWAIT) < 0);
    }
}

static void play_to_all(void)
{
    for (int i = 0; i < CALLS; i++)
        ask(plane_play(steering, handles[i], 1, prompt, 0, 2, 1));
    while (thread->tick % SLOTS) /* a round begins */
        thread->tick++;
}

/* That of a prompt that is not there any more, and of nobody at the port. */
static void count_errors(void)
{
    uint64_t gone;
    int file = (int)memfd_create("cut short", MFD_CLOEXEC);
    expect(file >= 0 && posix_fallocate(file, 0, 1 << 20) == 0);
    ask(plane_add_prompt(steering, file, 8192, 1, &gone));
    expect(ftruncate(file, 0) == 0 && close(file) == 0);
    uint64_t before[LOST];
    for (int i = 0; i < LOST; i++) {
        before[i] = media.calls[i].stats.sent_packets;
        ask(plane_play(steering, handles[i], 2, gone, 0, 1, 1));
    }
    pass_a_round();
    for (int i = 0; i < LOST; i++) {
        expect(media.calls[i].stats.send_errors == 1);
        expect(media.calls[i].stats.sent_packets == before[i]);
    }
}

static void notice_who_is_gone(void)
{
    int i = CALLS - 2;
    media.calls[i].connected = true;
    close(ears[i]);
    uint64_t before = media.calls[i].stats.sent_packets;
    for (int n = 0; n < 3; n++)
        pass_a_round();
    expect(media.calls[i].rx.refused);
    expect(media.calls[i].stats.sent_packets == before + 3); /* tried again, as nothing was wrong with it */
}

static void serve(bool together)
{
    expect(steer(CALLS, 1 << 12));
    if (together && !uring_open(&thread->batch->ring, BATCH_PACKETS))
        fprintf(stderr, "this kernel has no io_uring for us\n");
    int file = plane_make_file(frames, frames, 2);
    expect(file >= 0);
    ask(plane_add_prompt(steering, file, 0, 2, &prompt));
    expect(close(file) == 0);
    open_all();
    pass_a_round();
    for (int i = 0; i < CALLS; i++) {
        uint8_t packet[256];
        while (recv(ears[i], packet, sizeof packet, MSG_DONTWAIT) > 0)
            ;
    }
    hear_a_round(0, silent_frames[A_LAW]);
}

static void end(void)
{
    for (int i = 0; i < CALLS; i++)
        close(ears[i]);
    plane_detach(steering);
    media.memory_fd = media.command_fd = media.far_event_fd = media.far_control = -1;
    free_host(&media);
}

int main(void)
{
    memset(frames, 0x11, sizeof frames);
    memset(frames + PLANE_FRAME_BYTES, 0x22, PLANE_FRAME_BYTES);
    for (int together = 0; together < 2; together++) {
        serve(together);
        play_to_all();
        hear_a_round(0, frames);
        expect(thread->slots[0].count > BATCH_PACKETS);
        if (together && thread->batch->ring.fd >= 0) {
            int null = open("/dev/null", O_RDWR);
            expect(dup2(null, thread->batch->ring.fd) >= 0 && close(null) == 0);
            hear_a_round(0, frames + PLANE_FRAME_BYTES);
            expect(thread->batch->ring.fd == -1);
            uring_open(&thread->batch->ring, BATCH_PACKETS);
        } else {
            hear_a_round(0, frames + PLANE_FRAME_BYTES);
        }
        hear_a_round(0, silent_frames[A_LAW]);
        count_errors();
        notice_who_is_gone();
        for (int i = 0; i < CALLS; i++)
            expect(media.calls[i].stats.silent_packets + 2 + (i < LOST) ==
                   media.calls[i].stats.sent_packets + media.calls[i].stats.send_errors);
        end();
    }
    puts("ok");
    return 0;
}
