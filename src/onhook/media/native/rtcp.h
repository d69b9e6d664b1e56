/* RTCP (RFC 3550 section 6): reports on what is sent and received, for one call. rtcp.c says how.
 *
 * All of it is the media thread's. A call has a socket of its own for it, or shares that of its RTP
 * (RFC 5761).
 */
#ifndef ONHOOK_RTCP_H
#define ONHOOK_RTCP_H

#include "plane.h"

#include "address.h"
#include "srtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTCP_MAX_BYTES = 128 /* of what is sent */ };

/* What has arrived of one source (RFC 3550 appendices A.1, A.3 and A.8). */
struct reception {
    bool known;
    uint32_t ssrc;
    uint32_t first, highest; /* extended sequence numbers */
    uint32_t received;
    uint32_t expected_before, received_before; /* when it was last reported */
    bool timed;
    int64_t transit;      /* of the last packet of sound, in samples, on any clock */
    uint32_t jitter_16;   /* 16 times the jitter, in samples */
};

void reception_note(struct reception *reception, uint32_t ssrc, uint16_t sequence);

/* A packet of sound, and when it arrived, in samples. */
void reception_time(struct reception *reception, uint32_t timestamp, int64_t arrived);

/* What a compound packet says that concerns us. */
struct rtcp_news {
    uint32_t ssrc; /* of whoever sent it */
    bool is_sender;
    uint32_t sent_ntp; /* of a sender report: the middle 32 bits of its NTP timestamp */
    bool reported;     /* it has a report on what we send; all below is of that */
    int32_t lost;
    uint32_t highest, jitter, last_report, delay;
    bool bye;
};

/* Read a compound packet (RFC 3550 appendix A.2). `ours` is the SSRC that reports may be about.
 * False: it is none, or its lengths do not fit. */
bool rtcp_read(const uint8_t *data, size_t bytes, uint32_t ours, struct rtcp_news *out);

/* Whether a datagram on a shared port is RTCP (RFC 5761 section 4). */
static inline bool is_rtcp(const uint8_t *data, size_t bytes)
{
    return bytes >= 8 && data[0] >> 6 == 2 && data[1] >= 192 && data[1] <= 223;
}

struct rtcp {
    bool open;
    uint64_t due_tick, read_tick;
    int fd;   /* of its own */
    bool mux; /* that of the RTP is used instead */
    bool silent; /* nothing is sent */
    char cname[PLANE_CNAME_BYTES];
    union address signalled; /* no port: one above that of the RTP */
    union address heard;     /* where the peer's came from; no port: nothing came */
    uint32_t state;               /* of the random numbers */
    uint64_t sent; /* compound packets */
    uint64_t packets_before[2]; /* of RTP, at the last two reports */
    bool has_sender_report;
    uint32_t sender_ntp;
    int64_t sender_ns; /* when it arrived; CLOCK_REALTIME */
    int64_t heard_ns;  /* when the last packet of the peer arrived, whatever it says; CLOCK_REALTIME */
    struct reception reception;
};

/* The call as it is now. */
struct rtcp_call {
    int rtp_fd;
    const union address *peer;      /* where RTP goes */
    const union address *signalled; /* where it went by SDP */
    uint32_t ssrc, timestamp;
    uint16_t sequence; /* of the next packet */
    uint64_t packets, octets; /* that were sent, of payload */
    uint64_t tick;
    struct srtp *srtp; /* NULL: in the clear */
};

/* Begin: the first report is due within a few seconds. */
void rtcp_open(struct rtcp *rtcp, uint64_t tick);

/* What was agreed has changed. */
void rtcp_move(struct rtcp *rtcp, bool mux, const union address *signalled);

/* Send a report, if one is due. */
void rtcp_serve(struct rtcp *rtcp, const struct rtcp_call *call);

/* Say that this source is gone (RFC 3550 section 6.3.7). */
void rtcp_bye(struct rtcp *rtcp, const struct rtcp_call *call);

/* Take one datagram in. True: it was the peer's, and says how much of what we send arrives; `stats`
 * has it. `arrived_ns`: CLOCK_REALTIME. */
bool rtcp_take(struct rtcp *rtcp, const struct rtcp_call *call, const uint8_t *data, size_t bytes,
               const union address *source, int64_t arrived_ns, struct plane_stats *stats);

/* Take in what waits in the socket, once a second. As rtcp_take(). */
bool rtcp_receive(struct rtcp *rtcp, const struct rtcp_call *call, struct plane_stats *stats);

#endif
