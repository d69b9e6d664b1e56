/* The caller's side: handles, commands on their way, events that arrived. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

uint64_t handle_of(const struct plane *p, const struct call *call)
{
    return (uint64_t)call->generation << 32 | (uint64_t)(call - p->calls);
}

/* The call of a handle, or NULL when it was never given out or the call has been reaped. */
struct call *find(struct plane *p, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >= p->config.max_calls)
        return NULL;
    struct call *call = &p->calls[index];
    return call->in_use && call->generation == handle >> 32 ? call : NULL;
}

struct call *find_open(struct plane *p, uint64_t handle)
{
    struct call *call = find(p, handle);
    return call && !call->closing ? call : NULL;
}

static void ring_command(struct plane *p, const struct command *command)
{
    p->command[ring_put_at(&p->commands)] = *command;
    ring_put(&p->commands);
    if (atomic_exchange(&p->idle, false))
        signal_fd(p->wake_fd);
}

static int hold(struct plane *p, const struct command *command)
{
    if (p->held_count == p->held_room) {
        size_t room = p->held_room ? p->held_room * 2 : 64;
        struct command *held = realloc(p->held, room * sizeof *held);
        if (!held)
            return -ENOMEM;
        p->held = held;
        p->held_room = room;
    }
    p->held[p->held_count++] = *command;
    return PLANE_HELD;
}

int plane_flush(plane *p)
{
    while (p->held_first < p->held_count && ring_has_room(&p->commands))
        ring_command(p, &p->held[p->held_first++]);
    if (p->held_first < p->held_count)
        return PLANE_HELD;
    p->held_first = p->held_count = 0;
    return 0;
}

int submit(struct plane *p, struct command command)
{
    if (plane_flush(p) == PLANE_HELD || !ring_has_room(&p->commands))
        return hold(p, &command);
    ring_command(p, &command);
    return 0;
}

void close_sockets(struct call *call)
{
    close(call->fd);
    if (call->rtcp_fd)
        close(call->rtcp_fd);
}

void free_room(struct plane *p, struct plane_room *room)
{
    if (room->newer)
        room->newer->older = room->older;
    else
        p->newest_room = room->older;
    if (room->older)
        room->older->newer = room->newer;
    free(room);
}

static int take_recorded(plane *p, struct plane_event *out, int max)
{
    int taken = 0;
    recording *one;
    for (; taken < max && (one = recorders_take_done(p->recorders)); taken++) {
        uint64_t handle = recording_owner(one);
        struct call *call = find(p, handle);
        if (call)
            call->recordings--;
        out[taken] = (struct plane_event){
            .call = handle,
            .play_id = (uint64_t)(uintptr_t)one,
            .at_ns = clock_ns(),
            .kind = PLANE_RECORDED,
        };
    }
    return taken;
}

int plane_take_events(plane *p, struct plane_event *out, int max)
{
    int taken = take_recorded(p, out, max);
    while (taken < max && ring_length(&p->reports)) {
        struct report report = p->report[ring_take_at(&p->reports)];
        ring_taken(&p->reports);
        if (report.room) {
            free_room(p, report.room);
            continue;
        }
        out[taken++] = (struct plane_event){
            .call = handle_of(p, report.call),
            .play_id = report.segment ? report.segment->play_id : report.behind,
            .at_ns = report.at_ns,
            .kind = (int32_t)report.kind,
            .digit = report.digit,
        };
        if (report.segment) {
            report.call->queued--;
            free(report.segment);
        }
        if (report.kind == PLANE_CLOSED)
            report.call->closed = true;
    }
    return taken;
}
