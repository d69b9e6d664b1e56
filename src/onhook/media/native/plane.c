/* From start to stop, on the caller's side. */
#define _GNU_SOURCE
#include "internal.h"

#include "tones.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum {
    MAX_CALLS = 1 << 20,
    MAX_RING = 1 << 20,
};

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

static void free_plane(struct plane *p)
{
    if (p->event_fd >= 0)
        close(p->event_fd);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    if (p->epoll_fd >= 0)
        close(p->epoll_fd);
    free(p->command);
    free(p->report);
    free(p->calls);
    free(p->held);
    free(p);
}

int allocate(struct plane *p)
{
    const struct plane_config *config = &p->config;
    p->command = calloc(config->command_ring, sizeof *p->command);
    p->report = calloc(config->event_ring, sizeof *p->report);
    p->calls = calloc(config->max_calls, sizeof *p->calls);
    if (!p->command || !p->report || !p->calls)
        return -ENOMEM;
    p->commands.size = config->command_ring;
    p->reports.size = config->event_ring;
    for (uint32_t i = config->max_calls; i-- > 0;) {
        p->calls[i].generation = 1;
        p->calls[i].next_free = p->free_calls;
        p->free_calls = &p->calls[i];
    }
    p->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->wake_fd = p->event_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    p->epoll_fd = p->wake_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    return p->epoll_fd < 0 ? -errno : 0;
}

/* Signals are the main thread's affair. */
static int start_thread(struct plane *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int plane_start(plane **out, const struct plane_config *config)
{
    if (!power_of_two(config->command_ring) || !power_of_two(config->event_ring) ||
        config->command_ring > MAX_RING || config->event_ring > MAX_RING ||
        config->max_calls == 0 || config->max_calls > MAX_CALLS)
        return -EINVAL;
    struct plane *p = aligned_alloc(_Alignof(struct plane), sizeof *p);
    if (!p)
        return -ENOMEM;
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->event_fd = p->wake_fd = p->epoll_fd = -1;
    law_prepare();
    tones_prepare();
    p->timeout_ticks = config->rtp_timeout_ms;
    prepare_receive(p);
    int error = allocate(p);
    if (!error)
        error = recorders_start(&p->recorders, p->event_fd);
    if (!error)
        error = start_thread(p);
    if (error) {
        if (p->recorders)
            recorders_stop(p->recorders);
        free_plane(p);
        return error;
    }
    *out = p;
    return 0;
}

static void free_segments(struct segment *segment)
{
    while (segment) {
        struct segment *next = segment->next;
        free(segment);
        segment = next;
    }
}

/* A segment is in exactly one of: a command, a call, a report. The thread has ended. */
static void free_all_segments(struct plane *p)
{
    for (; ring_length(&p->commands); ring_taken(&p->commands))
        free(p->command[ring_take_at(&p->commands)].segment);
    for (size_t i = p->held_first; i < p->held_count; i++)
        free(p->held[i].segment);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        free_segments(p->calls[i].first);
    for (; ring_length(&p->reports); ring_taken(&p->reports))
        free(p->report[ring_take_at(&p->reports)].segment);
}

void plane_stop(plane *p)
{
    atomic_store(&p->stopping, true);
    signal_fd(p->wake_fd);
    pthread_join(p->thread, NULL);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->calls[i].in_use)
            recorder_end(&p->calls[i].recorder, sample_clock(p));
    recorders_stop(p->recorders);
    free_all_segments(p);
    while (p->newest_room)
        free_room(p, p->newest_room);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->calls[i].in_use)
            close_sockets(&p->calls[i]);
    free_plane(p);
}

int plane_event_fd(const plane *p)
{
    return p->event_fd;
}

void plane_health(const plane *p, struct plane_health *out)
{
    out->calls = atomic_load(&p->seen_calls);
    out->skipped_rounds = atomic_load(&p->skipped_rounds);
    out->late_max_ns = atomic_load(&p->late_max_ns);
    out->scheduling = atomic_load(&p->scheduling);
}
