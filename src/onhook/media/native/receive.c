/* What arrives: whose it is, and what is in it.
 *
 * The peer. Before any RTP has arrived, frames go to the address of the SDP. The first valid
 * packet of G.711, or with an event that was negotiated, decides where they go from then on (the peer may
 * be behind NAT), if it comes from where the peer may be: latch.h. Nobody else is listened to afterwards,
 * but for the address of the SDP itself, as whoever was quicker than the peer that we were told of loses
 * the call to it, and for the same source at another address once the old one has been silent for a second.
 * The socket is connected to the address of the SDP while that one speaks.
 *
 * Digits (RFC 4733) are reported with the first packet of an event that arrives, whichever it is,
 * so that a prompt stops when the key goes down; keys.h says which packets are the same press.
 */
#define _GNU_SOURCE
#include "internal.h"

enum {
    REFUSED_TICKS = 1000,     /* silence is told of sooner, if nobody is at the peer's port: 1 s */
    SEQUENCE_RESTART = 3000,     /* a gap this wide is a new sequence (RFC 3550 A.1 MAX_DROPOUT) */
};

/* A moment of clock_ns() on the same clock. */
static int64_t in_samples(const struct media *p, int64_t at_ns)
{
    return (at_ns - p->host->epoch_ns) * SAMPLES_PER_TICK / TICK_NS;
}

/* Count gaps and repetitions. A new source, or a jump too wide to be a gap, begins anew. False: the
 * packet was here before. */
static bool track_sequence(struct call *call, const struct rtp *rtp)
{
    struct receiver *rx = &call->rx;
    int step = (int16_t)(rtp->sequence - rx->highest);
    if (!rx->tracking || rx->ssrc != rtp->ssrc || step > SEQUENCE_RESTART || step <= -64) {
        rx->tracking = true;
        rx->ssrc = rtp->ssrc;
        rx->highest = rtp->sequence;
        rx->seen = ~UINT64_C(0); /* what came before the first packet is not missing */
        return true;
    }
    if (step > 0) {
        call->stats.lost += (uint64_t)step - 1;
        rx->seen = step < 64 ? rx->seen << step | 1 : 1;
        rx->highest = rtp->sequence;
        return true;
    }
    uint64_t bit = UINT64_C(1) << -step;
    if (rx->seen & bit) {
        call->stats.duplicated++;
        return false;
    }
    rx->seen |= bit; /* late, not lost */
    if (call->stats.lost)
        call->stats.lost--;
    return true;
}

/* A key is told of with the first packet of its press that arrives. */
static void receive_event(struct call *call, const struct rtp *rtp)
{
    if (rtp->payload_bytes < EVENT_BYTES) {
        call->stats.malformed++;
        return;
    }
    struct key_packet key = read_key_packet(rtp->payload);
    if (!key_pressed(&call->rx.press, rtp, &key) || key.code >= sizeof keys - 1)
        return;
    if (call->digit_count == PENDING_DIGITS) {
        call->stats.dropped_digits++;
        return;
    }
    call->digits[call->digit_count++] = keys[key.code];
}

/* Others than the peer are kept out by the kernel from now on: only once it is where its SDP says, as
 * it may still come to be there. */
static void confine(struct call *call)
{
    call->connected = same_address(&call->peer, &call->signalled) &&
                      connect(call->fd, &call->peer.any, address_bytes(&call->peer)) == 0;
}

void unconfine(struct call *call)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    connect(call->fd, &nobody, sizeof nobody);
    call->connected = false;
}

static void latch(struct call *call, const union address *source)
{
    if (call->connected) /* to what was its address */
        unconfine(call);
    call->latched = true;
    call->peer = *source;
    confine(call);
}

/* Also the other law: whoever answered with both may send either (RFC 3264 section 6.1), and some
 * send what nobody asked for. */
static bool is_g711(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_type == call->payload_type || rtp->payload_type == PCMU ||
           rtp->payload_type == PCMA;
}

bool is_audio(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_bytes && is_g711(call, rtp);
}

/* Some answer with another number than the one that they were offered, and then use that. */
bool is_event(const struct call *call, const struct rtp *rtp)
{
    return rtp->payload_type == call->event_from_peer ||
           rtp->payload_type == call->event_payload_type;
}

/* To those that this call is joined to. */
static void pass_on(struct media *p, struct call *call, const struct rtp *rtp)
{
    if (call->bridged)
        cross_over(p, call->bridged, call, rtp);
    else if (call->member && is_audio(call, rtp))
        voice_hear(&call->member->voice, rtp->ssrc, rtp->timestamp, law_of(rtp->payload_type),
                   rtp->payload, rtp->payload_bytes);
}

static void record_heard(struct media *p, struct call *call, const struct rtp *rtp)
{
    recorder_heard(&call->recorder, &(struct taped){
        .payload = rtp->payload,
        .bytes = rtp->payload_bytes,
        .payload_type = rtp->payload_type,
        .marker = rtp->marker,
        .ssrc = rtp->ssrc,
        .timestamp = rtp->timestamp,
        .at = p->arrived,
    });
}

/* The peer is there: it sent a packet, of whatever kind. */
static void note_heard(struct media *p, struct call *call)
{
    call->rx.heard_tick = p->tick;
    call->rx.timed_out = false;
    call->rx.refused = false;
    note_latest(&call->signs->heard_ns, p->now_ns);
}

static void time_audio(struct media *p, struct call *call, const struct rtp *rtp)
{
    struct plane_stats *stats = &call->stats;
    reception_time(&call->rtcp.reception, rtp->timestamp, p->arrived);
    stats->audio_packets++;
    stats->jitter = call->rtcp.reception.jitter_16 >> 4;
    if (stats->jitter > stats->jitter_max)
        stats->jitter_max = stats->jitter;
}

/* What a peer sends that is no sound. */
static void note_other(struct call *call, const struct rtp *rtp)
{
    if (rtp->payload_type == COMFORT_NOISE)
        call->stats.noise_packets++;
    else if (!is_event(call, rtp) && !is_g711(call, rtp))
        call->stats.other_packets++;
}

/* What is not taken for the peer's: it may yet tell why nothing is heard. */
static void note_foreign(struct call *call, const struct rtp *rtp, const union address *source)
{
    call->stats.foreign++;
    if (latch_admits(&call->latch, &call->signalled, source)) {
        note_other(call, rtp);
        return;
    }
    struct in6_addr host = address_host(source);
    memcpy(&call->stats.foreign_high, host.s6_addr, 8);
    memcpy(&call->stats.foreign_low, host.s6_addr + 8, 8);
}

/* What a peer says passes here, all of it, once it is known to be the peer who says it. */
static void take_in(struct media *p, struct call *call, const struct rtp *rtp)
{
    note_heard(p, call);
    if (!call->rx.started) {
        call->rx.started = true;
        call->owes_first = true;
    }
    bool fresh = track_sequence(call, rtp);
    reception_note(&call->rtcp.reception, rtp->ssrc, rtp->sequence);
    if (is_audio(call, rtp))
        time_audio(p, call, rtp);
    else
        note_other(call, rtp);
    if (is_event(call, rtp))
        receive_event(call, rtp);
    else if (fresh && call->recorder.count)
        record_heard(p, call, rtp);
    if (fresh)
        pass_on(p, call, rtp);
}

/* For how long nothing came from the peer, in ticks. */
static uint64_t silent_for(const struct media *p, const struct call *call)
{
    uint64_t heard = call->rx.heard_tick; /* the thread that heard it may be a few ticks ahead of us */
    return p->tick > heard ? p->tick - heard : 0;
}

/* Is this the peer, at an address where it was not before? */
static bool is_peer_elsewhere(const struct media *p, const struct call *call, const struct rtp *rtp,
                              const union address *source)
{
    if (!is_g711(call, rtp) && !is_event(call, rtp))
        return false;
    if (!call->latched)
        return latch_admits(&call->latch, &call->signalled, source);
    return same_address(source, &call->signalled) ||
           (address_port(source) && call->rx.tracking && rtp->ssrc == call->rx.ssrc &&
            silent_for(p, call) >= LATCH_MOVED_TICKS);
}

void receive_packet(struct media *p, struct call *call, uint8_t *data, size_t bytes,
                           const union address *source)
{
    struct rtp rtp;
    bool chosen = call->latched && same_address(source, &call->peer);
    if (is_rtcp(data, bytes)) { /* never RTP (RFC 5761 section 4), agreed on or not */
        if (call->rtcp.mux)
            take_rtcp(p, call, data, bytes, source);
        else
            call->stats.rtcp_refused++;
        return;
    }
    if (call->srtp.on && !srtp_open(&call->srtp, p->tick, data, &bytes, &call->stats))
        return;
    if (!parse_rtp(data, bytes, &rtp)) {
        call->stats.malformed++;
        return;
    }
    if (call->audio_type && rtp.payload_type == call->audio_type)
        rtp.payload_type = call->payload_type;
    if (!chosen && !is_peer_elsewhere(p, call, &rtp, source)) {
        note_foreign(call, &rtp, source);
        return;
    }
    if (!chosen)
        latch(call, source);
    else if (!call->connected && same_address(source, &call->signalled))
        confine(call);
    call->stats.received_packets++;
    call->stats.received_bytes += bytes;
    take_in(p, call, &rtp);
}

/* When a packet arrived, in samples: on the plane's clock where it is recorded, else on the wall's,
 * which serves for differences alone. */
static int64_t arrived(const struct media *p, const struct call *call, struct msghdr *message)
{
    if (call->recorder.count)
        return in_samples(p, clock_ns() - waited_ns(message));
    int64_t at_ns = stamp_ns(message);
    return at_ns ? at_ns / (TICK_NS / SAMPLES_PER_TICK) : sample_clock(p);
}

void prepare_receive(struct media *p)
{
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        p->vectors[i] = (struct iovec){.iov_base = p->packets[i], .iov_len = RTP_MAX_BYTES};
        p->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &p->sources[i], .msg_iov = &p->vectors[i], .msg_iovlen = 1};
    }
}

/* What has arrived, as far as the budget of this round goes. */
void receive(struct media *p, struct call *call)
{
    if (call->budget <= 0)
        return;
    bool stamped = call->rtcp.open || call->recorder.count;
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        p->messages[i].msg_hdr.msg_namelen = sizeof p->sources[i];
        p->messages[i].msg_hdr.msg_control = p->stamps[i];
        p->messages[i].msg_hdr.msg_controllen = stamped ? sizeof p->stamps[i] : 0;
    }
    int got = recvmmsg(call->fd, p->messages, (unsigned)call->budget, MSG_DONTWAIT, NULL);
    if (was_refused(call, got))
        got = recvmmsg(call->fd, p->messages, (unsigned)call->budget, MSG_DONTWAIT, NULL);
    if (got <= 0) {
        leave_alone(p, call);
        return;
    }
    call->budget -= got;
    call->still_rounds = 0;
    call->heard_more = true;
    for (int i = 0; i < got; i++) {
        p->arrived = arrived(p, call, &p->messages[i].msg_hdr);
        if (p->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
            call->stats.malformed++;
        else
            receive_packet(p, call, p->packets[i], p->messages[i].msg_len, &p->sources[i]);
    }
}

void watch_silence(struct media *p, struct call *call)
{
    if (call->connected && call->rx.tracking && silent_for(p, call) >= LATCH_MOVED_TICKS)
        unconfine(call); /* it may be heard from elsewhere */
    uint64_t patience = p->host->timeout_ticks;
    if (call->rx.refused && patience > REFUSED_TICKS)
        patience = REFUSED_TICKS;
    if (!patience || call->rx.timed_out || silent_for(p, call) < patience)
        return;
    call->rx.timed_out = true;
    call->owes_timeout = true;
}
