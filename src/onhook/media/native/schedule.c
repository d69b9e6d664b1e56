/* Which call is served when: slots, and the line of timestamps.
 *
 * A thread that wakes costs as much as ten packets, so a few calls are served together: up to 500 in each fourth
 * slot, up to 1,000 in each second. Whoever begins to play does so at once, in the slot of that tick, and the frame that
 * follows comes up to 3 ms sooner than 20 ms later, with those of the slot before; from then on he stays there. The
 * line of timestamps has no gap.
 */
#define _GNU_SOURCE
#include "internal.h"

enum { FEW = 500, SOME = 1000 /* calls of a thread */ };

/* From one slot that is used to the next. */
static int stride(const struct media *p)
{
    return p->open_calls <= FEW ? 4 : p->open_calls <= SOME ? 2 : 1;
}

/* How many calls stand in a slot at the most, if there are so many; and an eighth above that. */
static uint32_t fair_share(const struct media *p, int slots)
{
    uint32_t count = (uint32_t)slots;
    return p->open_calls / count + p->open_calls / (count * 8) + 4;
}

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
    int best = 0, step = stride(p);
    for (int i = step; i < SLOTS; i += step)
        if (p->slots[i].count < p->slots[best].count)
            best = i;
    return best;
}

/* The soonest slot, beginning with this tick's, that is not fuller than if all were used: one always exists. */
static int soonest_slot(const struct media *p)
{
    uint32_t quota = fair_share(p, SLOTS);
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

void fall_in(struct media *p, struct call *call)
{
    int step = stride(p), sooner = call->slot % step, slot = call->slot - sooner;
    int32_t ahead = sent_ahead(p, call);
    if (!sooner || call->bridged || call->member || (ahead > 0 && ahead != SLOTS * SAMPLES_PER_TICK) ||
        p->slots[slot].count >= fair_share(p, SLOTS / step))
        return;
    if (ahead > 0)
        call->timestamp += (uint32_t)(sooner * SAMPLES_PER_TICK);
    slot_remove(p, call);
    slot_insert(p, call, slot);
}
