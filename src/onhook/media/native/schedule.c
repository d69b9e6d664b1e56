/* Which call is served when: slots, and the line of timestamps. */
#define _GNU_SOURCE
#include "internal.h"

void slot_insert(struct media *p, struct call *call, int number)
{
    struct slot *slot = &p->slots[number];
    call->slot = number;
    call->previous = NULL;
    call->next = slot->first;
    if (slot->first)
        slot->first->previous = call;
    slot->first = call;
    slot->count++;
}

void slot_remove(struct media *p, struct call *call)
{
    struct slot *slot = &p->slots[call->slot];
    if (call->previous)
        call->previous->next = call->next;
    else
        slot->first = call->next;
    if (call->next)
        call->next->previous = call->previous;
    slot->count--;
}

int emptiest_slot(const struct media *p)
{
    int best = 0;
    for (int i = 1; i < SLOTS; i++)
        if (p->slots[i].count < p->slots[best].count)
            best = i;
    return best;
}

/* The soonest slot, beginning with this tick's, that is not fuller than an eighth above the
 * average: one always exists. */
static int soonest_slot(const struct media *p)
{
    uint32_t quota = p->open_calls / SLOTS + p->open_calls / (SLOTS * 8) + 4;
    for (uint64_t tick = p->tick; tick < p->tick + SLOTS; tick++)
        if (p->slots[tick % SLOTS].count < quota)
            return (int)(tick % SLOTS);
    return emptiest_slot(p);
}

/* What was sent last is over when another slot is served, or this one: move there, so that what is sent
 * next follows without a gap. False: it is over by now, or far ahead. */
bool align(struct media *p, struct call *call)
{
    int32_t ahead = sent_ahead(p, call);
    if (!call->spoken || ahead < 0 || ahead > SLOTS * SAMPLES_PER_TICK)
        return false;
    int ticks = (ahead + SAMPLES_PER_TICK - 1) / SAMPLES_PER_TICK;
    slot_remove(p, call);
    slot_insert(p, call, (int)((p->tick + (uint64_t)ticks) % SLOTS));
    return true;
}

/* A call that begins to play: served as soon as possible, but not before the frame that was sent
 * last is over, and then without a gap. */
void hasten(struct media *p, struct call *call)
{
    if (align(p, call))
        return;
    int slot = soonest_slot(p);
    slot_remove(p, call);
    slot_insert(p, call, slot);
}
