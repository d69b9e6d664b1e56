/* RTCP. rtcp.h says what; this is how.
 *
 * When. With two members and 64 kbit/s, the share of RTCP would allow more than a packet a second, so
 * the minimum of 5 s decides, half of it before the first (RFC 3550 section 6.2), times 0.5 to 1.5, by
 * e - 3/2 (6.3.1). Members that come and go, which the rest of 6.3 is about, are one at the most here.
 * What has come is read once a second: the kernel notes when it came.
 *
 * What. A sender report while RTP was sent since the last but one, else a receiver report; a report on
 * the source that was heard, if any of it arrived; and the CNAME, which is random and new in each call
 * (RFC 7022): it tells nothing about the machine.
 *
 * Whom to believe. Reports steer nothing but figures, and still a stranger must not be able to
 * write them: what comes has to be from the address that SDP named, or from the host to which the RTP is
 * sent; and its SSRC that of the RTP that comes. From such a host and with such an SSRC it may have
 * another port (NAT), and ours go there then.
 */
#define _GNU_SOURCE
#include "rtcp.h"

#include "recorder.h"
#include "rtp.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    SENDER_REPORT = 200,
    RECEIVER_REPORT = 201,
    DESCRIPTION = 202,
    BYE = 203,
    CNAME = 1,
    BLOCK_BYTES = 24,
    SENDER_BYTES = 20,
    INTERVAL_MS = 5000,
    READ_EVERY_TICKS = 1000,
    READ_AT_ONCE = 4,
    READ_BYTES = 1500,
    FARTHEST_BEHIND = 6000, /* packets: 2 minutes */
    LONGEST_TRIP = 10 << 16, /* 10 s, in 1/65536 s */
    MAX_DROPOUT = 3000,     /* as these two: RFC 3550 appendix A.1 */
    MAX_MISORDER = 100,
    TALK_PAUSE = 8000,      /* samples: what comes after a pause says nothing about jitter */
};

#define NTP_UNIX 2208988800u /* from 1900 to 1970, in seconds */
#define NS 1000000000

/* ---- What arrives of the RTP ------------------------------------------------------------- */

void reception_note(struct reception *reception, uint32_t ssrc, uint16_t sequence)
{
    uint16_t step = (uint16_t)(sequence - (uint16_t)reception->highest);
    bool anew = step >= MAX_DROPOUT && step <= 0x10000 - MAX_MISORDER;
    if (!reception->known || reception->ssrc != ssrc || anew) {
        *reception = (struct reception){.known = true, .ssrc = ssrc, .first = sequence,
                                        .highest = sequence, .received = 1};
        return;
    }
    if (step < MAX_DROPOUT)
        reception->highest += step;
    reception->received++;
}

void reception_time(struct reception *reception, uint32_t timestamp, int64_t arrived)
{
    int64_t transit = (int32_t)((uint32_t)arrived - timestamp);
    int64_t change = (int32_t)(transit - reception->transit);
    bool timed = reception->timed;
    reception->transit = transit;
    reception->timed = true;
    if (change < 0)
        change = -change;
    if (timed && change < TALK_PAUSE)
        reception->jitter_16 += (uint32_t)change - ((reception->jitter_16 + 8) >> 4);
}

static uint32_t expected(const struct reception *reception)
{
    return reception->highest - reception->first + 1;
}

/* Of 256 packets since the last report. */
static uint8_t fraction_lost(struct reception *reception)
{
    uint32_t due = expected(reception) - reception->expected_before;
    uint32_t came = reception->received - reception->received_before;
    reception->expected_before = expected(reception);
    reception->received_before = reception->received;
    if (due == 0 || came >= due)
        return 0;
    return (uint8_t)(((uint64_t)(due - came) << 8) / due > 255 ? 255 : ((due - came) << 8) / due);
}

static int32_t total_lost(const struct reception *reception)
{
    int64_t lost = (int64_t)expected(reception) - reception->received;
    return (int32_t)(lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost);
}

/* ---- Writing ----------------------------------------------------------------------------- */

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

/* Seconds since 1900, and their fraction, 32 bits each. */
static uint64_t ntp(int64_t at_ns)
{
    uint64_t seconds = (uint64_t)(at_ns / NS) + NTP_UNIX;
    return seconds << 32 | ((uint64_t)(at_ns % NS) << 32) / NS;
}

static uint8_t *put_head(uint8_t *at, uint8_t count, uint8_t type, size_t bytes)
{
    at[0] = (uint8_t)(0x80 | count);
    at[1] = type;
    put_be16(at + 2, (uint16_t)(bytes / 4 - 1));
    return at + 4;
}

static uint8_t *put_word(uint8_t *at, uint32_t word)
{
    put_be32(at, word);
    return at + 4;
}

/* RFC 3550 section 6.4.1 */
static uint8_t *put_block(uint8_t *at, struct rtcp *rtcp, int64_t now_ns)
{
    struct reception *heard = &rtcp->reception;
    uint32_t lost = (uint32_t)total_lost(heard) & 0xffffff;
    at = put_word(at, heard->ssrc);
    at = put_word(at, (uint32_t)fraction_lost(heard) << 24 | lost);
    at = put_word(at, heard->highest);
    at = put_word(at, heard->jitter_16 >> 4);
    int64_t delay_ns = rtcp->has_sender_report ? now_ns - rtcp->sender_ns : 0;
    at = put_word(at, rtcp->has_sender_report ? rtcp->sender_ntp : 0);
    return put_word(at, delay_ns > 0 ? (uint32_t)((uint64_t)delay_ns * 65536 / NS) : 0);
}

static uint8_t *put_report(uint8_t *at, struct rtcp *rtcp, const struct rtcp_call *call)
{
    int64_t now_ns = wall_ns();
    bool sender = call->packets != rtcp->packets_before[1], heard = rtcp->reception.known;
    size_t bytes = 8u + (sender ? SENDER_BYTES : 0u) + (heard ? BLOCK_BYTES : 0u);
    at = put_head(at, heard, sender ? SENDER_REPORT : RECEIVER_REPORT, bytes);
    at = put_word(at, call->ssrc);
    if (sender) {
        at = put_word(at, (uint32_t)(ntp(now_ns) >> 32));
        at = put_word(at, (uint32_t)ntp(now_ns));
        at = put_word(at, call->timestamp);
        at = put_word(at, (uint32_t)call->packets);
        at = put_word(at, (uint32_t)call->octets);
    }
    rtcp->packets_before[1] = rtcp->packets_before[0];
    rtcp->packets_before[0] = call->packets;
    return heard ? put_block(at, rtcp, now_ns) : at;
}

/* RFC 3550 section 6.5: one chunk of one item, and zeros to the next word. */
static uint8_t *put_description(uint8_t *at, const struct rtcp *rtcp, uint32_t ssrc)
{
    enum { TEXT = PLANE_CNAME_BYTES, ITEM = 2 + TEXT, CHUNK = (4 + ITEM) / 4 * 4 + 4 };
    uint8_t *item = put_word(put_head(at, 1, DESCRIPTION, 4 + CHUNK), ssrc);
    memset(item, 0, CHUNK - 4);
    item[0] = CNAME;
    item[1] = TEXT;
    memcpy(item + 2, rtcp->cname, TEXT);
    return at + 4 + CHUNK;
}

static uint32_t next_random(struct rtcp *rtcp)
{
    uint32_t x = rtcp->state;
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    return rtcp->state = x;
}

static uint64_t interval_ticks(struct rtcp *rtcp, uint32_t interval_ms)
{
    double chance = (double)next_random(rtcp) / 4294967296.0;
    return (uint64_t)(interval_ms * (0.5 + chance) / 1.21828); /* a tick is 1 ms */
}

static union address destination(const struct rtcp *rtcp, const struct rtcp_call *call)
{
    union address to = *call->peer;
    if (rtcp->mux)
        return to;
    if (address_port(&rtcp->heard) && same_host(&rtcp->heard, &to))
        return rtcp->heard;
    if (address_port(&rtcp->signalled) && same_host(&to, call->signalled))
        return rtcp->signalled;
    set_address_port(&to, htons((uint16_t)(ntohs(address_port(&to)) + 1)));
    return to;
}

static void transmit(struct rtcp *rtcp, const struct rtcp_call *call, bool bye)
{
    uint8_t packet[RTCP_MAX_BYTES + SRTP_TRAILER_BYTES], *end = put_report(packet, rtcp, call);
    end = put_description(end, rtcp, call->ssrc);
    if (bye)
        end = put_word(put_head(end, 1, BYE, 8), call->ssrc);
    union address to = destination(rtcp, call);
    int fd = rtcp->mux ? call->rtp_fd : rtcp->fd;
    if (fd < 0 || rtcp->silent)
        return; /* it asked for none */
    size_t bytes = (size_t)(end - packet);
    if (call->srtp && !srtp_seal_rtcp(call->srtp, packet, &bytes))
        return;
    rtcp->sent++;
    /* lost like any other packet, should the system refuse it */
    ssize_t sent =
        sendto(fd, packet, bytes, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any, address_bytes(&to));
    (void)sent;
}

void rtcp_open(struct rtcp *rtcp, uint64_t tick)
{
    rtcp->open = true;
    rtcp->state = 2166136261u;
    for (size_t i = 0; i < sizeof rtcp->cname; i++) /* FNV-1a; the name is random */
        rtcp->state = (rtcp->state ^ (uint8_t)rtcp->cname[i]) * 16777619u;
    if (!rtcp->state)
        rtcp->state = 1;
    rtcp->due_tick = tick + interval_ticks(rtcp, INTERVAL_MS / 2);
    rtcp->read_tick = tick + READ_EVERY_TICKS;
}

void rtcp_move(struct rtcp *rtcp, bool mux, const union address *signalled)
{
    rtcp->mux = mux;
    rtcp->signalled = *signalled;
}

void rtcp_serve(struct rtcp *rtcp, const struct rtcp_call *call)
{
    if (call->tick < rtcp->due_tick)
        return;
    transmit(rtcp, call, false);
    rtcp->due_tick = call->tick + interval_ticks(rtcp, INTERVAL_MS);
}

void rtcp_bye(struct rtcp *rtcp, const struct rtcp_call *call)
{
    if (call->packets || rtcp->sent)
        transmit(rtcp, call, true);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void read_blocks(const uint8_t *at, unsigned count, uint32_t ours, struct rtcp_news *out)
{
    for (; count; count--, at += BLOCK_BYTES) {
        if (get_be32(at) != ours)
            continue;
        uint32_t lost = get_be32(at + 4) & 0xffffff;
        out->reported = true;
        out->lost = (int32_t)(lost & 0x800000 ? lost | 0xff000000 : lost);
        out->highest = get_be32(at + 8);
        out->jitter = get_be32(at + 12);
        out->last_report = get_be32(at + 16);
        out->delay = get_be32(at + 20);
    }
}

/* A sender's or a receiver's report, of so many bytes. False: it is cut short. */
static bool read_report(const uint8_t *data, size_t bytes, uint32_t ours, struct rtcp_news *out)
{
    bool sender = data[1] == SENDER_REPORT;
    unsigned count = data[0] & 0x1f;
    size_t head = 8u + (sender ? SENDER_BYTES : 0u);
    if (bytes < head + (size_t)count * BLOCK_BYTES)
        return false;
    out->ssrc = get_be32(data + 4);
    if (sender) {
        out->is_sender = true;
        out->sent_ntp = get_be32(data + 10);
    }
    read_blocks(data + head, count, ours, out);
    return true;
}

bool rtcp_read(const uint8_t *data, size_t bytes, uint32_t ours, struct rtcp_news *out)
{
    *out = (struct rtcp_news){0};
    if (bytes < 8 || (data[1] != SENDER_REPORT && data[1] != RECEIVER_REPORT) || data[0] & 0x20)
        return false; /* a compound packet begins with a report, and only its end is padded */
    while (bytes) {
        if (bytes < 4 || data[0] >> 6 != 2)
            return false;
        size_t length = 4 + (size_t)get_be16(data + 2) * 4;
        if (length > bytes || (data[0] & 0x20 && length != bytes))
            return false;
        bool report = data[1] == SENDER_REPORT || data[1] == RECEIVER_REPORT;
        if (report && (length < 8 || !read_report(data, length, ours, out)))
            return false;
        if (data[1] == BYE)
            out->bye = true;
        data += length, bytes -= length;
    }
    return true;
}

/* Whether this can be the peer's. */
static bool believes(const struct rtcp *rtcp, const struct rtcp_call *call, uint32_t ssrc,
                     const union address *source)
{
    const struct reception *heard = &rtcp->reception;
    if (heard->known && heard->ssrc != ssrc)
        return false;
    if (same_host(source, call->peer) && heard->known)
        return address_port(source) != 0;
    union address expected_at = destination(rtcp, call);
    return same_address(source, &expected_at);
}

/* The time that a packet takes there and back, in 1/65536 s; 0: not known. */
static uint32_t round_trip(const struct rtcp_news *news, int64_t arrived_ns)
{
    if (!news->last_report || arrived_ns <= 0)
        return 0;
    uint32_t trip = (uint32_t)(ntp(arrived_ns) >> 16) - news->last_report - news->delay;
    return trip < LONGEST_TRIP ? trip : 0;
}

static bool note_report(const struct rtcp_call *call, const struct rtcp_news *news,
                        int64_t arrived_ns, struct plane_stats *stats)
{
    uint16_t behind = (uint16_t)(call->sequence - 1 - (uint16_t)news->highest);
    if (!news->reported || behind > FARTHEST_BEHIND)
        return false; /* of what was never sent */
    uint32_t trip = round_trip(news, arrived_ns);
    stats->reports++;
    stats->reported_lost = news->lost;
    stats->reported_highest = news->highest;
    stats->reported_behind = behind;
    stats->reported_of = call->packets > behind ? call->packets - behind : 0;
    stats->reported_jitter = news->jitter;
    if (trip)
        stats->round_trip_us = (uint32_t)((uint64_t)trip * 1000000 / 65536);
    return true;
}

bool rtcp_take(struct rtcp *rtcp, const struct rtcp_call *call, const uint8_t *data, size_t bytes,
               const union address *source, int64_t arrived_ns, struct plane_stats *stats)
{
    struct rtcp_news news;
    uint8_t plain[READ_BYTES];
    if (call->srtp) {
        if (bytes > sizeof plain)
            return false;
        memcpy(plain, data, bytes);
        if (!srtp_open_rtcp(call->srtp, call->tick, plain, &bytes, stats))
            return false;
        data = plain;
    }
    if (!rtcp_read(data, bytes, call->ssrc, &news)) {
        stats->rtcp_refused++;
        return false;
    }
    if (!believes(rtcp, call, news.ssrc, source)) {
        stats->rtcp_refused++;
        return false;
    }
    rtcp->heard_ns = arrived_ns;
    stats->rtcp_packets++;
    if (rtcp->reception.known)
        rtcp->heard = *source;
    if (news.is_sender) {
        rtcp->has_sender_report = true;
        rtcp->sender_ntp = news.sent_ntp;
        rtcp->sender_ns = arrived_ns;
    }
    return note_report(call, &news, arrived_ns, stats);
}

bool rtcp_receive(struct rtcp *rtcp, const struct rtcp_call *call, struct plane_stats *stats)
{
    bool reported = false;
    if (call->tick < rtcp->read_tick)
        return false;
    rtcp->read_tick = call->tick + READ_EVERY_TICKS;
    if (rtcp->fd < 0)
        return false;
    for (int i = 0; i < READ_AT_ONCE; i++) {
        uint8_t packet[READ_BYTES];
        _Alignas(struct cmsghdr) uint8_t stamp[ARRIVAL_BYTES];
        union address source;
        struct iovec into = {.iov_base = packet, .iov_len = sizeof packet};
        struct msghdr message = {.msg_name = &source, .msg_namelen = sizeof source,
                                 .msg_iov = &into, .msg_iovlen = 1,
                                 .msg_control = stamp, .msg_controllen = sizeof stamp};
        ssize_t got = recvmsg(rtcp->fd, &message, MSG_DONTWAIT);
        if (got < 0)
            break; /* nothing more, or about a packet of ours that found nobody */
        if (message.msg_flags & MSG_TRUNC)
            stats->rtcp_refused++;
        else
            reported |= rtcp_take(rtcp, call, packet, (size_t)got, &source,
                                  wall_ns() - waited_ns(&message), stats);
    }
    return reported;
}
