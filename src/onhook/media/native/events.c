/* From the state of a call into the ring of reports.
 *
 * When that is full, what happened stays noted in the call (segments in their list,
 * digits in a short queue, the rest in flags) and is reported in a later round. Only digits can be
 * lost, beyond 32 that nobody took; they are counted. When the ring of commands is full, commands wait
 * in a list of the switch's, in order.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

static bool has_room(struct media *p)
{
    int64_t room = link_room(&p->reports);
    if (room == LINK_NONSENSE)
        end_link(p->host, PLANE_NONSENSE);
    return room > 0;
}

/* What can be told again a little later leaves room for what cannot. */
static bool has_plenty_of_room(struct media *p)
{
    return link_room(&p->reports) > p->reports.size / 4;
}

static bool emit(struct media *p, struct report report)
{
    if (!has_room(p))
        return false;
    report.serial = next_serial(p->host);
    p->events[link_at(&p->reports)] = report;
    link_put(&p->reports);
    p->reported = true;
    return true;
}

void let_go(struct media *p, struct gone *one, enum gone_kind kind)
{
    gone_add(&p->host->gone, one, kind);
    p->let_go = true;
}

/* Something that happened in a call now. */
static bool emit_at_call(struct media *p, const struct call *call, struct report report)
{
    report.call = call->handle;
    report.segment = NO_SEGMENT;
    report.at_ns = p->now_ns;
    return emit(p, report);
}

static bool emit_segments(struct media *p, struct call *call)
{
    struct segment *segment;
    while ((segment = call->first) && segment->state != QUEUED) {
        if (!has_room(p))
            return false;
        call->first = segment->next;
        if (!call->first)
            call->last = NULL;
        struct report report = {
            .kind = segment->state == PLAYED ? PLANE_PLAYED : PLANE_STOPPED,
            .call = call->handle,
            .number = segment->play_id,
            .segment = (uint32_t)(segment - p->host->segments),
            .last = segment->last,
            .at_ns = segment->done_ns,
        };
        if (segment->last && segment->state == PLAYED && segment->play_id <= UINT32_MAX)
            atomic_store_explicit(&call->signs->over, (uint32_t)segment->play_id, memory_order_relaxed);
        if (segment->prompt && let_go_prompt(p->host, segment->prompt))
            p->let_go = true;
        segment->state = FREE;
        atomic_store(&p->host->segments_taken[report.segment], 0); /* emitted, it may be asked for again */
        emit(p, report);
    }
    return true;
}

/* One that is noted, and not told of yet, is shown later: a plane after this one hears it again. */
void show_press(struct call *call)
{
    uint64_t press[2];
    if (!call->rx.press.known || call->digit_count)
        return;
    key_pack(&call->rx.press, press);
    for (int i = 0; i < 2; i++)
        atomic_store_explicit(&call->signs->press[i], press[i], memory_order_release);
}

static bool emit_digits(struct media *p, struct call *call)
{
    uint8_t done = 0;
    while (done < call->digit_count &&
           emit_at_call(p, call, (struct report){.kind = PLANE_DIGIT, .digit = call->digits[done]}))
        done++;
    call->digit_count = (uint8_t)(call->digit_count - done);
    memmove(call->digits, call->digits + done, call->digit_count);
    if (done)
        show_press(call);
    return call->digit_count == 0;
}

static bool emit_flag(struct media *p, struct call *call, bool *owed, enum plane_event_kind kind)
{
    if (*owed && emit_at_call(p, call, (struct report){.kind = kind}))
        *owed = false;
    return !*owed;
}

static bool emit_report(struct media *p, struct call *call)
{
    struct report report = {
        .kind = PLANE_REPORTED,
        .number = call->stats.reported_behind,
        .digit = (int32_t)call->stats.reported_lost,
    };
    if (call->owes_report && has_plenty_of_room(p) && emit_at_call(p, call, report))
        call->owes_report = false;
    return !call->owes_report;
}

/* The figures that are shown are its last. */
static void end(struct media *p, struct call *call)
{
    slot_remove(p, call);
    release_keys(p, call);
    count_refused(p, call);
    call->heard_more = true;
    show_figures(call);
    p->open_calls--;
    atomic_fetch_sub(&p->host->link.header->health.calls, 1);
    call->handle = 0;
    call->media = NULL;
    let_go(p, &call->gone, GONE_CALL);
}

/* Report what is owed, as far as there is room; the rest next round. The call may be gone after. */
void report(struct media *p, struct call *call)
{
    if (emit_flag(p, call, &call->owes_first, PLANE_RTP_FIRST) && emit_digits(p, call) &&
        emit_segments(p, call) && emit_flag(p, call, &call->owes_timeout, PLANE_RTP_TIMEOUT) &&
        emit_report(p, call) && call->owes_closed)
        end(p, call);
}
