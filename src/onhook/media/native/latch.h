/* Whose packets are the peer's: where its first one may come from, and where it may move to.
 *
 * Anybody can send to a port. Whoever is taken for the peer is sent the call's audio, and its keys
 * count, so the first packet is believed from these addresses only: that of the SDP, and those that the
 * signalling names, as the SDP of a phone behind a NAT gives an address of its own network. The port is free,
 * since a NAT gives out another one. A peer whose audio comes from elsewhere needs a wider latch.
 *
 * A NAT may give the phone another address in the middle of a call. Its packets are then known by
 * their source (SSRC), which is random and which no stranger knows, once the old address is silent.
 */
#ifndef ONHOOK_LATCH_H
#define ONHOOK_LATCH_H

#include "plane.h"

#include <netinet/in.h>
#include <stdbool.h>

enum { LATCH_MOVED_TICKS = 1000 }; /* the silence of the old address: 1 s */

struct latch {
    struct in_addr signalling[PLANE_LATCHES]; /* INADDR_ANY: none */
    bool anybody;
};

static inline bool same_address(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* May the peer's first packet come from here? */
static inline bool latch_admits(const struct latch *latch, const struct sockaddr_in *signalled,
                                const struct sockaddr_in *source)
{
    if (source->sin_port == 0)
        return false;
    if (latch->anybody || source->sin_addr.s_addr == signalled->sin_addr.s_addr)
        return true;
    for (int i = 0; i < PLANE_LATCHES; i++)
        if (source->sin_addr.s_addr == latch->signalling[i].s_addr)
            return source->sin_addr.s_addr != INADDR_ANY;
    return false;
}

#endif
