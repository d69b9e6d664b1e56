/* The keys of calls (srtp.c): made by the caller, used by the media thread, and wiped and freed by the caller when
 * the thread says by their handles that it is done with them. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <string.h>

/* ---- The caller's side ------------------------------------------------------------------- */

static int take_key(struct plane *p, const struct plane_key *key, uint64_t *handle)
{
    struct places *places = &p->caller.key_places;
    if (!key)
        return 0;
    take_releases(p);
    uint32_t index = places_take(places);
    if (index == NO_PLACE)
        return -ENOBUFS;
    int result = srtp_make_key(&p->keys[index], places_handle(places, index), key);
    if (result < 0)
        places_give_back(places, index);
    else
        *handle = places_handle(places, index);
    return result;
}

static void free_key(struct plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->caller.key_places, handle);
    if (!handle || index == NO_PLACE)
        return;
    srtp_free_key(&p->keys[index]);
    places_give_back(&p->caller.key_places, index);
}

void free_keys(struct plane *p, const struct key_handles *made)
{
    free_key(p, made->send);
    free_key(p, made->receive);
}

int take_keys(struct plane *p, const struct plane_key *send, const struct plane_key *receive,
              struct key_handles *out)
{
    *out = (struct key_handles){0};
    int result = take_key(p, send, &out->send);
    if (result >= 0)
        result = take_key(p, receive, &out->receive);
    return result;
}

void take_releases(struct plane *p)
{
    while (ring_length(&p->releases)) {
        uint64_t handle = p->released[ring_take_at(&p->releases)];
        ring_taken(&p->releases);
        free_key(p, handle);
    }
}

void free_all_keys(struct plane *p)
{
    const struct places *places = &p->caller.key_places;
    if (!places->all || !p->keys)
        return;
    for (uint32_t i = 0; i < places->fresh; i++)
        if (places->all[i].taken)
            srtp_free_key(&p->keys[i]);
}

/* ---- The media thread's ------------------------------------------------------------------ */

/* One that was never used. */
static struct srtp_key *find_key(struct plane *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= key_count(&p->config))
        return NULL;
    struct srtp_key *key = &p->keys[index];
    return key->handle == handle && !key->used ? key : NULL;
}

/* The ring has room for every key that there is. */
static void release_key_of(struct plane *p, struct srtp_key **key)
{
    if (!*key)
        return;
    p->released[ring_put_at(&p->releases)] = (*key)->handle;
    ring_put(&p->releases);
    p->reported = true;
    *key = NULL;
}

static void send_with(struct plane *p, struct srtp *srtp, struct srtp_key *key)
{
    release_key_of(p, &srtp->send);
    srtp->send = key;
}

static void take_next_send(struct plane *p, struct srtp *srtp, struct srtp_key *key, bool later)
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

bool protect(struct plane *p, struct call *call, const struct key_handles *asked)
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

void use_next_key(struct plane *p, struct call *call)
{
    struct srtp *srtp = &call->srtp;
    if (srtp->next_send && p->tick >= srtp->next_send_tick) {
        send_with(p, srtp, srtp->next_send);
        srtp->next_send = NULL;
    }
    if (srtp->old_receive && srtp->old_receive_tick && p->tick >= srtp->old_receive_tick)
        release_key_of(p, &srtp->old_receive);
}

void count_refused(struct plane *p, struct call *call)
{
    uint64_t unauthentic = call->stats.unauthentic - call->told_unauthentic;
    uint64_t replayed = call->stats.replayed - call->told_replayed;
    if (!(unauthentic | replayed))
        return;
    atomic_fetch_add_explicit(&p->unauthentic, unauthentic, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->replayed, replayed, memory_order_relaxed);
    call->told_unauthentic += unauthentic;
    call->told_replayed += replayed;
}

void release_keys(struct plane *p, struct call *call)
{
    release_key_of(p, &call->srtp.send);
    release_key_of(p, &call->srtp.next_send);
    release_key_of(p, &call->srtp.receive);
    release_key_of(p, &call->srtp.old_receive);
}

/* ---- What is encrypted or recorded is read first ------------------------------------------------------ */

/* By way of the kernel: a prompt file that was cut short is an error of pwrite(), and would be a SIGBUS to us. */
static void read_ahead(struct plane *p, struct call *call, const struct segment *segment)
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

const uint8_t *next_frame(struct plane *p, struct call *call, const struct segment *segment)
{
    struct ahead *ahead = &call->ahead;
    if (!is_ahead(call, segment))
        read_ahead(p, call, segment);
    return ahead->count ? ahead->frames[segment->sent - ahead->first] : NULL;
}
