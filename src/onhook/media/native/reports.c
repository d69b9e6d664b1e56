/* RTCP of a call: rtcp.c, fed with what the call is now. */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

static struct rtcp_call as_reported(const struct media *p, struct call *call)
{
    return (struct rtcp_call){
        .rtp_fd = call->fd,
        .peer = &call->peer,
        .signalled = &call->signalled,
        .ssrc = call->ssrc,
        .timestamp = timestamp_now(p, call),
        .sequence = call->sequence,
        .packets = call->stats.sent_packets,
        .octets = call->stats.sent_bytes - call->stats.sent_packets * RTP_HEADER_BYTES,
        .tick = p->tick,
        .srtp = call->srtp.on ? &call->srtp : NULL,
    };
}

void note_latest(_Atomic int64_t *moment, int64_t ns)
{
    if (ns > atomic_load_explicit(moment, memory_order_relaxed))
        atomic_store_explicit(moment, ns, memory_order_relaxed);
}

enum { SENT_FIGURES = offsetof(struct plane_stats, received_packets) / sizeof(uint64_t) };

/* A key that is down counts as sent: pressed again by a plane after this one, it would be another. */
static void show_progress(struct call *call)
{
    const struct segment *playing = call->playing;
    struct signs *signs = call->signs;
    bool down = playing && playing->kind == DIGITS && playing->step;
    atomic_store_explicit(&signs->progress, call->progress + down, memory_order_relaxed);
    atomic_store_explicit(&signs->playing, playing ? playing->play_id : 0, memory_order_relaxed);
    call->shown_playing = playing != NULL;
}

void show_figures(struct call *call)
{
    if (call->playing || call->shown_playing)
        show_progress(call);
    if (call->srtp.on)
        atomic_store_explicit(&call->signs->heard_wraps, call->srtp.heard_wraps, memory_order_relaxed);
    if (call->heard_more)
        show_press(call);
    size_t count = call->heard_more ? FIGURES : SENT_FIGURES;
    uint64_t figures[FIGURES];
    memcpy(figures, &call->stats, count * sizeof *figures);
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&call->signs->figures[i], figures[i], memory_order_relaxed);
    call->heard_more = false;
}

/* What RTCP tells of the peer: that it was there, and what it had received of what was sent. It is
 * read within a second, in which the wall clock may have been set. */
static void note_rtcp(struct media *p, struct call *call, bool reported)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t since_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - call->rtcp.heard_ns;
    bool plausible = since_ns >= 0 && since_ns <= 1000 * (int64_t)TICK_NS;
    note_latest(&call->signs->heard_ns, p->now_ns - (plausible ? since_ns : 0));
    if (reported)
        note_latest(&call->signs->received_ns, p->now_ns - (int64_t)call->stats.reported_behind *
                                                   packet_samples(call) / SAMPLES_PER_TICK * TICK_NS);
    call->owes_report |= reported;
}

void set_up_rtcp(struct media *p, struct call *call, const struct command *command)
{
    if (!call->rtcp.open) {
        call->rtcp.fd = command->report.fd;
        memcpy(call->rtcp.cname, command->report.cname, sizeof call->rtcp.cname);
        rtcp_open(&call->rtcp, p->tick);
    }
    rtcp_move(&call->rtcp, command->report.mux, &command->report.remote);
}

void serve_rtcp(struct media *p, struct call *call)
{
    struct rtcp *rtcp = &call->rtcp;
    bool due = p->tick >= rtcp->due_tick || p->tick >= rtcp->read_tick;
    if (!rtcp->open || !due)
        return;
    struct rtcp_call now = as_reported(p, call);
    int64_t heard_ns = rtcp->heard_ns;
    call->heard_more = true;
    rtcp_serve(rtcp, &now);
    bool reported = rtcp_receive(rtcp, &now, &call->stats);
    if (rtcp->heard_ns != heard_ns)
        note_rtcp(p, call, reported);
}

/* On the port of the RTP. */
void take_rtcp(struct media *p, struct call *call, const uint8_t *data, size_t bytes,
                      const union address *source)
{
    struct rtcp_call now = as_reported(p, call);
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t now_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    int64_t heard_ns = call->rtcp.heard_ns;
    bool reported = rtcp_take(&call->rtcp, &now, data, bytes, source, now_ns, &call->stats);
    if (call->rtcp.heard_ns != heard_ns)
        note_rtcp(p, call, reported);
}

void say_goodbye(struct media *p, struct call *call)
{
    struct rtcp_call now = as_reported(p, call);
    if (call->rtcp.open)
        rtcp_bye(&call->rtcp, &now);
}
