/* The fixed header of an RTP packet (RFC 3550 section 5.1), to be read and written. */
#ifndef ONHOOK_RTP_H
#define ONHOOK_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_HEADER_BYTES = 12 };

static inline void put_be16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put_be32(uint8_t *at, uint32_t value)
{
    put_be16(at, (uint16_t)(value >> 16));
    put_be16(at + 2, (uint16_t)value);
}

/* A packet that was read; the payload is where it came. */
struct rtp {
    bool marker;
    uint8_t payload_type;
    uint16_t sequence;
    uint32_t timestamp;
    uint32_t ssrc;
    const uint8_t *payload;
    size_t payload_bytes;
};

static inline uint16_t get_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get_be32(const uint8_t *at)
{
    return (uint32_t)get_be16(at) << 16 | get_be16(at + 2);
}

/* RFC 3550 section 5.1. False: not an RTP packet. */
static inline bool parse_rtp(const uint8_t *data, size_t bytes, struct rtp *out)
{
    if (bytes < RTP_HEADER_BYTES || data[0] >> 6 != 2)
        return false;
    size_t start = RTP_HEADER_BYTES + (size_t)(data[0] & 0x0f) * 4; /* contributing sources */
    if (data[0] & 0x10) {                                           /* a header extension */
        if (bytes < start + 4)
            return false;
        start += 4 + (size_t)get_be16(data + start + 2) * 4;
    }
    if (bytes < start)
        return false;
    size_t end = bytes;
    if (data[0] & 0x20) { /* padding: its last byte counts it */
        size_t padding = data[bytes - 1];
        if (padding == 0 || padding > bytes - start)
            return false;
        end -= padding;
    }
    *out = (struct rtp){
        .marker = data[1] >> 7,
        .payload_type = data[1] & 0x7f,
        .sequence = get_be16(data + 2),
        .timestamp = get_be32(data + 4),
        .ssrc = get_be32(data + 8),
        .payload = data + start,
        .payload_bytes = end - start,
    };
    return true;
}

#endif
