/* What the two sides of a link make of nonsense from one another. No thread runs but the writer's: the clerk and
 * the media thread do what they do when they are told to. Ends with 0 and "ok".
 */
#define _GNU_SOURCE
#include "steered.h"

#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { CALLS = 3, EVENT_RING = 8 };

static const uint64_t first = (uint64_t)1 << 32; /* the handle of the first of anything */
static uint8_t frames[PLANE_FRAME_BYTES];

static void expect_at(bool truth, const char *what, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d: expected %s\n", line, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, __LINE__)

static void begin(void)
{
    expect(steer(CALLS, EVENT_RING));
}

static void end(void)
{
    plane_detach(steering);
    media.memory_fd = media.command_fd = media.far_event_fd = media.far_control = -1;
    free_host(&media);
}

static int over(void)
{
    return atomic_load(&media.over);
}

/* As a switch that skips its own checks would. */
static void put(struct command command)
{
    steering->link.command[link_at(&steering->commands)] = command;
    link_put(&steering->commands);
    settle();
}

static struct command opening(uint64_t call, uint64_t parcel)
{
    struct command command = {.kind = OPEN, .call = call, .parcel = parcel};
    command.open.format = (struct plane_format){8, PLANE_NO_EVENTS, PLANE_NO_EVENTS, 0, 0, 0, 0, 0};
    read_address("127.0.0.1", htons(9), &command.open.remote);
    return command;
}

static void pass(int rounds)
{
    for (int n = 0; n < rounds * SLOTS; n++, thread->tick++)
        serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
    settle();
    serve_clerk(&media);
}

/* The only event that there is. */
static struct plane_event taken(void)
{
    struct plane_event events[2];
    expect(plane_take_events(steering, events, 2) == 1);
    return events[0];
}

static uint64_t open_one(void)
{
    uint64_t handle;
    int fd = plane_bind("127.0.0.1", 0);
    struct plane_call how = {.fd = fd, .remote_ip = "127.0.0.1", .remote_port = 9,
                             .format = {8, PLANE_NO_EVENTS, PLANE_NO_EVENTS, 0, 0, 0, 0, 0}};
    expect(fd >= 0 && plane_open(steering, &how, &handle) == 0);
    settle();
    expect(fcntl(fd, F_GETFD) < 0 || media.kept[handle_index(handle)].fd == fd); /* it was handed over */
    return handle;
}

static void a_descriptor_that_never_came(void)
{
    begin();
    put(opening(first, 1)); /* the next message is the first */
    expect(refused() == 1 && thread->open_calls == 0 && over() == PLANE_GOING);
    struct plane_event events[1];
    expect(plane_take_events(steering, events, 1) == 0); /* of a call that the switch does not know */
    expect(open_one() == first && thread->open_calls == 1);
    uint64_t recording;
    expect(plane_record(steering, first, (int)memfd_create("spool", 0), 0, &recording) == 0);
    expect(media.recordings[0] == NULL); /* not before the clerk takes it */
    settle();
    expect(media.recordings[0] != NULL && refused() == 1);
    end();
}

/* One whose descriptor is of no use is told of as closed, or recorded, so that nobody waits. */
static void a_descriptor_of_another_kind(void)
{
    begin();
    uint64_t handle, recording, prompt;
    struct plane_call how = {.fd = (int)memfd_create("no socket", 0), .remote_ip = "127.0.0.1",
                             .remote_port = 9,
                             .format = {8, PLANE_NO_EVENTS, PLANE_NO_EVENTS, 0, 0, 0, 0, 0}};
    struct plane_stats stats;
    struct plane_recorded recorded;
    expect(plane_open(steering, &how, &handle) == 0);
    settle();
    expect(refused() == 1);
    struct plane_event closed = taken();
    expect(closed.kind == PLANE_CLOSED && closed.call == handle);
    expect(plane_cut(steering, handle) == -ENOENT && plane_reap(steering, handle, &stats) == 0);
    expect(stats.sent_packets == 0);

    handle = open_one();
    int pair[2];
    expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && close(pair[1]) == 0);
    expect(plane_record(steering, handle, pair[0], 0, &recording) == 0);
    settle();
    struct plane_event ended = taken();
    expect(ended.kind == PLANE_RECORDED && ended.play_id == recording);
    expect(plane_reap_recording(steering, recording, &recorded) == 0 && recorded.error == EBADF);

    /* a file that can be written, and not mapped */
    char path[64];
    int file = (int)memfd_create("not readable", 0);
    expect(file >= 0 && ftruncate(file, 4096) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int written = open(path, O_WRONLY);
    expect(written >= 0 && plane_add_prompt(steering, written, 0, 1, &prompt) >= 0);
    expect(plane_play(steering, handle, 7, prompt, 0, 1, 1) == 0);
    settle();
    struct plane_event stopped = taken();
    expect(stopped.kind == PLANE_STOPPED && stopped.play_id == 7);
    expect(plane_drop_prompt(steering, prompt) == 0);
    close(file), close(written);
    end();
}

/* Not its own, and not twice. */
static void handles_of_nobody(void)
{
    begin();
    uint64_t handle = open_one();
    for (int kind = OPEN; kind <= ARRIVE + 1; kind++)
        for (uint64_t wrong = 0; wrong < 3; wrong++) {
            uint64_t before = refused(), handles[] = {0, UINT64_MAX, handle + first};
            struct command command = {.kind = (enum command_kind)kind, .call = handles[wrong]};
            put(command);
            expect(refused() == before + 1);
            struct plane_event events[EVENT_RING];
            expect(plane_take_events(steering, events, EVENT_RING) == 0);
        }
    expect(over() == PLANE_GOING && thread->open_calls == 1);
    expect(plane_close(steering, handle) == 0);
    settle();
    uint64_t before = refused();
    put((struct command){.kind = CLOSE, .call = handle});
    expect(refused() == before + 1);
    pass(2);
    expect(thread->open_calls == 0 && media.kept[0].handle == 0);
    end();
}

static void a_cursor_of_the_switch(int which)
{
    begin();
    uint64_t handle = open_one();
    struct link_header *header = media.link.header;
    struct cursor *cursors[] = {&header->commands.tail, &header->reports[0].head, &header->endings.head};
    atomic_fetch_add(&cursors[which]->value, EVENT_RING * 1000);
    if (which == 1) /* the media thread looks when it has something to tell */
        media.calls[handle_index(handle)].owes_timeout = true;
    if (which == 2)
        expect(plane_close(steering, handle) == 0);
    settle();
    pass(2);
    expect(over() == PLANE_NONSENSE);
    end();
}

static void a_cursor_of_the_plane(int which)
{
    begin();
    uint64_t handle = open_one();
    struct plane_event events[4];
    struct link_header *header = steering->link.header;
    struct cursor *cursors[] = {&header->commands.head, &header->reports[0].tail, &header->endings.tail};
    atomic_fetch_sub(&cursors[which]->value, 5000);
    if (which)
        expect(plane_take_events(steering, events, 4) == -EPIPE);
    expect(plane_cut(steering, handle) == -EPIPE && plane_flush(steering) == 0);
    expect(plane_close(steering, handle) == -EPIPE); /* and so it stays */
    end();
}

static void events_of_the_plane(void)
{
    begin();
    uint64_t handle = open_one();
    struct plane_event events[EVENT_RING];
    for (uint32_t i = 0; i < EVENT_RING; i++) {
        media.link.report[0][i] = (struct report){
            .kind = (enum plane_event_kind)(i % 2 ? PLANE_RECORDED : PLANE_PLAYED),
            .call = i % 3 ? handle : UINT64_MAX - i,
            .number = UINT64_MAX - i,
            .room = i % 4 == 3 ? UINT64_MAX : 0,
            .segment = i * 1000,
            .serial = next_serial(&media)};
        link_put(&thread->reports);
    }
    int count = plane_take_events(steering, events, EVENT_RING);
    expect(count >= 0 && count < (int)EVENT_RING);
    for (int i = 0; i < count; i++)
        expect(events[i].call == handle && events[i].kind == PLANE_PLAYED);
    end();
}

/* Another switch, while there is one. */
static int attach_beside(plane **out)
{
    struct plane_link link = {dup(media.memory_fd), dup(media.command_fd), dup(media.far_event_fd),
                              dup(media.far_control)};
    int result = plane_attach(out, &link);
    if (result < 0)
        close(link.memory), close(link.commands), close(link.events), close(link.control);
    return result;
}

static void nonsense_in_the_list(void)
{
    begin();
    uint64_t handle = open_one(), recording;
    plane *other;
    expect(plane_record(steering, handle, (int)memfd_create("spool", 0), 7, &recording) == 0);
    settle();
    list_all(&media);
    struct plane_found found[CALLS];
    struct plane_found_recording tape;
    expect(attach_beside(&other) == 0 && plane_found(other, found, CALLS) == 1);
    expect(found[0].handle == handle && plane_found_recordings(other, &tape, 1) == 1 && tape.tag == 7);
    plane_detach(other);

    struct listing good = media.link.header->listing, *listing = &media.link.header->listing;
    uint32_t *const counts[] = {&listing->calls, &listing->rooms, &listing->recordings, &listing->segments};
    for (int i = 0; i < 4; i++) {
        *counts[i] = UINT32_MAX;
        expect(attach_beside(&other) == -EPROTO);
        *listing = good;
    }
    listing->calls = 2;
    media.link.listed_call[1] = media.link.listed_call[0];
    expect(attach_beside(&other) == -EPROTO);
    *listing = good;
    media.link.listed_call[0].handle = first | CALLS;
    expect(attach_beside(&other) == -EPROTO);
    media.link.listed_call[0].handle = handle;
    media.link.listed_call[0].family = AF_UNIX;
    expect(attach_beside(&other) == -EPROTO);
    media.link.listed_call[0].family = AF_INET;
    media.link.listed_recording[0].call = UINT64_MAX; /* of a call that was closed, as it seems */
    expect(attach_beside(&other) == 0 && plane_found(other, found, CALLS) == 1);
    plane_detach(other);
    end();
}

/* A key, which is told at once. */
static void press(uint64_t handle)
{
    struct call *call = &media.calls[handle_index(handle)];
    call->digits[call->digit_count++] = '1';
    report(thread, call);
}

/* It is told in the order of its numbers, and is there until it is acknowledged. */
static void what_is_told_has_a_number(void)
{
    begin();
    uint64_t handle = open_one();
    struct plane_event events[EVENT_RING];
    for (int n = 0; n < 3; n++)
        press(handle);
    expect(plane_take_events(steering, events, 2) == 2 && events[0].number == 1 && events[1].number == 2);
    expect(plane_acknowledge(steering, 3) == -EINVAL && plane_acknowledge(steering, 1) == 0);
    expect(link_room(&thread->reports) == EVENT_RING - 2);
    expect(plane_take_events(steering, events, 2) == 1 && events[0].number == 3 && plane_newest(steering) == 3);
    expect(link_room(&thread->reports) == EVENT_RING - 2 && plane_acknowledge(steering, 3) == 0);
    expect(link_room(&thread->reports) == EVENT_RING && plane_acknowledge(steering, 2) == 0);
    end();
}

/* Half of a ring is for what is still to come. */
static void what_is_never_acknowledged(void)
{
    begin();
    uint64_t handle = open_one();
    for (uint64_t n = 1; n < 5 * EVENT_RING; n++) {
        press(handle);
        expect(taken().number == n);
        expect(link_room(&thread->reports) >= EVENT_RING / 2);
    }
    end();
}

/* Nothing behind a number that is not there yet, unless it never will be; and none comes twice. */
static void numbers_that_are_missing(void)
{
    begin();
    uint64_t handle = open_one();
    struct plane_event events[EVENT_RING];
    next_serial(&media);
    press(handle);
    expect(plane_take_events(steering, events, EVENT_RING) == 0);
    plane_is_gone(steering);
    expect(taken().number == 2);
    atomic_store(&media.told, 0);
    press(handle);
    expect(plane_take_events(steering, events, EVENT_RING) == -EPIPE);
    end();
}

/* More messages than there are commands, and one that holds the far end of its own socket. */
static void messages_without_commands(void)
{
    begin();
    for (uint64_t n = 1; n <= PARCELS; n++)
        expect(link_send(media.far_control, n, media.far_control) == 0);
    media.mail = true;
    collect_parcels(&media);
    expect(over() == PLANE_GOING && media.parcel_count == PARCELS);
    for (int n = 0; n < PARCELS; n++)
        expect(media.parcels[n].fd == -1);
    expect(link_send(media.far_control, PARCELS + 1, media.far_control) == 0);
    media.mail = true;
    collect_parcels(&media);
    expect(over() == PLANE_NONSENSE);
    end();
}

/* Files in memory that have nothing in them, of whatever size: to map one of them whole would fill it. */
static void prompts_of_nothing(void)
{
    begin();
    struct stat file;
    uint64_t prompt;
    int fd = (int)memfd_create("hollow", MFD_CLOEXEC);
    expect(fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0);
    expect(plane_add_prompt(steering, fd, 0, UINT32_MAX, &prompt) == -EINVAL);
    expect(plane_add_prompt(steering, fd, 0, PLANE_MAX_PROMPT_FRAMES, &prompt) == 0);
    settle();
    expect(refused() == 1);
    struct command command = {.kind = ADD_PROMPT, .parcel = steering->parcels + 1};
    command.prompt.prompt = first + 1;
    command.prompt.count = UINT32_MAX;
    expect(link_send(steering->fds.control, ++steering->parcels, fd) == 0);
    put(command);
    expect(refused() == 2 && over() == PLANE_GOING);
    expect(fstat(fd, &file) == 0 && file.st_blocks == 0 && media.mapped_bytes == 0);
    close(fd);
    end();
}

/* One that is there, over and over: so much is mapped, and no more. */
static void prompts_without_end(void)
{
    begin();
    const uint64_t each = (uint64_t)PLANE_MAX_PROMPT_FRAMES * PLANE_FRAME_BYTES * LAWS, most = UINT64_C(16) << 30;
    uint64_t prompts[100], count = 0;
    int fd = plane_make_file(frames, frames, 1); /* all behind its end cannot be sent */
    expect(fd >= 0);
    while (refused() == 0) {
        expect(count < 100 && plane_add_prompt(steering, fd, 0, PLANE_MAX_PROMPT_FRAMES, &prompts[count++]) >= 0);
        settle();
    }
    expect(count - 1 == most / each && media.mapped_bytes == (count - 1) * each);
    expect(plane_drop_prompt(steering, prompts[0]) == 0);
    settle();
    serve_clerk(&media);
    expect(media.mapped_bytes == (count - 2) * each);
    close(fd);
    end();
}

/* Sent when there is room again, in order, though whoever gave it has closed it by then. */
static void descriptors_that_wait(void)
{
    begin();
    uint64_t handle = open_one(), prompts[40];
    int file = plane_make_file(frames, frames, 1), results = 0;
    expect(file >= 0);
    for (int n = 0; n < 40; n++) { /* the ring has room for 16 */
        results |= plane_add_prompt(steering, file, 0, 1, &prompts[n]);
        expect(results >= 0);
    }
    expect(results == PLANE_HELD && close(file) == 0);
    while (plane_flush(steering) == PLANE_HELD)
        settle();
    settle();
    for (int n = 0; n < 40; n++) {
        expect(plane_play(steering, handle, (uint64_t)n, prompts[n], 0, 1, 1) == 0);
        settle();
    }
    expect(refused() == 0);
    end();
}

int main(void)
{
    a_descriptor_that_never_came();
    a_descriptor_of_another_kind();
    handles_of_nobody();
    for (int which = 0; which < 3; which++) {
        a_cursor_of_the_switch(which);
        a_cursor_of_the_plane(which);
    }
    events_of_the_plane();
    what_is_told_has_a_number();
    what_is_never_acknowledged();
    numbers_that_are_missing();
    nonsense_in_the_list();
    messages_without_commands();
    descriptors_that_wait();
    prompts_of_nothing();
    prompts_without_end();
    puts("ok");
    return 0;
}
