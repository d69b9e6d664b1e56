/* Calls, from opening to reaping. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <netinet/ip.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER = 98304,   /* bytes; the kernel doubles it: about 4.5 s of a normal stream */
};

static bool read_remote(const char *ip, uint16_t port, union address *out)
{
    return read_address(ip, port, out) && is_remote(out);
}

/* One that the sockets of this call reach. */
static bool read_from(const struct caller_call *call, const char *ip, uint16_t port,
                      union address *out)
{
    return read_remote(ip, port, out) && out->any.sa_family == call->family;
}

/* Expedited forwarding (RFC 3246), by either protocol: what a socket does not have, it refuses. */
static void ask_for_service(int fd)
{
    int service = IPTOS_DSCP_EF;
    setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof service);
    setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof service);
}

int plane_bind(const char *ip, uint16_t port)
{
    union address address;
    if (!read_address(ip, port, &address))
        return -EINVAL;
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int buffer = RECEIVE_BUFFER, alone = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
    ask_for_service(fd);
    if (bind(fd, &address.any, address_bytes(&address)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* What it was connected to by a plane that is dead may not be where the peer is. What waits in it stays. */
void plane_unconnect(int fd)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    connect(fd, &nobody, sizeof nobody);
}

static bool read_latching(const struct plane_latching *latching, struct latch *out)
{
    *out = (struct latch){.anybody = latching->anybody != 0};
    if (latching->count < 0 || latching->count > PLANE_LATCHES)
        return false;
    for (int i = 0; i < latching->count; i++) {
        union address address;
        if (!read_address(latching->ips[i], 0, &address))
            return false;
        out->signalling[i] = address_host(&address);
    }
    return true;
}

/* Both keys, or none. */
static bool read_keys(const struct plane_key *send, const struct plane_key *receive,
                      struct key_offer *out)
{
    if ((send && !is_key(send)) || (receive && !is_key(receive)))
        return false;
    *out = (struct key_offer){.sends = send != NULL, .receives = receive != NULL};
    if (send)
        out->send = *send;
    if (receive)
        out->receive = *receive;
    return true;
}

int plane_open(plane *p, const struct plane_call *how, uint64_t *handle)
{
    struct command command = {.kind = OPEN};
    if (how->fd < 0 || !is_format(&how->format) || !how->send_key != !how->receive_key ||
        !read_latching(&how->latching, &command.open.latch) ||
        !read_keys(how->send_key, how->receive_key, &command.open.offer) ||
        !read_remote(how->remote_ip, how->remote_port, &command.open.remote))
        return -EINVAL;
    uint32_t index = places_take(&p->call_places);
    if (index == NO_PLACE)
        return -EUSERS;
    command.call = places_handle(&p->call_places, index);
    command.open.format = how->format;
    command.open.ssrc = how->ssrc;
    command.open.timestamp = how->timestamp;
    command.open.sequence = how->sequence;
    command.open.heard_wraps = how->heard_wraps;
    memcpy(command.open.press, how->press, sizeof command.open.press);
    int result = submit(p, &command, (struct enclosure){how->fd, true});
    OPENSSL_cleanse(&command.open.offer, sizeof command.open.offer);
    if (result < 0) {
        places_give_back(&p->call_places, index);
        return result;
    }
    p->calls[index] = (struct caller_call){
        .family = command.open.remote.any.sa_family,
        .is_protected = how->send_key != NULL,
    };
    *handle = command.call;
    return result;
}

int plane_remote(plane *p, uint64_t handle, const char *ip, uint16_t port)
{
    struct command command = {.kind = REMOTE, .call = handle};
    uint32_t index = find_open(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    bool reached = read_from(&p->calls[index], ip, port, &command.remote);
    return reached ? submit(p, &command, nothing()) : -EINVAL;
}

int plane_latch(plane *p, uint64_t handle, const struct plane_latching *latching)
{
    struct command command = {.kind = LATCH, .call = handle};
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return read_latching(latching, &command.latch) ? submit(p, &command, nothing()) : -EINVAL;
}

int plane_agree(plane *p, uint64_t handle, const struct plane_format *format)
{
    struct command command = {.kind = AGREE, .call = handle, .format = *format};
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return is_format(format) ? submit(p, &command, nothing()) : -EINVAL;
}

int plane_protect(plane *p, uint64_t handle, const struct plane_key *send,
                  const struct plane_key *receive, int later)
{
    struct command command = {.kind = PROTECT, .call = handle};
    uint32_t index = find_open(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    struct caller_call *call = &p->calls[index];
    if ((!call->is_protected && (!send || !receive)) ||
        !read_keys(send, receive, &command.protect.offer))
        return -EINVAL;
    command.protect.keys.later = later != 0;
    int result = submit(p, &command, nothing());
    OPENSSL_cleanse(&command.protect.offer, sizeof command.protect.offer);
    if (result >= 0)
        call->is_protected = true;
    return result;
}

int plane_read_progress(plane *p, uint64_t handle, struct plane_progress *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    read_progress(&p->link.signs[index], out);
    return 0;
}

int plane_read_signs(plane *p, uint64_t handle, struct plane_signs *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    read_signs(&p->link.signs[index], out);
    return 0;
}

int plane_read_stats(plane *p, uint64_t handle, struct plane_stats *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    read_figures(&p->link.signs[index], out);
    return 0;
}

int plane_report(plane *p, uint64_t handle, const struct plane_rtcp *how)
{
    struct command command = {.kind = REPORT, .call = handle};
    uint32_t index = find_open(p, handle);
    bool socket = how->fd > 0;
    if (index == NO_PLACE)
        return -ENOENT;
    struct caller_call *call = &p->calls[index];
    if ((socket && call->has_rtcp) ||
        (how->remote_ip &&
         !read_from(call, how->remote_ip, how->remote_port, &command.report.remote)))
        return -EINVAL;
    command.report.mux = how->mux != 0;
    memcpy(command.report.cname, how->cname, sizeof how->cname);
    int result = submit(p, &command, socket ? (struct enclosure){how->fd, true} : nothing());
    if (result >= 0 && socket)
        call->has_rtcp = true;
    return result;
}

int plane_close(plane *p, uint64_t handle)
{
    int result = submit_plain(p, handle, CLOSE);
    if (result >= 0)
        p->calls[handle_index(handle)].closing = true;
    return result;
}

int plane_reap(plane *p, uint64_t handle, struct plane_stats *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE || !p->calls[index].closed)
        return -ENOENT;
    read_figures(&p->link.signs[index], out);
    places_give_back(&p->call_places, index);
    return 0;
}
