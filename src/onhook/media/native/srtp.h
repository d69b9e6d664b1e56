/* SRTP and SRTCP (RFC 3711) with AES in counter mode and HMAC-SHA1: the suites AES_CM_128_HMAC_SHA1_80 and
 * AES_CM_128_HMAC_SHA1_32 of RFC 4568. srtp.c says how.
 *
 * A key is made and freed by the caller, and used by the media thread in between, which allocates nothing:
 * the key schedules are kept, and a packet only sets a new counter.
 */
#ifndef ONHOOK_SRTP_H
#define ONHOOK_SRTP_H

#include "plane.h"

#include "gone.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* see srtp.c */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SRTP_TAG_BYTES = 10,    /* at the most; always so many in SRTCP */
    SRTCP_INDEX_BYTES = 4,
    SRTP_TRAILER_BYTES = SRTCP_INDEX_BYTES + SRTP_TAG_BYTES, /* behind what is sent, at the most */
    SRTP_SOURCES = 8,       /* of a peer that are told apart; beyond, the oldest is forgotten */
    SRTP_WINDOW = 64,       /* packets (RFC 3711 section 3.3.2) */
    SRTP_OVERLAP_TICKS = 2000,   /* the peer's old key counts so long after the new one was heard */
    SRTP_PATIENCE_TICKS = 1000,  /* for the peer to use its new key, before we use ours all the same */
};

/* The session keys of RTP, or of RTCP (section 4.3). */
struct srtp_half {
    EVP_CIPHER_CTX *cipher;
    uint8_t salt[16]; /* the last two bytes are 0 */
    SHA_CTX inner, outer; /* of the HMAC, with its key in them */
};

/* What follows from one master key; a place in the plane's table. */
struct srtp_key {
    uint64_t handle; /* 0: none */
    bool used;       /* the media thread's: by a call, which it stays with until it is gone */
    struct gone gone;
    struct srtp_half rtp, rtcp;
    size_t tag_bytes;
    size_t mki_bytes;
    uint8_t mki[PLANE_MKI_BYTES];
};

/* Which packets of a source were here, by their index: the sequence number, and above it how often that
 * has wrapped. */
struct srtp_window {
    bool known; /* `highest` is set */
    uint64_t highest;
    uint64_t seen; /* bit n: highest - n */
};

struct srtp_source {
    uint64_t rtp_key, rtcp_key; /* by which it was heard last; 0: never */
    uint32_t ssrc;
    uint64_t heard_tick;
    struct srtp_window rtp, rtcp;
};

/* What was agreed for a call; all of it is the media thread's. */
struct srtp {
    bool on; /* from now on nothing is sent or taken in the clear */
    struct srtp_key *send, *next_send, *receive, *old_receive;
    uint64_t next_send_tick;   /* when it is used at the latest */
    uint64_t old_receive_tick; /* when it is let go; 0: not before the new one was heard */
    struct srtp_window sent;
    uint32_t sent_rtcp; /* the index of the last */
    uint32_t heard_wraps;  /* of the source that was heard last */
    uint32_t wraps_before; /* that a source may have, heard for the first time: a plane before this one heard it */
    struct srtp_source sources[SRTP_SOURCES];
};

/* 0, or a negative errno. */
int srtp_make_key(struct srtp_key *key, uint64_t handle, const struct plane_key *from);

/* Wipe it and free what it holds. */
void srtp_free_key(struct srtp_key *key);

/* Encrypt an RTP packet where it lies, of which the first `head` bytes stay legible; behind it there is room
 * for SRTP_TRAILER_BYTES. False: this index was sent before, and must not be sent again. */
bool srtp_seal(struct srtp *srtp, uint8_t *packet, size_t head, size_t *bytes);

/* The same of a compound RTCP packet. */
bool srtp_seal_rtcp(struct srtp *srtp, uint8_t *packet, size_t *bytes);

/* Check and decrypt a packet where it lies. False: it is not to be used, and `stats` has counted it. */
bool srtp_open(struct srtp *srtp, uint64_t tick, uint8_t *packet, size_t *bytes,
               struct plane_stats *stats);
bool srtp_open_rtcp(struct srtp *srtp, uint64_t tick, uint8_t *packet, size_t *bytes,
                    struct plane_stats *stats);

#endif
