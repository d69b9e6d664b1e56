/* The caller's side: handles, commands on their way, events that arrived. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

uint32_t find(const struct plane *p, uint64_t handle)
{
    return places_find(&p->caller.call_places, handle);
}

uint32_t find_open(const struct plane *p, uint64_t handle)
{
    uint32_t index = find(p, handle);
    return index != NO_PLACE && !p->caller.calls[index].closing ? index : NO_PLACE;
}

static void ring_command(struct plane *p, const struct command *command)
{
    p->command[ring_put_at(&p->commands)] = *command;
    ring_put(&p->commands);
    if (atomic_exchange(&p->idle, false))
        signal_fd(p->wake_fd);
}

static int hold(struct caller *caller, const struct command *command)
{
    if (caller->held_count == caller->held_room) {
        size_t room = caller->held_room ? caller->held_room * 2 : 64;
        struct command *held = realloc(caller->held, room * sizeof *held);
        if (!held)
            return -ENOMEM;
        caller->held = held;
        caller->held_room = room;
    }
    caller->held[caller->held_count++] = *command;
    return PLANE_HELD;
}

int plane_flush(plane *p)
{
    struct caller *caller = &p->caller;
    while (caller->held_first < caller->held_count && ring_has_room(&p->commands))
        ring_command(p, &caller->held[caller->held_first++]);
    if (caller->held_first < caller->held_count)
        return PLANE_HELD;
    caller->held_first = caller->held_count = 0;
    return 0;
}

int submit(struct plane *p, const struct command *command)
{
    if (plane_flush(p) == PLANE_HELD || !ring_has_room(&p->commands))
        return hold(&p->caller, command);
    ring_command(p, command);
    return 0;
}

int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){.kind = kind, .call = handle});
}

void close_sockets(const struct caller_call *call)
{
    close(call->fd);
    if (call->rtcp_fd)
        close(call->rtcp_fd);
}

void free_room(struct plane *p, uint32_t index)
{
    free(p->rooms[index]);
    p->rooms[index] = NULL;
    places_give_back(&p->caller.room_places, index);
}

static int take_recorded(plane *p, struct plane_event *out, int max)
{
    int taken = 0;
    recording *one;
    for (; taken < max && (one = recorders_take_done(p->recorders)); taken++) {
        uint64_t handle = recording_owner(one);
        uint32_t index = find(p, handle);
        if (index != NO_PLACE)
            p->caller.calls[index].recordings--;
        p->recordings[handle_index(recording_handle(one))].done = true;
        out[taken] = (struct plane_event){
            .call = handle,
            .play_id = recording_handle(one),
            .at_ns = clock_ns(),
            .kind = PLANE_RECORDED,
        };
    }
    return taken;
}

/* A segment that was played, or cut. */
static void free_segment(struct plane *p, struct caller_call *call, uint32_t segment)
{
    struct caller *caller = &p->caller;
    if (segment >= caller->segment_places.fresh || !caller->segment_places.all[segment].taken)
        return;
    uint32_t prompt = caller->segment_prompts[segment];
    places_give_back(&caller->segment_places, segment);
    call->queued--;
    if (prompt == NO_PLACE)
        return;
    caller->prompts[prompt].uses--;
    release_prompt(p, prompt);
}

static void note_room_closed(struct plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->caller.room_places, handle);
    if (index != NO_PLACE)
        free_room(p, index);
}

/* False: it is nothing that the caller is told of. */
static bool note_report(struct plane *p, const struct report *report)
{
    uint32_t index = find(p, report->call);
    if (report->room)
        note_room_closed(p, report->room);
    if (report->room || index == NO_PLACE)
        return false;
    struct caller_call *call = &p->caller.calls[index];
    free_segment(p, call, report->segment);
    call->closed |= report->kind == PLANE_CLOSED;
    return true;
}

int plane_take_events(plane *p, struct plane_event *out, int max)
{
    int taken = take_recorded(p, out, max);
    take_releases(p);
    while (taken < max && ring_length(&p->reports)) {
        struct report report = p->report[ring_take_at(&p->reports)];
        ring_taken(&p->reports);
        if (!note_report(p, &report))
            continue;
        out[taken++] = (struct plane_event){
            .call = report.call,
            .play_id = report.number,
            .at_ns = report.at_ns,
            .kind = (int32_t)report.kind,
            .digit = report.digit,
        };
    }
    return taken;
}
