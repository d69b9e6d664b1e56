/* What passes between the switch and the plane, both ways, and what may stand in it.
 *
 * It holds handles and numbers, and no pointer: either side may be another process. Who reads it
 * copies it first, and checks what stands there; the checks that both sides make are here. The clerk passes
 * on commands of the same form to the media thread, with descriptors and handles of keys filled in, and the keys
 * themselves wiped.
 */
#ifndef ONHOOK_COMMANDS_H
#define ONHOOK_COMMANDS_H

#include "plane.h"

#include "address.h"
#include "latch.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { KEYS = 16 };

extern const char keys[KEYS + 1]; /* by event code (RFC 4733 section 3.2) */

enum command_kind {
    OPEN = 1,
    REMOTE,
    LATCH,
    AGREE,
    PROTECT,
    REPORT,
    PLAY,
    SEND_DIGITS,
    CUT,
    RECORD,
    RECORD_BEGIN,
    RECORD_STOP,
    BRIDGE,
    JOIN,
    MUTE,
    LEAVE,
    CLOSE,
    OPEN_ROOM,
    CLOSE_ROOM,
    ADD_PROMPT, /* these are the clerk's alone */
    DROP_PROMPT,
    MOVE, /* and these come from it: a call leaves its thread, and */
    ARRIVE, /* goes on in this one */
};

/* Of SRTP, by their handles; 0: none, or it stays as it was. */
struct key_handles {
    uint64_t send, receive;
    uint8_t later;
};

/* Keys of SRTP on their way to the plane. */
struct key_offer {
    uint8_t sends, receives; /* which of them there are */
    struct plane_key send, receive;
};

enum play_kind { FRAMES, LOOPED, LOOPED_LAST, DIGITS };

struct command {
    enum command_kind kind;
    uint64_t call;   /* of all but OPEN_ROOM, CLOSE_ROOM, ADD_PROMPT and DROP_PROMPT */
    uint64_t parcel; /* number of the message that brings its descriptor, 0: none */
    union {
        struct {
            int fd; /* the clerk's */
            uint32_t ssrc, timestamp, heard_wraps;
            uint16_t sequence;
            uint64_t press[2];
            union address remote;
            struct plane_format format;
            struct latch latch;
            struct key_handles keys; /* the clerk's */
            struct key_offer offer;
        } open;
        union address remote;
        struct latch latch;
        struct plane_format format;
        struct {
            struct key_handles keys; /* but for `later` the clerk's */
            struct key_offer offer;
        } protect;
        struct {
            int fd; /* the clerk's; -1: as it was */
            uint8_t mux;
            char cname[PLANE_CNAME_BYTES];
            union address remote; /* no port: one above that of the RTP */
        } report;
        struct {
            uint64_t play_id, prompt;
            uint32_t segment; /* number of a free one */
            uint32_t first, count;
            enum play_kind kind;
            uint8_t last; /* of what has this play_id */
        } play;
        struct {
            uint64_t play_id;
            uint32_t segment, count;
            uint8_t last; /* likewise */
            uint8_t keys[PLANE_MAX_DIGITS];
        } digits;
        struct {
            uint64_t recording;
            uint64_t tag;    /* of RECORD, as is */
            uint8_t waits;   /* this: for RECORD_BEGIN */
            uint64_t behind; /* of RECORD_BEGIN the play_id, 0: at once */
        };
        uint64_t other; /* the call to be bridged with */
        struct {
            uint64_t room;
            uint8_t muted;
        } join;
        uint8_t muted;
        uint64_t room;
        struct {
            uint64_t prompt, offset;
            uint32_t count;
        } prompt;
    };
};

#define NO_SEGMENT UINT32_MAX

struct report {
    enum plane_event_kind kind; /* 0: `room` has closed, and all else is nothing */
    int32_t digit;    /* of RECORDED the errno */
    uint64_t call;
    uint64_t number;  /* of PLAYED and STOPPED the play_id; of REPORTED how many are behind; of RECORDED
                       * the recording */
    uint64_t room;
    uint64_t tag;     /* of RECORDED */
    uint32_t segment; /* that is free again, or NO_SEGMENT */
    uint8_t last;     /* it was the last one of its play_id */
    int64_t at_ns;
    uint64_t samples, lost; /* of RECORDED */
    uint64_t serial; /* among all that is told, from 1 on */
};

static inline bool is_type(int payload_type)
{
    return payload_type >= PLANE_NO_EVENTS && payload_type <= 127;
}

/* 0: as frames are. */
static inline bool is_packet_ms(uint8_t packet_ms)
{
    return packet_ms <= PLANE_MAX_PACKET_MS && packet_ms % 10 == 0 && packet_ms != 50;
}

static inline bool is_format(const struct plane_format *format)
{
    return format->payload_type <= 127 && format->audio_type <= 127 &&
           is_type(format->event_payload_type) && is_type(format->event_from_peer) &&
           is_packet_ms(format->packet_ms);
}

static inline bool is_key(const struct plane_key *key)
{
    return (key->tag_bytes == 10 || key->tag_bytes == 4) && key->mki_bytes <= PLANE_MKI_BYTES;
}

/* Somewhere that RTP may be sent. */
static inline bool is_remote(const union address *address)
{
    bool family = address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6;
    return family && address_port(address) && is_unicast(address);
}

static inline bool are_digits(const uint8_t *digits, uint32_t count)
{
    if (count == 0 || count > PLANE_MAX_DIGITS)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (digits[i] != ',' && !memchr(keys, digits[i], KEYS))
            return false;
    return true;
}

#endif
