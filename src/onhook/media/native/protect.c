/* The keys of calls (srtp.c): made by the clerk, used by the media thread, and wiped and freed by the clerk when
 * the thread is done with them. */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

/* One that was never used. */
static struct srtp_key *find_key(struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= key_count(&p->host->config))
        return NULL;
    struct srtp_key *key = &p->host->keys[index];
    return key->handle == handle && !key->used ? key : NULL;
}

static void release_key_of(struct media *p, struct srtp_key **key)
{
    if (*key)
        let_go(p, &(*key)->gone, GONE_KEY);
    *key = NULL;
}

static void send_with(struct media *p, struct srtp *srtp, struct srtp_key *key)
{
    release_key_of(p, &srtp->send);
    srtp->send = key;
}

static void take_next_send(struct media *p, struct srtp *srtp, struct srtp_key *key, bool later)
{
    if (srtp->next_send) { /* it was promised, and may have been read */
        send_with(p, srtp, srtp->next_send);
        srtp->next_send = NULL;
    }
    if (!later || !srtp->send) {
        send_with(p, srtp, key);
        return;
    }
    srtp->next_send = key;
    srtp->next_send_tick = p->tick + SRTP_PATIENCE_TICKS;
}

bool protect(struct media *p, struct call *call, const struct key_handles *asked)
{
    struct srtp *srtp = &call->srtp;
    struct srtp_key *send = find_key(p, asked->send), *receive = find_key(p, asked->receive);
    if ((asked->send && !send) || (asked->receive && !receive) || (send && send == receive) ||
        (!srtp->on && (!send || !receive)))
        return false;
    if (receive) {
        receive->used = true;
        release_key_of(p, &srtp->old_receive);
        srtp->old_receive = srtp->receive;
        srtp->old_receive_tick = 0;
        srtp->receive = receive;
    }
    if (send) {
        send->used = true;
        take_next_send(p, srtp, send, asked->later);
    }
    srtp->on = true;
    return true;
}

void use_next_key(struct media *p, struct call *call)
{
    struct srtp *srtp = &call->srtp;
    if (srtp->next_send && p->tick >= srtp->next_send_tick) {
        send_with(p, srtp, srtp->next_send);
        srtp->next_send = NULL;
    }
    if (srtp->old_receive && srtp->old_receive_tick && p->tick >= srtp->old_receive_tick)
        release_key_of(p, &srtp->old_receive);
}

void count_refused(struct media *p, struct call *call)
{
    uint64_t unauthentic = call->stats.unauthentic - call->told_unauthentic;
    uint64_t replayed = call->stats.replayed - call->told_replayed;
    if (!(unauthentic | replayed))
        return;
    atomic_fetch_add_explicit(&p->host->link.header->health.unauthentic, unauthentic, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->host->link.header->health.replayed, replayed, memory_order_relaxed);
    call->told_unauthentic += unauthentic;
    call->told_replayed += replayed;
}

void release_keys(struct media *p, struct call *call)
{
    release_key_of(p, &call->srtp.send);
    release_key_of(p, &call->srtp.next_send);
    release_key_of(p, &call->srtp.receive);
    release_key_of(p, &call->srtp.old_receive);
}

/* ---- What is encrypted or recorded is read first ------------------------------------------------------ */

/* By way of the kernel: a prompt file that was cut short is an error of pwrite(), and would be a SIGBUS to us. */
static void read_ahead(struct media *p, struct call *call, const struct segment *segment)
{
    struct ahead *ahead = &call->ahead;
    uint32_t count = segment->count - segment->sent;
    if (count > AHEAD_FRAMES)
        count = AHEAD_FRAMES;
    ahead->segment = segment;
    ahead->play_id = segment->play_id;
    ahead->law = law_of(call->payload_type);
    ahead->first = segment->sent;
    const uint8_t *from = segment->frames[ahead->law] + (size_t)segment->sent * PLANE_FRAME_BYTES;
    ssize_t copied = pwrite(p->ahead_fd, from, (size_t)count * PLANE_FRAME_BYTES, 0);
    ahead->count = copied > 0 ? (uint32_t)(copied / PLANE_FRAME_BYTES) : 0;
    memcpy(ahead->frames, p->ahead, (size_t)ahead->count * PLANE_FRAME_BYTES);
}

static bool is_ahead(const struct call *call, const struct segment *segment)
{
    const struct ahead *ahead = &call->ahead;
    return segment->sent > ahead->first && segment->sent - ahead->first < ahead->count &&
           ahead->segment == segment && ahead->play_id == segment->play_id &&
           ahead->law == law_of(call->payload_type);
}

const uint8_t *next_frame(struct media *p, struct call *call, const struct segment *segment)
{
    struct ahead *ahead = &call->ahead;
    if (!is_ahead(call, segment))
        read_ahead(p, call, segment);
    return ahead->count ? ahead->frames[segment->sent - ahead->first] : NULL;
}
