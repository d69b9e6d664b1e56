/* Where packets come from and go to: a host, by IPv4 or IPv6, and a port.
 *
 * A socket is of one of the two, so that connect() keeps strangers out: one for both loses what comes by
 * IPv6 once it was connected to an IPv4 host and let go again (seen with Linux 6.18). Hosts are compared in
 * one form, that of IPv6, to which those of IPv4 are mapped (RFC 4291 section 2.5.5.2).
 */
#ifndef ONHOOK_ADDRESS_H
#define ONHOOK_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* All zeros: none. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t address_bytes(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* In the byte order of the network. */
static inline in_port_t address_port(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port;
}

static inline void set_address_port(union address *address, in_port_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = port;
    else
        address->v4.sin_port = port;
}

/* The host; that of IPv4 mapped. */
static inline struct in6_addr address_host(const union address *address)
{
    if (address->any.sa_family == AF_INET6)
        return address->v6.sin6_addr;
    struct in6_addr host = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(host.s6_addr + 12, &address->v4.sin_addr, sizeof address->v4.sin_addr);
    return host;
}

static inline bool is_host(const union address *address, const struct in6_addr *host)
{
    struct in6_addr own = address_host(address);
    return memcmp(&own, host, sizeof own) == 0;
}

static inline bool same_host(const union address *a, const union address *b)
{
    struct in6_addr host = address_host(b);
    return is_host(a, &host);
}

static inline bool same_address(const union address *a, const union address *b)
{
    return address_port(a) == address_port(b) && same_host(a, b);
}

/* An address in digits, without a zone. False: it is none. */
static inline bool read_address(const char *ip, uint16_t port, union address *out)
{
    *out = (union address){.v6 = {0}};
    if (!ip)
        return false;
    out->any.sa_family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    set_address_port(out, htons(port));
    void *host = out->any.sa_family == AF_INET6 ? (void *)&out->v6.sin6_addr
                                                : (void *)&out->v4.sin_addr;
    return inet_pton(out->any.sa_family, ip, host) == 1;
}

/* A single host that can be sent to: not "this network", not multicast, not broadcast, and of IPv6 not a
 * link-local one, which means nothing without the name of an interface. */
static inline bool is_unicast(const union address *address)
{
    struct in6_addr host = address_host(address);
    if (IN6_IS_ADDR_V4MAPPED(&host))
        return host.s6_addr[12] != 0 && host.s6_addr[12] < 224;
    return !IN6_IS_ADDR_UNSPECIFIED(&host) && !IN6_IS_ADDR_MULTICAST(&host) &&
           !IN6_IS_ADDR_LINKLOCAL(&host);
}

#endif
