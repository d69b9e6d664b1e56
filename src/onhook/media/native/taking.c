/* What the plane tells, as the switch takes it, and what it has acknowledged. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>

/* A segment that was played, or cut; its call may be gone. Who is told of it once more may have that number for
 * another one by now. */
static void free_segment(struct plane *p, struct caller_call *call, const struct report *report)
{
    uint32_t segment = report->segment;
    if (segment >= p->segment_places.fresh || !p->segment_places.all[segment].taken ||
        p->segments[segment].call != report->call || p->segments[segment].play_id != report->number)
        return;
    uint32_t prompt = p->segments[segment].prompt;
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

/* Of an earlier switch: it is told to whoever has adopted it. */
static bool note_left_recorded(struct plane *p, struct left_recording *left, const struct report *report)
{
    if (left->done)
        return false;
    left->done = true;
    left->figures = (struct plane_recorded){
        .samples = report->samples, .lost = report->lost, .error = report->digit};
    if (left->has_place)
        places_give_back(&p->recording_places, handle_index(left->handle));
    return left->adopted;
}

/* Also of a call that is gone. */
static bool note_recorded(struct plane *p, struct caller_call *call, const struct report *report)
{
    uint32_t index = places_find(&p->recording_places, report->number);
    struct left_recording *left = find_left(p, report->number);
    if (left && call && left->has_place && !left->done && call->recordings)
        call->recordings--;
    if (left)
        return note_left_recorded(p, left, report);
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
    free_segment(p, call, report);
    if (!call || call->closed)
        return false;
    if (call->left && report->kind == PLANE_CLOSED)
        places_give_back(&p->call_places, index);
    if (call->left)
        return false;
    if (report->kind == PLANE_CLOSED)
        call->closed = call->closing = true;
    return true;
}

/* ---- Taking -------------------------------------------------------------------------------- */

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
    link_read(from->ring);
    from->count--;
    from->looked = false;
    p->newest = report->serial;
    *out = (struct plane_event){
        .number = p->before + report->serial,
        .call = report->call,
        .play_id = report->number,
        .at_ns = report->at_ns,
        .kind = (int32_t)report->kind,
        .digit = report->digit,
        .last = report->last != 0,
    };
    return note_report(p, report);
}

/* The ring with the next number: there is none yet, where whoever has that number has not put it in, and rings when it
 * has. Of a plane that is gone it may be missing for ever. */
static struct waiting *next_of(const struct plane *p, struct waiting *rings, uint32_t count)
{
    struct waiting *first = NULL;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct report *next = look(&rings[i]);
        if (next && next->serial <= lowest) {
            first = &rings[i];
            lowest = next->serial;
        }
    }
    return lowest == p->newest + 1 || p->gone ? first : NULL;
}

/* What was taken before cannot come again. */
static bool makes_sense(const struct plane *p, struct waiting *rings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct report *next = look(&rings[i]);
        if (rings[i].count == LINK_NONSENSE || (next && next->serial <= p->newest))
            return false;
    }
    return true;
}

/* All rings: those of the media threads, and the clerk's. */
static uint32_t rings_of(struct plane *p, struct waiting *out)
{
    uint32_t count = p->config.threads;
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct waiting){.ring = &p->reports[i], .entries = p->link.report[i],
                                  .count = link_waiting(&p->reports[i])};
    out[count] = (struct waiting){.ring = &p->endings, .entries = p->link.ending,
                                  .count = link_waiting(&p->endings)};
    return count + 1;
}

uint64_t plane_newest(const plane *p)
{
    return p->before + p->newest;
}

void plane_count_from(plane *p, uint64_t number)
{
    p->before = number;
    atomic_store(&p->link.header->before, number);
}

void plane_is_gone(plane *p)
{
    p->gone = true;
}

/* ---- Acknowledging ------------------------------------------------------------------------- */

/* The number of an entry that was read, `back` before the one that is next. */
static uint64_t serial_of(const struct link_end *ring, const struct report *entries, uint32_t back)
{
    return entries[(ring->own - back) & (ring->size - 1)].serial;
}

static void free_until(struct link_end *ring, const struct report *entries, uint64_t number)
{
    uint32_t kept = link_kept(ring), count = 0;
    while (count < kept && serial_of(ring, entries, kept - count) <= number)
        count++;
    if (count)
        link_free(ring, count);
}

int plane_acknowledge(plane *p, uint64_t number)
{
    struct waiting rings[PLANE_MAX_THREADS + 1];
    if (number > plane_newest(p))
        return -EINVAL;
    if (number <= p->before + p->acknowledged)
        return 0;
    number -= p->before;
    p->acknowledged = number;
    atomic_store(&p->link.header->acknowledged, number);
    for (uint32_t i = rings_of(p, rings); i-- > 0;)
        free_until(rings[i].ring, rings[i].entries, number);
    return 0;
}

/* What an earlier switch acknowledged is not taken again, also where it died before it had freed all of it. */
void take_up(struct plane *p)
{
    struct waiting rings[PLANE_MAX_THREADS + 1];
    uint32_t count = rings_of(p, rings);
    p->before = atomic_load(&p->link.header->before);
    p->newest = p->acknowledged = atomic_load(&p->link.header->acknowledged);
    for (uint32_t i = 0; i < count; i++) {
        const struct report *next;
        while ((next = look(&rings[i])) && next->serial <= p->acknowledged) {
            link_read(rings[i].ring);
            rings[i].count--, rings[i].looked = false;
        }
        link_free(rings[i].ring, link_kept(rings[i].ring));
    }
}

/* Where acknowledging is in arrears, what happens next is worth more than what is known. */
static void make_room_in(struct plane *p, const struct waiting *from)
{
    uint32_t most = from->ring->size / 2;
    if (link_kept(from->ring) > most)
        plane_acknowledge(p, p->before + serial_of(from->ring, from->entries, most));
}

int plane_take_events(plane *p, struct plane_event *out, int max)
{
    struct waiting rings[PLANE_MAX_THREADS + 1], *from;
    uint32_t count = rings_of(p, rings);
    int taken = 0;
    if (!makes_sense(p, rings, count))
        return break_off(p);
    while (taken < max && (from = next_of(p, rings, count))) {
        taken += take(p, from, &out[taken]);
        make_room_in(p, from);
    }
    return taken;
}
