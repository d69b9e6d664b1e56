/* The caller's side: calls, from opening to reaping. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <netinet/ip.h>
#include <string.h>

enum {
    RECEIVE_BUFFER = 32768,   /* bytes; the kernel doubles it: about 1.5 s of a normal stream */
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

static bool read_latching(const struct plane_latching *latching, struct latch *out)
{
    *out = (struct latch){.anybody = latching->anybody};
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

int plane_open(plane *p, const struct plane_call *how, uint64_t *handle)
{
    struct places *places = &p->caller.call_places;
    struct command command = {.kind = OPEN};
    if (how->fd < 0 || !is_format(&how->format) ||
        !read_latching(&how->latching, &command.open.latch) ||
        !read_remote(how->remote_ip, how->remote_port, &command.open.remote))
        return -EINVAL;
    uint32_t index = places_take(places);
    if (index == NO_PLACE)
        return -EUSERS;
    command.call = places_handle(places, index);
    command.open.fd = how->fd;
    command.open.format = how->format;
    command.open.ssrc = how->ssrc;
    command.open.timestamp = how->timestamp;
    command.open.sequence = how->sequence;
    int keyed = take_keys(p, how->send_key, how->receive_key, &command.open.keys);
    if (keyed < 0 || !command.open.keys.send != !command.open.keys.receive) {
        free_keys(p, &command.open.keys);
        places_give_back(places, index);
        return keyed < 0 ? keyed : -EINVAL;
    }
    atomic_store(&p->signs[index].heard_ns, 0);
    atomic_store(&p->signs[index].received_ns, 0);
    for (size_t i = 0; i < FIGURES; i++)
        atomic_store_explicit(&p->signs[index].figures[i], 0, memory_order_relaxed);
    int result = submit(p, &command);
    if (result < 0) {
        free_keys(p, &command.open.keys);
        places_give_back(places, index);
        return result;
    }
    p->caller.calls[index] = (struct caller_call){
        .fd = how->fd,
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
    bool reached = read_from(&p->caller.calls[index], ip, port, &command.remote);
    return reached ? submit(p, &command) : -EINVAL;
}

int plane_latch(plane *p, uint64_t handle, const struct plane_latching *latching)
{
    struct command command = {.kind = LATCH, .call = handle};
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return read_latching(latching, &command.latch) ? submit(p, &command) : -EINVAL;
}

int plane_agree(plane *p, uint64_t handle, const struct plane_format *format)
{
    struct command command = {.kind = AGREE, .call = handle, .format = *format};
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return is_format(format) ? submit(p, &command) : -EINVAL;
}

int plane_protect(plane *p, uint64_t handle, const struct plane_key *send,
                  const struct plane_key *receive, int later)
{
    struct command command = {.kind = PROTECT, .call = handle};
    uint32_t index = find_open(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    struct caller_call *call = &p->caller.calls[index];
    if (!call->is_protected && (!send || !receive))
        return -EINVAL;
    int result = take_keys(p, send, receive, &command.keys);
    command.keys.later = later != 0;
    if (result >= 0)
        result = submit(p, &command);
    if (result < 0)
        free_keys(p, &command.keys);
    else
        call->is_protected = true;
    return result;
}

int plane_read_signs(plane *p, uint64_t handle, struct plane_signs *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    const struct signs *signs = &p->signs[index];
    out->heard_ns = atomic_load_explicit(&signs->heard_ns, memory_order_relaxed);
    out->received_ns = atomic_load_explicit(&signs->received_ns, memory_order_relaxed);
    return 0;
}

int plane_read_stats(plane *p, uint64_t handle, struct plane_stats *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    uint64_t figures[FIGURES];
    for (size_t i = 0; i < FIGURES; i++)
        figures[i] = atomic_load_explicit(&p->signs[index].figures[i], memory_order_relaxed);
    memcpy(out, figures, sizeof figures);
    return 0;
}

/* The kernel notes when what arrives at this socket arrived. */
static void stamp_arrivals(int fd)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

int plane_report(plane *p, uint64_t handle, const struct plane_rtcp *how)
{
    struct command command = {.kind = REPORT, .call = handle};
    uint32_t index = find_open(p, handle);
    bool socket = how->fd > 0;
    if (index == NO_PLACE)
        return -ENOENT;
    struct caller_call *call = &p->caller.calls[index];
    if ((socket && call->rtcp_fd) ||
        (how->remote_ip &&
         !read_from(call, how->remote_ip, how->remote_port, &command.report.remote)))
        return -EINVAL;
    command.report.fd = socket ? how->fd : -1;
    command.report.mux = how->mux != 0;
    memcpy(command.report.cname, how->cname, sizeof how->cname);
    stamp_arrivals(call->fd); /* for the jitter */
    if (socket)
        stamp_arrivals(how->fd);
    int result = submit(p, &command);
    if (result >= 0 && socket)
        call->rtcp_fd = how->fd;
    return result;
}

int plane_close(plane *p, uint64_t handle)
{
    int result = submit_plain(p, handle, CLOSE);
    if (result >= 0)
        p->caller.calls[handle_index(handle)].closing = true;
    return result;
}

int plane_reap(plane *p, uint64_t handle, struct plane_stats *out)
{
    uint32_t index = find(p, handle);
    if (index == NO_PLACE || !p->caller.calls[index].closed)
        return -ENOENT;
    *out = p->calls[index].stats;
    close_sockets(&p->caller.calls[index]);
    places_give_back(&p->caller.call_places, index);
    return 0;
}
