/* Packets that leave together: they are gathered while a slot is served, and given to the kernel at once. */
#ifndef ONHOOK_BATCH_H
#define ONHOOK_BATCH_H

#include "plane.h"

#include "rtp.h"
#include "srtp.h"
#include "uring.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct call;
struct media;

/* A packet that leaves. */
struct outgoing {
    uint8_t payload_type;
    bool marker;
    uint16_t sequence;
    uint32_t timestamp;
    const uint8_t *payload;
    size_t bytes;
    bool stays;  /* the payload, where it is, until the tick is over */
    bool silent; /* it is silence that nobody asked for */
};

enum {
    BATCH_PACKETS = 32, /* more do not stay in the first cache until the kernel reads them */
    BATCH_PAYLOAD_BYTES = 3 * PLANE_FRAME_BYTES, /* that is copied; whoever sends more leaves by himself */
};

/* One of them. */
struct departure {
    struct call *call;
    size_t bytes; /* of RTP: as in plane_stats */
    bool silent;
    bool left;    /* the kernel has said what became of it */
    struct msghdr message;
    struct iovec parts[2];
    uint8_t *packet; /* its header, and room for a payload */
};

struct batch {
    struct uring ring;
    bool open;
    uint32_t count;
    struct departure departures[BATCH_PACKETS];
    uint8_t packets[BATCH_PACKETS][RTP_HEADER_BYTES + BATCH_PAYLOAD_BYTES + SRTP_TRAILER_BYTES];
};

/* From the first to the second, packets are gathered. */
void begin_batch(struct media *p);
void end_batch(struct media *p);

/* Did a packet find nobody at the peer's port? It is told of with whatever is asked of the socket next. */
bool was_refused(struct call *call, ssize_t result);

/* Counts what becomes of it. False: it did not leave. */
bool send_packet(struct call *call, const struct outgoing *packet);

#endif
