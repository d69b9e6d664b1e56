/* What a peer is sent.
 *
 * RTP. The timestamp of a packet is that of its tick (8 samples each), so it follows the clock. The
 * marker bit is set when the timestamp does not follow on from the packet before: on the first, after
 * a hold, after a pause, after comfort noise (RFC 3551 section 4.1).
 *
 * Silence. Whoever is sent nothing else is sent silence, a frame each round on the same line of
 * timestamps, so that a prompt begins where a frame of silence ends, with no gap and no marker:
 * exchanges end calls from which nothing comes, and learn from what comes where to send. A peer
 * that agreed to comfort noise (RFC 3389) gets a packet of that each 100 ms instead. One of two joined
 * calls gets silence when the other side has sent nothing for 60 ms, or for 40 ms more than its
 * packets last. Silence is not recorded: nobody said anything.
 *
 * On hold. Nothing is sent to a peer that does not listen, and it uses up no sequence numbers; what
 * plays goes on in time, as what is said to it does, and is heard again where it has got to.
 */
#define _GNU_SOURCE
#include "internal.h"

#include "silence.h"

enum { NOISE_ROUNDS = 5 /* from one packet of comfort noise to the next */ };

/* A packet has left, or was lost on the way out. */
void note_sent(struct call *call, uint32_t end)
{
    if (!call->spoken || (int32_t)(end - call->sent_end) > 0)
        call->sent_end = end;
    call->spoken = true;
    call->noise_rounds = 0;
}

static void record_sent(struct call *call, const struct outgoing *audio)
{
    int32_t since_open = (int32_t)(audio->timestamp - call->timestamp);
    recorder_sent(&call->recorder, &(struct taped){
        .payload = audio->payload,
        .bytes = audio->bytes,
        .payload_type = audio->payload_type,
        .marker = audio->marker,
        .timestamp = audio->timestamp,
        .at = (int64_t)call->open_tick * SAMPLES_PER_TICK + since_open,
    });
}

/* What a peer hears passes here, all of it. */
void transmit(struct call *call, const struct outgoing *audio)
{
    bool left = is_packed(call) ? pack(call, audio, true) : send_packet(call, audio);
    if (left && call->recorder.count)
        record_sent(call, audio);
    note_sent(call, audio->timestamp + (uint32_t)audio->bytes); /* a byte is a sample */
}

/* A frame of our own, at the clock. */
static struct outgoing own_frame(struct media *p, struct call *call, const uint8_t *frame)
{
    int32_t ahead = sent_ahead(p, call);
    call->relay.anchored = false;
    if (ahead > 0) /* a bridged sender was faster than the clock: it goes on from there */
        call->timestamp += (uint32_t)ahead;
    return (struct outgoing){
        .payload_type = call->payload_type,
        .marker = !call->spoken || call->noise_rounds || timestamp_now(p, call) != call->sent_end,
        .sequence = is_packed(call) ? 0 : call->sequence++,
        .timestamp = timestamp_now(p, call),
        .payload = frame,
        .bytes = PLANE_FRAME_BYTES,
        .stays = true,
    };
}

void transmit_frame(struct media *p, struct call *call, const uint8_t *frame)
{
    if (call->on_hold) {
        call->relay.anchored = false;
        return;
    }
    struct outgoing packet = own_frame(p, call, frame);
    transmit(call, &packet);
}

/* RFC 3389 section 3. It has no samples, so that whatever comes next begins at once. */
static void send_noise(struct media *p, struct call *call)
{
    uint32_t round = call->noise_rounds++;
    if (round % NOISE_ROUNDS)
        return;
    call->relay.anchored = false;
    send_packed(call);
    send_packet(call, &(struct outgoing){
        .payload_type = COMFORT_NOISE,
        .silent = true,
        .sequence = call->sequence++,
        .timestamp = timestamp_now(p, call),
        .payload = comfort_noise,
        .bytes = sizeof comfort_noise,
    });
    note_sent(call, timestamp_now(p, call));
    call->noise_rounds = round + 1;
}

/* A round in which nothing is to be heard. */
void send_silence(struct media *p, struct call *call)
{
    if (call->on_hold)
        return;
    if (call->comfort_noise) {
        send_noise(p, call);
        return;
    }
    struct outgoing packet = own_frame(p, call, silent_frames[law_of(call->payload_type)]);
    packet.silent = true;
    if (is_packed(call))
        pack(call, &packet, false);
    else
        send_packet(call, &packet);
    note_sent(call, packet.timestamp + PLANE_FRAME_BYTES);
}

/* Nothing else is sent to this call in this round. */
bool is_quiet(const struct media *p, const struct call *call)
{
    if (call->owes_closed || call->member || sent_ahead(p, call) > 0)
        return false;
    return !call->bridged || p->tick >= call->relayed_until + JOINED_PATIENCE_TICKS;
}

/* The first segment of a loop; what is played is never reported, so it stands in the list. What was cut and
 * waits for room to be reported may stand before it. */
static struct segment *loop_again(struct call *call, uint64_t play_id)
{
    struct segment *first = call->first;
    while (first->play_id != play_id || first->state != QUEUED)
        first = first->next;
    for (struct segment *segment = first; segment; segment = segment->next)
        segment->sent = 0;
    return first;
}

void send_frame(struct media *p, struct call *call)
{
    struct segment *segment = call->playing;
    if (segment->kind == DIGITS) {
        send_digit(p, call, segment);
    } else {
        const uint8_t *frames = segment->frames[law_of(call->payload_type)];
        const uint8_t *frame = frames + (size_t)segment->sent * PLANE_FRAME_BYTES;
        if ((call->srtp.on || call->recorder.count || is_packed(call)) && !call->on_hold)
            frame = next_frame(p, call, segment);
        transmit_frame(p, call, frame);
        segment->sent++;
        call->progress++;
    }
    if (segment->sent < segment->count)
        return;
    call->playing = segment->next;
    if (call->playing && call->playing->play_id != segment->play_id)
        call->progress = 0;
    if (segment->kind == LOOPED_LAST) {
        call->playing = loop_again(call, segment->play_id);
        call->progress = 0;
    } else if (segment->kind != LOOPED) {
        segment->state = PLAYED;
        segment->done_ns = clock_ns() + packing_delay_ns(call);
        if (segment->last && call->recorder.count)
            recorder_played(&call->recorder, segment->play_id, sample_clock(p) + PLANE_FRAME_BYTES);
    }
}
