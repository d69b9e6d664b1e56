/* From start to stop, on the caller's side. */
#define _GNU_SOURCE
#include "internal.h"

#include "tones.h"

#include <errno.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
    MAX_CALLS = 1 << 20,
    MAX_RING = 1 << 20,
    AHEAD_BYTES = AHEAD_FRAMES * PLANE_FRAME_BYTES,
};

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

static void free_caller(struct caller *caller)
{
    free_prompts(caller);
    free(caller->call_places.all);
    free(caller->prompt_places.all);
    free(caller->segment_places.all);
    free(caller->room_places.all);
    free(caller->recording_places.all);
    free(caller->key_places.all);
    free(caller->calls);
    free(caller->segment_prompts);
    free(caller->room_closing);
    free(caller->held);
}

static void free_plane(struct plane *p)
{
    if (p->event_fd >= 0)
        close(p->event_fd);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    if (p->epoll_fd >= 0)
        close(p->epoll_fd);
    if (p->ahead)
        munmap((void *)(uintptr_t)p->ahead, AHEAD_BYTES);
    if (p->ahead_fd >= 0)
        close(p->ahead_fd);
    free_all_keys(p);
    free_caller(&p->caller);
    free(p->command);
    free(p->report);
    free(p->calls);
    free(p->signs);
    free(p->segments);
    free(p->prompts);
    free(p->rooms);
    free(p->recordings);
    free(p->keys);
    free(p->released);
    free(p);
}

static bool allocate_caller(struct caller *caller, const struct plane_config *config)
{
    uint32_t segments = segment_count(config);
    bool places = places_make(&caller->call_places, config->max_calls) &&
                  places_make(&caller->prompt_places, segments) &&
                  places_make(&caller->segment_places, segments) &&
                  places_make(&caller->room_places, room_count(config)) &&
                  places_make(&caller->recording_places, recording_count(config)) &&
                  places_make(&caller->key_places, key_count(config));
    caller->calls = calloc(config->max_calls, sizeof *caller->calls);
    caller->prompts = calloc(segments, sizeof *caller->prompts);
    caller->segment_prompts = calloc(segments, sizeof *caller->segment_prompts);
    caller->room_closing = calloc(room_count(config), sizeof *caller->room_closing);
    return places && caller->calls && caller->prompts && caller->segment_prompts &&
           caller->room_closing;
}

static bool allocate_tables(struct plane *p, const struct plane_config *config)
{
    p->command = calloc(config->command_ring, sizeof *p->command);
    p->report = calloc(config->event_ring, sizeof *p->report);
    p->calls = calloc(config->max_calls, sizeof *p->calls);
    p->signs = aligned_alloc(CACHE_LINE, config->max_calls * sizeof *p->signs);
    p->segments = calloc(segment_count(config), sizeof *p->segments);
    p->prompts = calloc(segment_count(config), sizeof *p->prompts);
    p->rooms = calloc(room_count(config), sizeof *p->rooms);
    p->recordings = calloc(recording_count(config), sizeof *p->recordings);
    p->keys = calloc(key_count(config), sizeof *p->keys);
    p->released = calloc(key_count(config), sizeof *p->released);
    return p->command && p->report && p->calls && p->signs && p->segments && p->prompts &&
           p->rooms && p->recordings && p->keys && p->released;
}

/* Frames that the kernel writes and we read. */
static int make_ahead(struct plane *p)
{
    /* glibc has a name for it since 2.27 */
    p->ahead_fd = (int)syscall(SYS_memfd_create, "onhook-frames", MFD_CLOEXEC);
    if (p->ahead_fd < 0 || ftruncate(p->ahead_fd, AHEAD_BYTES) < 0)
        return -errno;
    void *at = mmap(NULL, AHEAD_BYTES, PROT_READ, MAP_SHARED, p->ahead_fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    p->ahead = at;
    return 0;
}

int allocate(struct plane *p)
{
    bool tables = allocate_tables(p, &p->config);
    bool caller = allocate_caller(&p->caller, &p->config);
    if (!tables || !caller)
        return -ENOMEM;
    p->commands.size = p->config.command_ring;
    p->reports.size = p->config.event_ring;
    p->releases.size = key_count(&p->config);
    p->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->wake_fd = p->event_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    p->epoll_fd = p->wake_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    return p->epoll_fd < 0 ? -errno : make_ahead(p);
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
    p->event_fd = p->wake_fd = p->epoll_fd = p->ahead_fd = -1;
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

void plane_stop(plane *p)
{
    atomic_store(&p->stopping, true);
    signal_fd(p->wake_fd);
    pthread_join(p->thread, NULL);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        recorder_end(&p->calls[i].recorder, sample_clock(p));
    recorders_stop(p->recorders);
    for (uint32_t i = 0; i < recording_count(&p->config); i++)
        if (p->recordings[i].done) /* told of, and not reaped */
            recording_free(p->recordings[i].one, true);
    for (uint32_t i = 0; i < room_count(&p->config); i++)
        free(p->rooms[i]);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->caller.call_places.all[i].taken)
            close_sockets(&p->caller.calls[i]);
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
    out->refused = atomic_load(&p->refused);
    out->unauthentic = atomic_load(&p->unauthentic);
    out->replayed = atomic_load(&p->replayed);
}
