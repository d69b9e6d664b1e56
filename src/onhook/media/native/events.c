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

/* Something that happened in a call now. */
static bool emit_at_call(struct plane *p, const struct call *call, struct report report)
{
    report.call = call->handle;
    report.segment = NO_SEGMENT;
    report.at_ns = p->now_ns;
    return emit(p, report);
}

static bool emit_segments(struct plane *p, struct call *call)
{
    struct segment *segment;
    while ((segment = call->first) && segment->state != QUEUED) {
        if (!ring_has_room(&p->reports))
            return false;
        call->first = segment->next;
        if (!call->first)
            call->last = NULL;
        struct report report = {
            .kind = segment->state == PLAYED ? PLANE_PLAYED : PLANE_STOPPED,
            .call = call->handle,
            .number = segment->play_id,
            .segment = (uint32_t)(segment - p->segments),
            .at_ns = segment->done_ns,
        };
        segment->state = FREE; /* emitted, it may be asked for again */
        emit(p, report);
    }
    return true;
}

static bool emit_digits(struct plane *p, struct call *call)
{
    unsigned done = 0;
    while (done < call->digit_count &&
           emit_at_call(p, call, (struct report){.kind = PLANE_DIGIT, .digit = call->digits[done]}))
        done++;
    call->digit_count -= done;
    memmove(call->digits, call->digits + done, call->digit_count);
    return call->digit_count == 0;
}

static bool emit_flag(struct plane *p, struct call *call, bool *owed, enum plane_event_kind kind)
{
    if (*owed && emit_at_call(p, call, (struct report){.kind = kind}))
        *owed = false;
    return !*owed;
}

static bool emit_report(struct plane *p, struct call *call)
{
    struct report report = {
        .kind = PLANE_REPORTED,
        .number = call->stats.reported_behind,
        .digit = (int32_t)call->stats.reported_lost,
    };
    if (call->owes_report && emit_at_call(p, call, report))
        call->owes_report = false;
    return !call->owes_report;
}

/* After CLOSED the call is the caller's, so it leaves its slot first. */
static void emit_closed(struct plane *p, struct call *call)
{
    if (!ring_has_room(&p->reports))
        return;
    slot_remove(p, call);
    release_keys(p, call);
    p->open_calls--;
    atomic_store(&p->seen_calls, p->open_calls);
    struct report report = {
        .kind = PLANE_CLOSED, .call = call->handle, .segment = NO_SEGMENT, .at_ns = p->now_ns};
    call->handle = 0;
    emit(p, report);
}

/* After this the room is the caller's. False: there was no room for it in the ring. */
bool emit_room_closed(struct plane *p, struct room *room)
{
    return emit(p, (struct report){.room = room->handle, .segment = NO_SEGMENT});
}

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct plane *p, struct call *call)
{
    if (emit_flag(p, call, &call->owes_first, PLANE_RTP_FIRST) && emit_digits(p, call) &&
        emit_segments(p, call) && emit_flag(p, call, &call->owes_timeout, PLANE_RTP_TIMEOUT) &&
        emit_report(p, call) && call->owes_closed)
        emit_closed(p, call);
}
