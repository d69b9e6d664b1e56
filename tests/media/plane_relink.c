/* One switch after another steers a plane with its threads running, and what they leave is adopted or let go: to be run
 * under the sanitizers, as plane_drive.c is. Ends with 0 and "ok".
 */
#define _GNU_SOURCE
#include "plane.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CALLS = 12, SWITCHES = 12, FRAMES = 4, PATIENCE_MS = 20000 };

static const struct plane_config config = {CALLS, 0, 64, 64, 3, 2, 0};
static uint8_t frames[FRAMES * PLANE_FRAME_BYTES];
static plane_host *host;
static plane *steering;
static uint64_t generation, newest, tags;

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d: expected %s\n", line, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static void begin(struct plane_link *link)
{
    struct plane_link ours = {dup(link->memory), dup(link->commands), dup(link->events), dup(link->control)};
    plane_host_handed_over(host);
    expect(plane_attach(&steering, &ours) == 0);
    expect(plane_host_is_attended(host));
}

/* All that there is now; half of it is acknowledged. */
static void take(void)
{
    struct plane_event events[16];
    int count;
    while ((count = plane_take_events(steering, events, 16)) > 0)
        for (int i = 0; i < count; i++) {
            struct plane_stats stats;
            expect(i == 0 || events[i].number > events[i - 1].number);
            if (events[i].kind == PLANE_CLOSED)
                expect(plane_reap(steering, events[i].call, &stats) == 0);
        }
    newest = plane_newest(steering) > newest ? plane_newest(steering) : newest;
    plane_acknowledge(steering, plane_newest(steering) / 2);
}

static uint64_t open_one(void)
{
    uint64_t handle;
    struct plane_key key = {.master = {1}, .tag_bytes = 10};
    struct plane_call how = {.fd = plane_bind("127.0.0.1", 0), .remote_ip = "127.0.0.1", .remote_port = 9,
                             .format = {8, 101, 101, 0, 0, 0, 0, 0}, .ssrc = 1};
    if (generation % 2)
        how.send_key = how.receive_key = &key;
    int opened = plane_open(steering, &how, &handle);
    if (opened < 0)
        close(how.fd);
    return opened < 0 ? 0 : handle;
}

static void use(uint64_t handle, uint64_t play_id, uint64_t prompt, uint64_t with, uint64_t room)
{
    uint64_t recording;
    expect(plane_play(steering, handle, play_id, prompt, 0, FRAMES, 0) >= 0);
    expect(plane_play(steering, handle, play_id, prompt, 1, 2, 1) >= 0);
    expect(plane_loop(steering, handle, play_id + 1, prompt, 0, FRAMES, 1) >= 0);
    expect(plane_send_digits(steering, handle, play_id + 2, (const uint8_t *)"12", 2, 1) >= 0);
    int fd = (int)memfd_create("spool", 0);
    tags++;
    int recorded = (tags % 2 ? plane_record : plane_prepare_recording)(steering, handle, fd, tags, &recording);
    if (recorded < 0)
        close(fd);
    else
        expect(plane_begin_recording(steering, handle, recording, tags % 3 ? play_id : 0) >= 0);
    if (with && with != handle)
        expect(plane_bridge(steering, handle, with) >= 0);
    if (!with)
        expect(plane_join(steering, room, handle, 0) >= 0);
}

/* What the last one left: every third is let go. */
static void adopt(void)
{
    struct plane_found found[CALLS];
    struct plane_found_recording recordings[256];
    int calls = plane_found(steering, found, CALLS), taped = plane_found_recordings(steering, recordings, 256);
    int adopted = 0;
    expect(calls >= 0 && calls <= CALLS && taped >= 0 && taped < 256);
    for (int i = 0; i < taped; i++)
        if (i % 2)
            expect(plane_adopt_recording(steering, recordings[i].recording) == 0);
    for (int i = 0; i < calls; i++) {
        expect(found[i].port && (found[i].last_play || !found[i].queued));
        if (i % 3 == 0)
            continue;
        expect(plane_adopt(steering, found[i].handle) == 0 && ++adopted);
        expect(plane_adopt(steering, found[i].handle) == -ENOENT);
        expect(plane_cut(steering, found[i].handle) >= 0);
        if (found[i].room && i % 2)
            plane_adopt_room(steering, found[i].room);
    }
    expect(plane_let_go_of_rest(steering) == calls - adopted);
}

/* Waits until what was let go is gone, so that nothing is left of it for the next one. */
static void wait_for_rest(void)
{
    for (int left_ms = PATIENCE_MS; plane_leaving(steering); left_ms--) {
        expect(left_ms > 0);
        plane_flush(steering);
        take();
        poll(NULL, 0, 1);
    }
}

static void steer(void)
{
    uint64_t handles[CALLS], prompt, room;
    int count = 0, file = plane_make_file(frames, frames, FRAMES);
    adopt();
    if (generation % 3 == 0)
        wait_for_rest();
    expect(plane_add_prompt(steering, file, 0, FRAMES, &prompt) >= 0 && close(file) == 0);
    expect(plane_open_room(steering, &room) >= 0);
    while (count < CALLS && (handles[count] = open_one()))
        count++;
    for (int i = 0; i < count; i++)
        use(handles[i], 1, prompt, i % 3 ? handles[(i + 1) % count] : 0, room);
    for (int turns = (int)generation % 4 * 10; turns > 0; turns--) {
        plane_flush(steering);
        take();
        poll(NULL, 0, 1);
    }
    if (count > 1 && generation % 4 == 1)
        plane_close(steering, handles[1]);
    struct plane_health health;
    plane_health(steering, &health);
    expect(health.refused == 0);
}

int main(void)
{
    struct plane_link link;
    memset(frames, 0x55, sizeof frames);
    expect(plane_host_start(&host, &config, ++generation, &link) == 0);
    while (generation < SWITCHES) {
        begin(&link);
        steer();
        plane_detach(steering); /* with whatever is held back, or not taken */
        expect(plane_host_wait(host, PATIENCE_MS) == PLANE_SWITCH_GONE);
        expect(plane_host_relink(host, ++generation, &link) == 0);
        expect(!plane_host_is_attended(host) && plane_host_wait(host, 1) == PLANE_GOING);
    }
    plane_host_let_go(host);
    begin(&link);
    plane_let_go_of_rest(steering);
    wait_for_rest();
    struct plane_health health;
    for (int left_ms = PATIENCE_MS; plane_health(steering, &health), health.calls; left_ms--) {
        expect(left_ms > 0);
        poll(NULL, 0, 1);
    }
    plane_detach(steering);
    plane_host_stop(host);
    puts("ok");
    return 0;
}
