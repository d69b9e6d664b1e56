/* Both sides of the media plane in a program without threads: what is asked of it is done at once. */
#ifndef ONHOOK_STEERED_H
#define ONHOOK_STEERED_H

#include "internal.h"

static struct host media;
static struct media *const thread = &media.threads[0]; /* its only one */
static plane *steering;

/* The plane, and a switch that is attached to it. */
static bool steer(uint32_t calls, uint32_t event_ring)
{
    struct plane_config config = {calls, 0, 16, event_ring, 1, 0, 0};
    if (make_host(&media, &config, 1) < 0)
        return false;
    struct plane_link link = {media.memory_fd, media.command_fd, media.far_event_fd,
                              media.far_control};
    return plane_attach(&steering, &link) == 0;
}

static inline uint64_t refused(void)
{
    return atomic_load(&media.link.header->health.refused);
}

/* What was asked has happened, as far as it goes. */
static inline void settle(void)
{
    while (serve_clerk(&media))
        take_commands(thread);
}

/* Sockets that are connected to each other, by UDP on loopback; the port is the second one's. */
static inline bool connect_pair(int pair[2], uint16_t *port)
{
    struct sockaddr_in ends[2];
    for (int i = 0; i < 2; i++) {
        socklen_t bytes = sizeof ends[i];
        pair[i] = plane_bind("127.0.0.1", 0);
        if (pair[i] < 0 || getsockname(pair[i], (struct sockaddr *)&ends[i], &bytes) < 0)
            return false;
    }
    *port = ntohs(ends[1].sin_port);
    return connect(pair[0], (struct sockaddr *)&ends[1], sizeof ends[1]) == 0 &&
           connect(pair[1], (struct sockaddr *)&ends[0], sizeof ends[0]) == 0;
}

#endif
