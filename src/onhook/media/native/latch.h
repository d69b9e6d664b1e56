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

#include "address.h"

#include <stdbool.h>

enum { LATCH_MOVED_TICKS = 1000 }; /* the silence of the old address: 1 s */

struct latch {
    struct in6_addr signalling[PLANE_LATCHES]; /* address_host(); zeros: none */
    uint8_t anybody; /* not bool: any byte may stand here */
};

/* May the peer's first packet come from here? */
static inline bool latch_admits(const struct latch *latch, const union address *signalled,
                                const union address *source)
{
    if (address_port(source) == 0)
        return false;
    if (latch->anybody || same_host(source, signalled))
        return true;
    for (int i = 0; i < PLANE_LATCHES; i++)
        if (is_host(source, &latch->signalling[i]))
            return !IN6_IS_ADDR_UNSPECIFIED(&latch->signalling[i]);
    return false;
}

#endif
