/* Packets of another length than a frame's (a=ptime of RFC 8866): packing.c. */
#ifndef ONHOOK_PACKING_H
#define ONHOOK_PACKING_H

#include "batch.h"
#include "call.h"

static inline bool is_packed(const struct call *call)
{
    return call->packing.samples != 0;
}

/* How much a packet of audio has that it is sent. */
static inline int packet_samples(const struct call *call)
{
    return is_packed(call) ? call->packing.samples : PLANE_FRAME_BYTES;
}

/* How long packets are from now on; what is held has to be sent before anything else is agreed. */
void pack_into(struct call *call, uint8_t packet_ms);

/* Audio at its place on the line, to be numbered here. False: it does not leave. */
bool pack(struct call *call, const struct outgoing *audio, bool audible);

/* What is held leaves as it is. */
void send_packed(struct call *call);

/* By how much a frame leaves later than one that is a packet, at the most. */
int64_t packing_delay_ns(const struct call *call);

#endif
