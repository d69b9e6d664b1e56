/* The plane's own side, from start to stop. */
#define _GNU_SOURCE
#include "internal.h"

#include "tones.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum {
    AHEAD_BYTES = AHEAD_FRAMES * PLANE_FRAME_BYTES,
    LEAST_RING = 16,  /* of commands to a thread */
    OTHER_FILES = 64, /* descriptors of the process that are no sockets of calls */
};

/* ---- Making -------------------------------------------------------------------------------- */

static bool make_tables(struct host *p)
{
    const struct plane_config *config = &p->config;
    p->calls = calloc(config->max_calls, sizeof *p->calls);
    p->kept = calloc(config->max_calls, sizeof *p->kept);
    p->segments = calloc(segment_count(config), sizeof *p->segments);
    p->segments_taken = calloc(segment_count(config), sizeof *p->segments_taken);
    p->kept_segments = calloc(segment_count(config), sizeof *p->kept_segments);
    p->prompts = calloc(segment_count(config), sizeof *p->prompts);
    p->rooms = calloc(room_count(config), sizeof *p->rooms);
    p->recordings = calloc(recording_count(config), sizeof *p->recordings);
    p->keys = calloc(key_count(config), sizeof *p->keys);
    return places_make(&p->key_places, key_count(config)) && p->calls && p->kept && p->segments &&
           p->segments_taken && p->kept_segments && p->prompts && p->rooms && p->recordings && p->keys;
}

/* Frames that the kernel writes and we read. */
static int make_ahead(struct media *p)
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

static int make_thread(struct host *p, uint32_t number)
{
    struct media *media = &p->threads[number];
    media->commands.size = p->config.command_ring < LEAST_RING ? LEAST_RING : p->config.command_ring;
    media->command = calloc(media->commands.size, sizeof *media->command);
    if (!media->command)
        return -ENOMEM;
    media->reports = link_producer(&p->link.header->reports[number], p->config.event_ring);
    media->events = p->link.report[number];
    media->wake_fd = eventfd(0, EFD_CLOEXEC);
    media->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    media->still_fd = epoll_create1(EPOLL_CLOEXEC);
    if (media->wake_fd < 0 || media->epoll_fd < 0 || media->still_fd < 0)
        return -errno;
    media->batch = calloc(1, sizeof *media->batch);
    if (!media->batch)
        return -ENOMEM;
    /* so that the thread need not wait for its pages */
    memset(media->batch->packets, 0x80, sizeof media->batch->packets);
    for (int i = 0; i < BATCH_PACKETS; i++)
        media->batch->departures[i].left = true;
    media->batch->ring.fd = -1;
    prepare_receive(media);
    return make_ahead(media);
}

static int make_threads(struct host *p)
{
    int error = 0;
    for (uint32_t i = 0; i < p->config.threads && !error; i++)
        error = make_thread(p, i);
    return error;
}

/* How many sockets there can be. A call has two, and a process starts with room for 1,024. */
static uint32_t make_room_for_sockets(uint32_t calls)
{
    struct rlimit files;
    rlim_t needed = (rlim_t)calls * 2 + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 0;
    if (files.rlim_cur < needed) {
        files.rlim_cur = needed < files.rlim_max ? needed : files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            getrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur >= needed)
        return calls * 2;
    return files.rlim_cur > OTHER_FILES ? (uint32_t)(files.rlim_cur - OTHER_FILES) : 0;
}

static int make_link(struct host *p, uint64_t generation)
{
    p->memory_fd = link_make(&p->config, &p->link);
    if (p->memory_fd < 0)
        return p->memory_fd;
    p->link.header->pid = getpid();
    p->link.header->generation = generation;
    p->link.header->sockets = make_room_for_sockets(p->config.max_calls);
    p->asked = link_consumer(&p->link.header->commands, p->config.command_ring);
    p->endings = link_producer(&p->link.header->endings, p->config.event_ring);
    return make_ends(p);
}

static int make_bells(struct host *p)
{
    p->clerk_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->over_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->clerk_fd < 0 || p->over_fd < 0)
        return -errno;
    return listen_for_clerk(p);
}

static void on_recorded(void *host)
{
    wake_clerk(host);
}

int make_host(struct host *p, const struct plane_config *config, uint64_t generation)
{
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->memory_fd = p->command_fd = p->event_fd = p->far_event_fd = p->control = p->far_control = -1;
    p->clerk_fd = p->over_fd = p->heard_fd = -1;
    for (struct media *media = p->threads; media < p->threads + PLANE_MAX_THREADS; media++) {
        media->host = p;
        media->wake_fd = media->epoll_fd = media->still_fd = media->ahead_fd = -1;
    }
    if (!link_is_config(config))
        return -EINVAL;
    law_prepare();
    tones_prepare();
    p->timeout_ticks = config->rtp_timeout_ms;
    if (!make_tables(p))
        return -ENOMEM;
    int error = make_link(p, generation);
    if (!error)
        error = make_bells(p);
    if (!error)
        error = make_threads(p);
    return error ? error : recorders_start(&p->recorders, on_recorded, p);
}

/* ---- Freeing ------------------------------------------------------------------------------- */

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static void free_thread(struct media *p)
{
    const int fds[] = {p->wake_fd, p->epoll_fd, p->still_fd, p->ahead_fd};
    close_all(fds, sizeof fds / sizeof *fds);
    if (p->ahead)
        munmap((void *)(uintptr_t)p->ahead, AHEAD_BYTES);
    if (p->batch)
        uring_close(&p->batch->ring);
    free(p->batch);
    free(p->command);
}

void free_host(struct host *p)
{
    const int fds[] = {p->memory_fd, p->command_fd, p->event_fd, p->far_event_fd, p->control,
                       p->far_control, p->clerk_fd, p->over_fd, p->heard_fd};
    if (p->recorders)
        recorders_stop(p->recorders); /* what is recorded is written to its end */
    free_kept(p);
    link_unmap(&p->link);
    close_all(fds, sizeof fds / sizeof *fds);
    for (struct media *media = p->threads; media < p->threads + PLANE_MAX_THREADS; media++)
        free_thread(media);
    free(p->calls);
    free(p->kept);
    free(p->segments);
    free(p->segments_taken);
    free(p->kept_segments);
    free(p->prompts);
    free(p->rooms);
    free(p->recordings);
    free(p->keys);
    free(p->key_places.all);
}

/* ---- Running ------------------------------------------------------------------------------- */

int start_thread(pthread_t *thread, void *(*work)(void *), void *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, work, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* So many of them run. */
static void end_media_threads(struct host *p, uint32_t count)
{
    atomic_store(&p->stopping, true);
    for (uint32_t i = 0; i < count; i++) {
        signal_fd(p->threads[i].wake_fd);
        pthread_join(p->threads[i].thread, NULL);
    }
}

static int start_threads(struct host *p)
{
    int error = 0;
    uint32_t count = 0;
    p->epoch_ns = clock_ns();
    while (!error && count < p->config.threads) {
        error = start_thread(&p->threads[count].thread, run, &p->threads[count]);
        count += !error;
    }
    if (!error)
        error = start_thread(&p->clerk, keep, p);
    p->clerk_runs = !error;
    if (error)
        end_media_threads(p, count);
    return error;
}

int plane_host_start(plane_host **out, const struct plane_config *config, uint64_t generation,
                     struct plane_link *link)
{
    struct host *p = aligned_alloc(_Alignof(struct host), sizeof *p);
    if (!p)
        return -ENOMEM;
    int error = make_host(p, config, generation);
    if (!error)
        error = start_threads(p);
    if (error) {
        free_host(p);
        free(p);
        return error;
    }
    *link = (struct plane_link){p->memory_fd, p->command_fd, p->far_event_fd, p->far_control};
    *out = p;
    return 0;
}

/* Ours would keep the socket from ending with the switch. */
void plane_host_handed_over(plane_host *p)
{
    close_all((const int[]){p->far_event_fd, p->far_control}, 2);
    p->far_event_fd = p->far_control = -1;
}

int plane_host_wait(plane_host *p, int timeout_ms)
{
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGUSR1);
    struct pollfd waited[2] = {{.fd = p->over_fd, .events = POLLIN},
                               {.fd = signalfd(-1, &terminate, SFD_CLOEXEC), .events = POLLIN}};
    int ready;
    do
        ready = poll(waited, 2, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (waited[1].fd >= 0)
        close(waited[1].fd);
    return waited[1].revents ? PLANE_TERMINATED : atomic_load(&p->over);
}

void plane_host_stop(plane_host *p)
{
    int64_t now = (clock_ns() - p->epoch_ns) * SAMPLES_PER_TICK / TICK_NS;
    end_media_threads(p, p->config.threads);
    signal_fd(p->clerk_fd);
    if (p->clerk_runs)
        pthread_join(p->clerk, NULL);
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        recorder_end(&p->calls[i].recorder, now);
    free_host(p);
    free(p);
}
