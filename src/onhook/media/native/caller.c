/* Handles, commands on their way, events that arrived. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

uint32_t find(const struct plane *p, uint64_t handle)
{
    return places_find(&p->call_places, handle);
}

uint32_t find_open(const struct plane *p, uint64_t handle)
{
    uint32_t index = find(p, handle);
    return index != NO_PLACE && !p->calls[index].closing ? index : NO_PLACE;
}

/* ---- Commands ------------------------------------------------------------------------------ */

/* Wake the clerk, if it sleeps. */
static void ring_clerk(struct plane *p)
{
    uint64_t one = 1;
    if (atomic_exchange(&p->link.header->asleep, 0) &&
        write(p->fds.commands, &one, sizeof one) < 0 && errno != EAGAIN)
        p->broken = true;
}

static int break_off(struct plane *p)
{
    p->broken = true;
    return -EPIPE;
}

/* 0; -EAGAIN: there is no room, and nothing has happened. */
static int hand_over(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int64_t room = link_room(&p->commands);
    if (room == LINK_NONSENSE || p->broken)
        return break_off(p);
    if (!room)
        return -EAGAIN;
    uint64_t number = enclosed.fd < 0 ? 0 : p->parcels + 1;
    int sent = number ? link_send(p->fds.control, number, enclosed.fd) : 0;
    if (sent == -EPIPE)
        return break_off(p);
    if (sent < 0)
        return sent;
    if (number)
        p->parcels = number;
    if (enclosed.given)
        close(enclosed.fd);
    struct command *entry = &p->link.command[link_at(&p->commands)];
    *entry = *command;
    entry->parcel = number;
    link_put(&p->commands);
    ring_clerk(p);
    return 0;
}

static int make_room(struct plane *p)
{
    if (p->held_count < p->held_room)
        return 0;
    size_t room = p->held_room ? p->held_room * 2 : 64;
    struct held *held = realloc(p->held, room * sizeof *held);
    if (!held)
        return -ENOMEM;
    p->held = held;
    p->held_room = room;
    return 0;
}

/* What is not given may be closed before it is sent. */
static int hold(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int result = make_room(p);
    if (result < 0)
        return result;
    if (enclosed.fd >= 0 && !enclosed.given) {
        enclosed.fd = fcntl(enclosed.fd, F_DUPFD_CLOEXEC, 3);
        enclosed.given = true;
        if (enclosed.fd < 0)
            return -errno;
    }
    p->held[p->held_count++] = (struct held){*command, enclosed};
    return PLANE_HELD;
}

/* One that cannot be sent at all would keep all behind it: the plane refuses the command instead. */
int plane_flush(plane *p)
{
    while (p->held_first < p->held_count) {
        const struct held *next = &p->held[p->held_first];
        int result = hand_over(p, &next->command, next->enclosed);
        if (result == -EAGAIN)
            return PLANE_HELD;
        if (result == -EPIPE)
            return result;
        if (result < 0) {
            close(next->enclosed.fd);
            hand_over(p, &next->command, nothing());
        }
        p->held_first++;
    }
    p->held_first = p->held_count = 0;
    return 0;
}

void drop_held(struct plane *p)
{
    for (size_t i = p->held_first; i < p->held_count; i++)
        if (p->held[i].enclosed.given)
            close(p->held[i].enclosed.fd);
    free(p->held);
}

int submit(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int result = plane_flush(p);
    if (result == 0)
        result = hand_over(p, command, enclosed);
    return result == PLANE_HELD || result == -EAGAIN ? hold(p, command, enclosed) : result;
}

int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){.kind = kind, .call = handle}, nothing());
}

/* ---- Events -------------------------------------------------------------------------------- */

/* A segment that was played, or cut; its call may be gone. */
static void free_segment(struct plane *p, struct caller_call *call, uint32_t segment)
{
    if (segment >= p->segment_places.fresh || !p->segment_places.all[segment].taken)
        return;
    uint32_t prompt = p->segment_prompts[segment];
    places_give_back(&p->segment_places, segment);
    if (call && call->queued)
        call->queued--;
    if (prompt == NO_PLACE)
        return;
    p->prompts[prompt].uses--;
    release_prompt(p, prompt);
}

static void note_room_closed(struct plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->room_places, handle);
    if (index != NO_PLACE)
        places_give_back(&p->room_places, index);
}

/* Also of a call that is gone. */
static bool note_recorded(struct plane *p, struct caller_call *call, const struct report *report)
{
    uint32_t index = places_find(&p->recording_places, report->number);
    if (index == NO_PLACE || p->recordings[index].done)
        return false;
    p->recordings[index] = (struct caller_recording){
        .done = true,
        .figures = {.samples = report->samples, .lost = report->lost, .error = report->digit}};
    if (call && call->recordings)
        call->recordings--;
    return true;
}

/* False: it is nothing that the caller is told of. */
static bool note_report(struct plane *p, const struct report *report)
{
    uint32_t index = find(p, report->call);
    struct caller_call *call = index == NO_PLACE ? NULL : &p->calls[index];
    if (report->room)
        note_room_closed(p, report->room);
    if (report->room)
        return false;
    if (report->kind == PLANE_RECORDED)
        return note_recorded(p, call, report);
    free_segment(p, call, report->segment);
    if (!call || call->closed)
        return false;
    if (report->kind == PLANE_CLOSED)
        call->closed = call->closing = true;
    return true;
}

/* What waits in a ring, as it was when the taking began. */
struct waiting {
    struct link_end *ring;
    const struct report *entries;
    int64_t count;
    bool looked;        /* the first of them was copied: */
    struct report next;
};

/* The first entry, or NULL. */
static const struct report *look(struct waiting *from)
{
    if (from->count <= 0)
        return NULL;
    if (!from->looked)
        link_copy(&from->next, &from->entries[link_at(from->ring)], sizeof from->next);
    from->looked = true;
    return &from->next;
}

/* False: it is nothing that the caller is told of. */
static bool take(struct plane *p, struct waiting *from, struct plane_event *out)
{
    const struct report *report = look(from);
    link_taken(from->ring);
    from->count--;
    from->looked = false;
    *out = (struct plane_event){
        .call = report->call,
        .play_id = report->number,
        .at_ns = report->at_ns,
        .kind = (int32_t)report->kind,
        .digit = report->digit,
    };
    return note_report(p, report);
}

/* The ring whose first report comes before those of all others, and has a number below `until`; or NULL. */
static struct waiting *first_of(struct waiting *rings, uint32_t count, uint64_t until)
{
    struct waiting *first = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct report *next = look(&rings[i]);
        if (next && next->order < until) {
            first = &rings[i];
            until = next->order;
        }
    }
    return first;
}

/* What a call told is in a ring of reports before its end is in that of endings: so that is looked at first, and
 * taken last. What it told in another thread before is in that one's ring before the next report gets its number: so
 * those that have none yet when we begin stay where they are. */
int plane_take_events(plane *p, struct plane_event *out, int max)
{
    struct waiting rings[PLANE_MAX_THREADS], *from, endings = {
        .ring = &p->endings, .entries = p->link.ending, .count = link_waiting(&p->endings)};
    uint64_t until = atomic_load(&p->link.header->order);
    bool sound = endings.count != LINK_NONSENSE;
    int taken = 0;
    for (uint32_t i = 0; i < p->config.threads; i++) {
        rings[i] = (struct waiting){.ring = &p->reports[i], .entries = p->link.report[i],
                                    .count = link_waiting(&p->reports[i])};
        sound = sound && rings[i].count != LINK_NONSENSE;
    }
    if (!sound)
        return break_off(p);
    while (taken < max && (from = first_of(rings, p->config.threads, until)))
        taken += take(p, from, &out[taken]);
    while (taken < max && endings.count > 0)
        taken += take(p, &endings, &out[taken]);
    return taken;
}
