/* From a packet to the kernel.
 *
 * Each call has a socket of its own, so that no call of the kernel's old ones sends for two of them. While a slot is
 * served packets are gathered, and leave by io_uring with one system call for up to 32; where there is none each
 * leaves by itself, as does whoever is recorded: what is heard of him is what was sent, and no more. Nobody is
 * overtaken by a packet of his own.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <string.h>

enum { FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

/* Did a packet find nobody at the peer's port? It is told of with whatever is asked of the socket next. */
bool was_refused(struct call *call, ssize_t result)
{
    bool refused = result < 0 && errno == ECONNREFUSED;
    call->rx.refused |= refused;
    return refused;
}

static void note_departure(struct departure *one, bool sent)
{
    struct plane_stats *stats = &one->call->stats;
    one->left = true;
    stats->send_errors += !sent;
    stats->sent_packets += sent;
    stats->sent_bytes += sent ? one->bytes : 0;
    stats->silent_packets += sent && one->silent;
}

static bool depart(struct departure *one)
{
    struct call *call = one->call;
    ssize_t sent = sendmsg(call->fd, &one->message, FLAGS);
    if (was_refused(call, sent)) /* an earlier packet; this one was not tried */
        sent = sendmsg(call->fd, &one->message, FLAGS);
    note_departure(one, sent >= 0);
    return sent >= 0;
}

static void address(struct departure *one)
{
    struct call *call = one->call;
    one->message.msg_name = call->connected ? NULL : &call->peer;
    one->message.msg_namelen = call->connected ? 0 : address_bytes(&call->peer);
}

/* The two parts become one, which is encrypted. */
static bool seal(struct departure *one, const struct outgoing *packet)
{
    size_t bytes = one->bytes;
    if (!packet->payload || packet->bytes > RTP_MAX_BYTES)
        return false;
    memcpy(one->packet + RTP_HEADER_BYTES, packet->payload, packet->bytes);
    if (!srtp_seal(&one->call->srtp, one->packet, RTP_HEADER_BYTES, &bytes))
        return false;
    one->parts[0].iov_len = bytes;
    one->message.msg_iovlen = 1;
    return true;
}

/* The payload goes to the kernel from where it lies: no copy, and a prompt file that was cut short
 * behind our back is an EFAULT here where touching it would be a SIGBUS. What is encrypted, recorded or
 * packed is what next_frame() read before. */
static bool prepare(struct departure *one, uint8_t *header, struct call *call, const struct outgoing *packet)
{
    bool renamed = call->audio_type && packet->payload_type == call->payload_type;
    uint8_t type = renamed ? call->audio_type : packet->payload_type;
    one->packet = header;
    header[0] = 0x80;
    header[1] = (uint8_t)(type | (packet->marker ? 0x80 : 0));
    put_be16(header + 2, packet->sequence);
    put_be32(header + 4, packet->timestamp);
    put_be32(header + 8, call->ssrc);
    one->call = call;
    one->bytes = RTP_HEADER_BYTES + packet->bytes;
    one->silent = packet->silent;
    one->left = false;
    one->parts[0] = (struct iovec){.iov_base = header, .iov_len = RTP_HEADER_BYTES};
    one->parts[1] = (struct iovec){.iov_base = (void *)(uintptr_t)packet->payload, .iov_len = packet->bytes};
    one->message = (struct msghdr){.msg_iov = one->parts, .msg_iovlen = 2};
    address(one);
    return !call->srtp.on || seal(one, packet);
}

/* ---- Alone --------------------------------------------------------------------------------- */

static bool send_alone(struct call *call, const struct outgoing *packet)
{
    struct departure one;
    uint8_t bytes[RTP_HEADER_BYTES + RTP_MAX_BYTES + SRTP_TRAILER_BYTES];
    if (prepare(&one, bytes, call, packet))
        return depart(&one);
    note_departure(&one, false);
    return false;
}

/* ---- Together ------------------------------------------------------------------------------ */

/* What the kernel says of one. Where nobody was at the peer's port, or the socket was not connected any more, it was not
 * tried. */
static void take_result(void *batch, uint32_t number, int result)
{
    struct departure *one = &((struct batch *)batch)->departures[number];
    if (result >= 0) {
        note_departure(one, true);
        return;
    }
    errno = -result;
    if (was_refused(one->call, -1) || result == -EDESTADDRREQ) {
        address(one);
        depart(one);
    } else {
        note_departure(one, false);
    }
}

static void leave_together(struct batch *batch)
{
    uint32_t count = batch->count;
    batch->count = 0;
    if (!count || uring_send(&batch->ring, count, take_result, batch))
        return;
    uring_close(&batch->ring);
    for (uint32_t i = 0; i < count; i++)
        if (!batch->departures[i].left)
            depart(&batch->departures[i]);
}

void begin_batch(struct media *p)
{
    p->batch->open = p->batch->ring.fd >= 0;
}

void end_batch(struct media *p)
{
    leave_together(p->batch);
    p->batch->open = false;
}

static bool gather(struct batch *batch, struct call *call, const struct outgoing *packet)
{
    uint32_t number = batch->count;
    struct departure *one = &batch->departures[number];
    if (!prepare(one, batch->packets[number], call, packet)) {
        note_departure(one, false);
        return false;
    }
    if (!packet->stays && one->message.msg_iovlen == 2) {
        memcpy(one->packet + RTP_HEADER_BYTES, packet->payload, packet->bytes);
        one->parts[0].iov_len = one->bytes;
        one->message.msg_iovlen = 1;
    }
    uring_put(&batch->ring, number, call->fd, &one->message, FLAGS);
    if (++batch->count == BATCH_PACKETS)
        leave_together(batch);
    return true;
}

bool send_packet(struct call *call, const struct outgoing *packet)
{
    struct batch *batch = call->media ? call->media->batch : NULL;
    if (!batch || !batch->open)
        return send_alone(call, packet);
    if (!call->recorder.count && packet->bytes <= BATCH_PAYLOAD_BYTES && batch->ring.fd >= 0)
        return gather(batch, call, packet);
    leave_together(batch); /* what was gathered of this call comes before */
    return send_alone(call, packet);
}
