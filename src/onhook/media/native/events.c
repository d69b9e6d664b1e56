/* From the state of a call into the event ring.
 *
 * When the event ring is full, what happened stays noted in the call (segments in their list,
 * digits in a short queue, the rest in flags) and is reported in a later round. Only digits can be
 * lost, beyond 32 that nobody took; they are counted. When the command ring is full, commands wait
 * in a list of the caller's, in order.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

static bool emit(struct plane *p, struct report report)
{
    if (!ring_has_room(&p->reports))
        return false;
    p->report[ring_put_at(&p->reports)] = report;
    ring_put(&p->reports);
    p->reported = true;
    return true;
}

static bool emit_segments(struct plane *p, struct call *call)
{
    struct segment *segment;
    while ((segment = call->first) && segment->state != QUEUED) {
        struct segment *next = segment->next; /* emitted, the segment is not ours any more */
        enum plane_event_kind kind = segment->state == PLAYED ? PLANE_PLAYED : PLANE_STOPPED;
        if (!emit(p, (struct report){
                .kind = kind, .call = call, .segment = segment, .at_ns = segment->done_ns}))
            return false;
        call->first = next;
        if (!next)
            call->last = NULL;
    }
    return true;
}

static bool emit_digits(struct plane *p, struct call *call)
{
    unsigned done = 0;
    while (done < call->digit_count &&
           emit(p, (struct report){.kind = PLANE_DIGIT,
                                   .call = call,
                                   .digit = call->digits[done],
                                   .at_ns = p->now_ns}))
        done++;
    call->digit_count -= done;
    memmove(call->digits, call->digits + done, call->digit_count);
    return call->digit_count == 0;
}

static bool emit_flag(struct plane *p, struct call *call, bool *owed, enum plane_event_kind kind)
{
    if (*owed && emit(p, (struct report){.kind = kind, .call = call, .at_ns = p->now_ns}))
        *owed = false;
    return !*owed;
}

static bool emit_report(struct plane *p, struct call *call)
{
    if (call->owes_report && emit(p, (struct report){.kind = PLANE_REPORTED,
                                                     .call = call,
                                                     .behind = call->stats.reported_behind,
                                                     .digit = (int32_t)call->stats.reported_lost,
                                                     .at_ns = p->now_ns}))
        call->owes_report = false;
    return !call->owes_report;
}

/* After CLOSED the call is the caller's, so it leaves its slot first. */
static void emit_closed(struct plane *p, struct call *call)
{
    if (!ring_has_room(&p->reports))
        return;
    slot_remove(p, call);
    p->open_calls--;
    atomic_store(&p->seen_calls, p->open_calls);
    emit(p, (struct report){.kind = PLANE_CLOSED, .call = call, .at_ns = p->now_ns});
}

/* After this the room is the caller's. False: there was no room for it in the ring. */
bool emit_room_closed(struct plane *p, struct plane_room *room)
{
    return emit(p, (struct report){.room = room});
}

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct plane *p, struct call *call)
{
    if (emit_flag(p, call, &call->owes_first, PLANE_RTP_FIRST) && emit_digits(p, call) &&
        emit_segments(p, call) && emit_flag(p, call, &call->owes_timeout, PLANE_RTP_TIMEOUT) &&
        emit_report(p, call) && call->owes_closed)
        emit_closed(p, call);
}
