/* From one side of a bridge to the other.
 *
 * Bridges. What one call receives is sent to the other as soon as it is read, with its steps of
 * timestamp and sequence number kept, so that the far end sees the jitter, the losses and the
 * packet time of the sender. Where that sequence begins is set anew when it cannot follow on (the
 * sender changed, or a prompt was played in between): then at the clock, or behind what was sent
 * last if that is later. Telephone-events pass in the same way, if the other side knows them.
 * Calls that are joined to others are read as soon as something has arrived (epoll; where they are many, each
 * tick), not once a round; how much is read of one in a round is bounded all the same.
 */
#define _GNU_SOURCE
#include "internal.h"

enum {
    RELAY_GAP = 64,              /* wider, and a bridged sequence begins anew */
    RELAY_ASTRAY = 8000,         /* samples that a bridged timestamp may be off our clock: 1 s */
};

static bool same_key(const struct relayed_key *key, const struct rtp *rtp)
{
    return key->known && key->ssrc == rtp->ssrc && key->timestamp == rtp->timestamp;
}

static void anchor(struct media *p, struct call *to, const struct rtp *rtp, bool event)
{
    uint32_t begins = rtp->timestamp;
    if (event && same_key(&to->relayed_key, rtp)) /* so much of it was sent before */
        begins += get_be16(rtp->payload + 2);
    to->relay = (struct relay){
        .anchored = true,
        .ssrc = rtp->ssrc,
        .highest = rtp->sequence,
        .sequence_shift = (uint16_t)(to->sequence - rtp->sequence),
        .timestamp_shift = next_timestamp(p, to) - begins,
    };
}

/* Does this packet follow on from those that were relayed before? */
static bool follows(const struct media *p, const struct call *to, const struct rtp *rtp, bool event)
{
    const struct relay *relay = &to->relay;
    int step = (int16_t)(rtp->sequence - relay->highest);
    int32_t astray =
        (int32_t)(rtp->timestamp + relay->timestamp_shift - timestamp_now(p, to));
    return relay->anchored && relay->ssrc == rtp->ssrc && step <= RELAY_GAP &&
           step > -RELAY_GAP && astray <= RELAY_ASTRAY &&
           (event || astray >= -RELAY_ASTRAY); /* an event keeps the time of its beginning */
}

/* What the other side does not get is no gap to it. */
static void leave_out(struct call *to, const struct rtp *rtp)
{
    struct relay *relay = &to->relay;
    if (!relay->anchored || rtp->sequence != (uint16_t)(relay->highest + 1))
        return;
    relay->highest++;
    relay->sequence_shift--;
    relay->span = 0;
}

/* That of the first packet of this key, which may be this one. */
static uint32_t key_timestamp(struct call *to, const struct rtp *rtp, uint32_t timestamp)
{
    if (!same_key(&to->relayed_key, rtp))
        to->relayed_key = (struct relayed_key){.known = true, .ssrc = rtp->ssrc,
                                               .timestamp = rtp->timestamp,
                                               .sent_timestamp = timestamp};
    return to->relayed_key.sent_timestamp;
}

static void relay(struct media *p, struct call *to, const struct rtp *rtp, bool event)
{
    struct relay *relay = &to->relay;
    bool marker = rtp->marker;
    if (!follows(p, to, rtp, event)) {
        marker = !event || !same_key(&to->relayed_key, rtp);
        anchor(p, to, rtp, event);
    }
    int step = (int16_t)(rtp->sequence - relay->highest);
    if (step < -relay->span)
        return; /* from before the anchor */
    if (step > 0) {
        relay->highest = rtp->sequence;
        relay->span = relay->span + step < RELAY_GAP ? relay->span + step : RELAY_GAP;
    }
    if (!is_packed(to))
        to->sequence = (uint16_t)(relay->highest + relay->sequence_shift + 1);
    struct outgoing packet = {
        .payload_type = event ? to->event_payload_type : to->payload_type,
        .marker = marker,
        .sequence = (uint16_t)(rtp->sequence + relay->sequence_shift),
        .timestamp = rtp->timestamp + relay->timestamp_shift,
        .payload = rtp->payload,
        .bytes = rtp->payload_bytes,
    };
    if (event) {
        if (!same_key(&to->relayed_key, rtp))
            send_packed(to);
        if (is_packed(to))
            packet.sequence = to->sequence++;
        packet.timestamp = key_timestamp(to, rtp, packet.timestamp);
        send_packet(to, &packet);
        note_sent(to, packet.timestamp + get_be16(rtp->payload + 2));
        return;
    }
    enum law law = law_of(rtp->payload_type);
    if (law != law_of(to->payload_type)) {
        for (size_t i = 0; i < packet.bytes; i++)
            p->crossed[i] = law_crossed[law][packet.payload[i]];
        packet.payload = p->crossed;
    }
    transmit(to, &packet);
}

/* How long a packet lasts; none is counted as shorter than a frame. */
static uint64_t packet_ticks(size_t samples)
{
    size_t ticks = samples / SAMPLES_PER_TICK;
    return ticks < SLOTS ? SLOTS : ticks;
}

/* To the other side of a bridge. */
void cross_over(struct media *p, struct call *to, const struct call *from,
                       const struct rtp *rtp)
{
    bool event = is_event(from, rtp);
    bool wanted = event ? to->event_payload_type != NO_EVENTS && rtp->payload_bytes >= EVENT_BYTES
                        : is_audio(from, rtp);
    if (wanted)
        to->relayed_until = p->tick + packet_ticks(event ? 0 : rtp->payload_bytes);
    if (to->playing || to->on_hold) {
        to->relay.anchored = false; /* the sequence begins anew, even if what plays is cut unheard */
        return;
    }
    if (wanted)
        relay(p, to, rtp, event);
    else
        leave_out(to, rtp);
}
