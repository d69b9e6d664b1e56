/* Which packets of telephone-events are one press of a key (RFC 4733 section 2.5).
 *
 * All packets of a press have its beginning for a timestamp, so a new timestamp, or another key, is a
 * new press. Phones do otherwise, and a key must not count twice for that:
 *
 * - A key that is held goes on in a next segment, which begins where the last one ended (2.5.1.3). A
 *   phone that stamps each packet anew looks the same, in small. As long as no end was sent, what
 *   begins before the press so far is over, or within a frame after it, is the same press: nobody lets
 *   go of a key and presses it again in no time.
 * - The end is sent three times (2.5.1.4), and some phones stamp the repetitions anew. A packet that
 *   says "end" right behind one that said so is a repetition: a new press begins with a packet that does not,
 *   and had that been lost there would be a gap in the sequence.
 *
 * Packets are lost and overtake each other, so a press is known by whichever of its packets comes first,
 * with or without a marker, and what is older than the press that is known is late.
 */
#ifndef ONHOOK_KEYS_H
#define ONHOOK_KEYS_H

#include "rtp.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    EVENT_BYTES = 4,
    EVENT_FRAME_SAMPLES = 160,
    EVENT_LATE_SAMPLES = 16000,     /* a press up to 2 s older than the last one arrived late */
    EVENT_SEGMENT_SAMPLES = 0xffff, /* where a press is cut into segments */
    EVENT_END_PACKETS = 3,
    EVENT_END_SAMPLES = 800,        /* within which the end is repeated: 100 ms */
};

/* The newest press of a peer. */
struct key_press {
    bool known;
    bool ended;
    uint8_t code;
    uint32_t ssrc;      /* of whoever sends it; a sender that begins anew presses anew */
    uint16_t sequence;  /* of its newest packet */
    uint32_t timestamp; /* of its beginning, or that of its present segment */
    uint32_t duration;  /* since then, as far as it is known */
};

/* In two words, for a plane after this one: what it is sent of a press that was told of is no other. */
static inline void key_pack(const struct key_press *press, uint64_t out[2])
{
    out[0] = (uint64_t)press->ssrc << 32 | press->timestamp;
    out[1] = (uint64_t)press->known << 63 | (uint64_t)press->ended << 62 | (uint64_t)press->code << 48 |
             (uint64_t)press->sequence << 32 | press->duration;
}

static inline struct key_press key_unpacked(const uint64_t packed[2])
{
    return (struct key_press){
        .known = packed[1] >> 63 & 1,
        .ended = packed[1] >> 62 & 1,
        .code = (uint8_t)(packed[1] >> 48),
        .ssrc = (uint32_t)(packed[0] >> 32),
        .sequence = (uint16_t)(packed[1] >> 32),
        .timestamp = (uint32_t)packed[0],
        .duration = (uint32_t)packed[1],
    };
}

/* The payload of a packet (RFC 4733 section 2.3). */
struct key_packet {
    uint8_t code;
    bool end;
    uint16_t duration;
};

static inline struct key_packet read_key_packet(const uint8_t *payload)
{
    return (struct key_packet){
        .code = payload[0], .end = payload[1] >> 7, .duration = get_be16(payload + 2)};
}

enum key_news { KEY_LATE, KEY_SAME, KEY_NEXT_SEGMENT, KEY_NEW };

/* A later packet with the code of the press that is known. */
static inline enum key_news key_goes_on(const struct key_press *press, const struct rtp *rtp,
                                        const struct key_packet *key)
{
    uint32_t since = rtp->timestamp - press->timestamp;
    int step = (int16_t)(rtp->sequence - press->sequence);
    if (press->ended) {
        bool repeated = key->end && step > 0 && step <= EVENT_END_PACKETS &&
                        since <= press->duration + EVENT_END_SAMPLES;
        return repeated ? KEY_SAME : KEY_NEW;
    }
    if (since < press->duration)
        return KEY_SAME;
    if (since <= press->duration + EVENT_FRAME_SAMPLES ||
        (since == EVENT_SEGMENT_SAMPLES && !rtp->marker))
        return KEY_NEXT_SEGMENT;
    return KEY_NEW;
}

static inline enum key_news key_news(const struct key_press *press, const struct rtp *rtp,
                                     const struct key_packet *key)
{
    if (!press->known || press->ssrc != rtp->ssrc)
        return KEY_NEW;
    int32_t later = (int32_t)(rtp->timestamp - press->timestamp);
    if (later < 0)
        return later > -EVENT_LATE_SAMPLES ? KEY_LATE : KEY_NEW;
    if (key->code == press->code)
        return later ? key_goes_on(press, rtp, key) : KEY_SAME;
    if (later == 0 && (int16_t)(rtp->sequence - press->sequence) <= 0)
        return KEY_LATE; /* of another key that has the same timestamp */
    return KEY_NEW;
}

static inline void key_extend(struct key_press *press, const struct rtp *rtp,
                              const struct key_packet *key)
{
    uint32_t so_far = rtp->timestamp - press->timestamp + key->duration;
    press->ended |= key->end;
    if (so_far > press->duration && so_far <= EVENT_SEGMENT_SAMPLES)
        press->duration = so_far;
    if ((int16_t)(rtp->sequence - press->sequence) > 0)
        press->sequence = rtp->sequence;
}

/* Take a packet in. True: it is the first that arrives of a press. */
static inline bool key_pressed(struct key_press *press, const struct rtp *rtp,
                               const struct key_packet *key)
{
    enum key_news news = key_news(press, rtp, key);
    if (news == KEY_SAME)
        key_extend(press, rtp, key);
    if (news == KEY_NEW || news == KEY_NEXT_SEGMENT)
        *press = (struct key_press){
            .known = true,
            .ended = key->end,
            .code = key->code,
            .ssrc = rtp->ssrc,
            .sequence = rtp->sequence,
            .timestamp = rtp->timestamp,
            .duration = key->duration,
        };
    return news == KEY_NEW;
}

#endif
