/* Packets of another length than a frame's (a=ptime of RFC 8866).
 *
 * What is to be sent comes in frames, or in packets of the other side of a bridge, each at its place on the line
 * of timestamps. It is put together here, and a packet leaves as soon as its last sample is there: one of 40 or 60 ms
 * every second or third round, one of 30 ms after two rounds and after one in turn, and two of 10 ms at once.
 * What does not follow on from what is held sends that first, shorter than others. Packets are numbered as they
 * leave: of a bridge the far end sees the sender's gaps in timestamps alone, and what comes too late for its place is
 * left out.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

void pack_into(struct call *call, uint8_t packet_ms)
{
    uint16_t samples = (uint16_t)(packet_ms * SAMPLES_PER_TICK);
    if (samples == PLANE_FRAME_BYTES)
        samples = 0;
    if (samples != call->packing.samples)
        call->relay.anchored = false; /* numbers are another's from now on */
    call->packing.samples = samples;
}

void send_packed(struct call *call)
{
    struct packing *packing = &call->packing;
    if (!packing->held)
        return;
    send_packet(call, &(struct outgoing){
        .payload_type = call->payload_type,
        .marker = packing->marker,
        .sequence = call->sequence++,
        .timestamp = packing->timestamp,
        .payload = packing->payload,
        .bytes = packing->held,
        .silent = !packing->audible,
    });
    packing->held = 0;
}

/* As much of some audio as has room, from `taken` on; returns how much that is. */
static size_t hold(struct packing *packing, const struct outgoing *audio, size_t taken)
{
    if (!packing->held) {
        packing->timestamp = audio->timestamp + (uint32_t)taken;
        packing->marker = audio->marker && !taken;
        packing->audible = false;
    }
    size_t count = audio->bytes - taken, room = (size_t)(packing->samples - packing->held);
    if (count > room)
        count = room;
    memcpy(packing->payload + packing->held, audio->payload + taken, count);
    packing->held = (uint16_t)(packing->held + count);
    return count;
}

bool pack(struct call *call, const struct outgoing *audio, bool audible)
{
    struct packing *packing = &call->packing;
    if (!audio->payload) { /* a prompt file was cut short */
        call->stats.send_errors++;
        return false;
    }
    if (call->spoken && (int32_t)(audio->timestamp - call->sent_end) < 0)
        return false;
    if (audio->timestamp != packing->timestamp + packing->held)
        send_packed(call);
    for (size_t taken = 0; taken < audio->bytes;) {
        taken += hold(packing, audio, taken);
        packing->audible |= audible;
        if (packing->held == packing->samples)
            send_packed(call);
    }
    return true;
}

int64_t packing_delay_ns(const struct call *call)
{
    int rounds = (packet_samples(call) + PLANE_FRAME_BYTES - 1) / PLANE_FRAME_BYTES;
    return (int64_t)(rounds - 1) * SLOTS * TICK_NS;
}
