/* Digits that a peer is sent: telephone-events (RFC 4733), or tones where none was agreed.
 *
 * A key is down for 100 ms, and a pause of 60 ms follows; a comma is a pause of a second. How a key is sent
 * is decided when it goes down, and holds until it is up, whatever is agreed meanwhile. Tones are audio:
 * they stand on the line of timestamps, and are recorded.
 */
#define _GNU_SOURCE
#include "internal.h"

#include "tones.h"

#include <string.h>

enum {
    DIGIT_ROUNDS = 8, /* of a digit that is sent, its pause included */
    DIGIT_DOWN_ROUNDS = TONE_FRAMES,
    DIGIT_END_PACKETS = 3, /* RFC 4733 section 2.5.1.4 */
    DIGIT_VOLUME = 10,     /* dBm0, below 0; that of the tones too */
    PAUSE_ROUNDS = 50,     /* of a comma */
};

const char keys[KEYS + 1] = "0123456789*#ABCD";

static uint8_t code_of(uint8_t key)
{
    return (uint8_t)(strchr(keys, key) - keys);
}

/* A telephone-event of `rounds` so far (RFC 4733 section 2.3). */
static void send_event(struct call *call, uint8_t key, uint32_t timestamp, uint32_t rounds, bool end)
{
    uint8_t payload[EVENT_BYTES] = {code_of(key), (uint8_t)((end ? 0x80 : 0) | DIGIT_VOLUME)};
    uint32_t duration = rounds * PLANE_FRAME_BYTES;
    put_be16(payload + 2, (uint16_t)duration);
    call->relay.anchored = false;
    if (call->on_hold || call->event_payload_type == NO_EVENTS) /* since the key went down */
        return;
    if (rounds == 1 && !end)
        send_packed(call);
    send_packet(call, &(struct outgoing){
        .payload_type = call->event_payload_type,
        .marker = rounds == 1 && !end,
        .sequence = call->sequence++,
        .timestamp = timestamp,
        .payload = payload,
        .bytes = sizeof payload,
    });
    note_sent(call, timestamp + duration);
}

/* A packet while the key is down, the last of which says that it is the end; twice more what that one
 * said, beside silence. */
static void send_event_round(struct media *p, struct call *call, const struct segment *segment,
                             uint8_t key)
{
    uint32_t round = segment->step;
    bool down = round <= DIGIT_DOWN_ROUNDS;
    if (round < DIGIT_DOWN_ROUNDS + DIGIT_END_PACKETS)
        send_event(call, key, segment->event_timestamp, down ? round : DIGIT_DOWN_ROUNDS,
                   round >= DIGIT_DOWN_ROUNDS);
    if (!down || call->event_payload_type == NO_EVENTS)
        send_silence(p, call);
}

static void send_tone_round(struct media *p, struct call *call, const struct segment *segment,
                            uint8_t key)
{
    if (segment->step <= DIGIT_DOWN_ROUNDS)
        transmit_frame(p, call, tone_frame(law_of(call->payload_type), code_of(key), segment->step - 1));
    else
        send_silence(p, call);
}

void send_digit(struct media *p, struct call *call, struct segment *segment)
{
    uint8_t key = segment->keys[segment->sent];
    if (++segment->step == 1) {
        segment->event_timestamp = next_timestamp(p, call);
        segment->as_tone = call->event_payload_type == NO_EVENTS;
    }
    if (key == ',')
        send_silence(p, call);
    else if (segment->as_tone)
        send_tone_round(p, call, segment, key);
    else
        send_event_round(p, call, segment, key);
    if (segment->step < (key == ',' ? PAUSE_ROUNDS : DIGIT_ROUNDS))
        return;
    segment->step = 0;
    segment->sent++;
    call->progress++;
}

void release_key(struct call *call, const struct segment *segment)
{
    if (segment->kind != DIGITS || !segment->step || segment->as_tone ||
        segment->keys[segment->sent] == ',')
        return;
    uint32_t rounds = segment->step < DIGIT_DOWN_ROUNDS ? segment->step : DIGIT_DOWN_ROUNDS;
    for (int i = 0; i < DIGIT_END_PACKETS; i++)
        send_event(call, segment->keys[segment->sent], segment->event_timestamp, rounds, true);
}
