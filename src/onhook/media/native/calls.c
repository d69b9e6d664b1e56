/* The caller's side: calls, from opening to reaping. */
#define _GNU_SOURCE
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <string.h>

enum {
    RECEIVE_BUFFER = 32768,   /* bytes; the kernel doubles it: about 1.5 s of a normal stream */
};

static bool read_address(const char *ip, uint16_t port, struct sockaddr_in *out)
{
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    return ip && inet_pton(AF_INET, ip, &out->sin_addr) == 1;
}

/* Somewhere that RTP may be sent: not "this network", not multicast, not broadcast. */
static bool read_remote(const char *ip, uint16_t port, struct sockaddr_in *out)
{
    if (!port || !read_address(ip, port, out))
        return false;
    uint32_t first = ntohl(out->sin_addr.s_addr) >> 24;
    return first != 0 && first < 224;
}

int plane_bind(const char *ip, uint16_t port)
{
    struct sockaddr_in address;
    if (!read_address(ip, port, &address))
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int buffer = RECEIVE_BUFFER, service = IPTOS_DSCP_EF; /* expedited forwarding (RFC 3246) */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof service);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static void set_up(struct call *call, const struct plane_call *how,
                   const struct sockaddr_in *remote)
{
    *call = (struct call){
        .generation = call->generation,
        .in_use = true,
        .fd = how->fd,
        .signalled = *remote,
        .peer = *remote,
        .ssrc = how->ssrc,
        .timestamp = how->timestamp,
        .sequence = how->sequence,
    };
    agree(call, &how->format);
}

static bool is_type(int payload_type)
{
    return payload_type >= PLANE_NO_EVENTS && payload_type <= 127;
}

static bool is_format(const struct plane_format *format)
{
    return format->payload_type <= 127 && format->audio_type <= 127 &&
           is_type(format->event_payload_type) &&
           is_type(format->event_from_peer);
}

static bool read_latching(const struct plane_latching *latching, struct latch *out)
{
    *out = (struct latch){.anybody = latching->anybody};
    if (latching->count < 0 || latching->count > PLANE_LATCHES)
        return false;
    for (int i = 0; i < latching->count; i++)
        if (inet_pton(AF_INET, latching->ips[i], &out->signalling[i]) != 1)
            return false;
    return true;
}

int plane_open(plane *p, const struct plane_call *how, uint64_t *handle)
{
    struct sockaddr_in remote;
    struct latch latch;
    struct call *call = p->free_calls;
    if (how->fd < 0 || !is_format(&how->format) || !read_latching(&how->latching, &latch) ||
        !read_remote(how->remote_ip, how->remote_port, &remote))
        return -EINVAL;
    if (!call)
        return -EUSERS;
    struct call *next_free = call->next_free;
    set_up(call, how, &remote);
    call->latch = latch;
    int result = submit(p, (struct command){.kind = OPEN, .call = call});
    if (result < 0) {
        call->in_use = false;
        call->next_free = next_free;
        return result;
    }
    p->free_calls = next_free;
    *handle = handle_of(p, call);
    return result;
}

int plane_remote(plane *p, uint64_t handle, const char *ip, uint16_t port)
{
    struct command command = {.kind = REMOTE, .call = find_open(p, handle)};
    if (!command.call)
        return -ENOENT;
    if (!read_remote(ip, port, &command.remote))
        return -EINVAL;
    return submit(p, command);
}

int plane_latch(plane *p, uint64_t handle, const struct plane_latching *latching)
{
    struct command command = {.kind = LATCH, .call = find_open(p, handle)};
    if (!command.call)
        return -ENOENT;
    return read_latching(latching, &command.latch) ? submit(p, command) : -EINVAL;
}

int plane_agree(plane *p, uint64_t handle, const struct plane_format *format)
{
    struct command command = {
        .kind = AGREE, .call = find_open(p, handle), .format = *format};
    if (!command.call)
        return -ENOENT;
    return is_format(format) ? submit(p, command) : -EINVAL;
}

int plane_read_signs(plane *p, uint64_t handle, struct plane_signs *out)
{
    struct call *call = find(p, handle);
    if (!call)
        return -ENOENT;
    out->heard_ns = atomic_load_explicit(&call->heard_ns, memory_order_relaxed);
    out->received_ns = atomic_load_explicit(&call->received_ns, memory_order_relaxed);
    return 0;
}

int plane_report(plane *p, uint64_t handle, const struct plane_rtcp *how)
{
    struct command command = {.kind = REPORT, .call = find_open(p, handle)};
    struct call *call = command.call;
    bool socket = how->fd > 0;
    int on = 1;
    if (!call)
        return -ENOENT;
    if ((socket && call->rtcp_fd) ||
        (how->remote_ip && !read_remote(how->remote_ip, how->remote_port, &command.remote)))
        return -EINVAL;
    command.reporting = (struct reporting){.fd = socket ? how->fd : -1, .mux = how->mux};
    memcpy(command.reporting.cname, how->cname, sizeof how->cname);
    setsockopt(call->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* for the jitter */
    if (socket)
        setsockopt(how->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int result = submit(p, command);
    if (result >= 0 && socket)
        call->rtcp_fd = how->fd;
    return result;
}

int plane_close(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    if (!call)
        return -ENOENT;
    int result = submit(p, (struct command){.kind = CLOSE, .call = call});
    if (result >= 0)
        call->closing = true;
    return result;
}

int plane_reap(plane *p, uint64_t handle, struct plane_stats *out)
{
    struct call *call = find(p, handle);
    if (!call || !call->closed)
        return -ENOENT;
    *out = call->stats;
    close_sockets(call);
    call->in_use = false;
    call->first = NULL;
    if (++call->generation == 0) /* so that no handle is ever 0 */
        call->generation = 1;
    call->next_free = p->free_calls;
    p->free_calls = call;
    return 0;
}
