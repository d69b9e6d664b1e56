/* Recording, on its way to the disk: a thread for all of it, and the clerk's side.
 *
 * A slow disk. While the writer is held up, what would be more than a ring ahead of it is not kept:
 * it is counted as lost, and is silence in the file, so that the rest stays in time. After an error
 * nothing more is written. Files whose descriptor can wait (a pipe) are tried again, and given up
 * GIVE_UP after their end; a regular file holds up the writer for as long as the system does.
 */
#define _GNU_SOURCE
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_EVERY_MS = 200 };

/* ---- Writing, in a thread of its own ----------------------------------------------------- */

void wake_writer(struct recorders *all)
{
    uint64_t count = 1;
    ssize_t written = write(all->wake_fd, &count, sizeof count);
    (void)written;
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* So many samples are through with: clear them for the next lap. They lie in one piece. */
static void clear(recording *one, int64_t done, size_t count)
{
    memset(&one->ring[done & (RING - 1)], 0, count * sizeof *one->ring);
    atomic_store_explicit(&one->done, done + (int64_t)count, memory_order_release);
}

/* Up to `count` samples, which lie in one piece. How many are written; 0 when it has to wait. */
static size_t write_piece(recording *one, int64_t done, size_t count)
{
    const uint8_t *bytes = (const uint8_t *)&one->ring[done & (RING - 1)];
    ssize_t written;
    do
        written = write(one->fd, bytes + one->half, count * sizeof *one->ring - one->half);
    while (written < 0 && errno == EINTR);
    if (written < 0) {
        if (errno != EAGAIN)
            one->error = errno;
        return 0;
    }
    size_t whole = (size_t)written + one->half;
    one->half = whole % sizeof *one->ring;
    return whole / sizeof *one->ring;
}

bool write_final(recording *one)
{
    int64_t final = atomic_load_explicit(&one->final, memory_order_acquire);
    int64_t done = atomic_load_explicit(&one->done, memory_order_relaxed);
    while (done < final) {
        size_t count = (size_t)smaller(final - done, RING - (done & (RING - 1)));
        if (one->error) {
            one->discarded += count;
        } else {
            count = write_piece(one, done, count);
            if (!count && !one->error)
                return false;
            one->written += count;
        }
        clear(one, done, count);
        done += (int64_t)count;
    }
    return true;
}

/* A recording that has ended is not waited for without end. */
static void lose_patience(recording *one, int64_t now_ms)
{
    if (one->stuck_since_ms < 0)
        one->stuck_since_ms = now_ms;
    if (now_ms - one->stuck_since_ms >= GIVE_UP_MS)
        one->error = ETIMEDOUT;
}

static void push(recording *_Atomic *list, recording *one)
{
    recording *first = atomic_load(list);
    do
        one->next = first;
    while (!atomic_compare_exchange_weak(list, &first, one));
}

bool serve_recording(recording *one, bool ended, int64_t now_ms)
{
    uint64_t before = one->written;
    bool through = write_final(one);
    if (through || one->written != before)
        one->stuck_since_ms = -1;
    else if (ended)
        lose_patience(one, now_ms);
    return ended && (through || (one->error && write_final(one)));
}

static void serve_all(struct recorders *all, bool only_ended)
{
    bool any_done = false;
    int64_t now_ms = clock_ms();
    for (recording **link = &all->open; *link;) {
        recording *one = *link;
        /* read before what is final: nothing is added to that afterwards */
        bool ended = atomic_load_explicit(&one->ended, memory_order_acquire);
        if ((only_ended && !ended) || !serve_recording(one, ended, now_ms)) {
            link = &one->next;
            continue;
        }
        *link = one->next;
        push(&all->done, one);
        any_done = true;
    }
    if (any_done)
        all->tell(all->whom);
}

static void take_fresh(struct recorders *all)
{
    recording *one = atomic_exchange(&all->fresh, NULL);
    while (one) {
        recording *next = one->next;
        one->next = all->open;
        all->open = one;
        one = next;
    }
}

/* Until the next batch is due, or something began or ended. True: a batch is due. */
static bool wait_for_work(struct recorders *all, int64_t due_ms)
{
    struct pollfd wake = {.fd = all->wake_fd, .events = POLLIN};
    int64_t left_ms = larger(0, due_ms - clock_ms());
    if (poll(&wake, 1, all->open ? (int)left_ms : -1) == 1) {
        uint64_t count;
        ssize_t got = read(all->wake_fd, &count, sizeof count);
        (void)got;
    }
    return clock_ms() >= due_ms;
}

static void *write_all(void *argument)
{
    struct recorders *all = argument;
    int64_t due_ms = clock_ms();
    prctl(PR_SET_NAME, "onhook-record");
    while (!atomic_load(&all->stopping)) {
        bool due = wait_for_work(all, due_ms);
        take_fresh(all);
        serve_all(all, !due);
        if (due)
            due_ms = clock_ms() + WRITE_EVERY_MS;
    }
    take_fresh(all);
    for (recording *one = all->open; one; one = one->next)
        atomic_store(&one->ended, true); /* there is no media thread any more */
    for (; all->open; due_ms = clock_ms() + WRITE_EVERY_MS) {
        serve_all(all, false);
        if (all->open)
            wait_for_work(all, due_ms);
    }
    return NULL;
}

/* ---- The clerk's side ------------------------------------------------------------------- */

int recorders_start(struct recorders **out, void (*tell)(void *whom), void *whom)
{
    struct recorders *all = calloc(1, sizeof *all);
    if (!all)
        return -ENOMEM;
    all->tell = tell;
    all->whom = whom;
    all->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error = all->wake_fd < 0 ? errno : 0;
    if (!error) {
        sigset_t every, before; /* signals are the main thread's affair */
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
        error = pthread_create(&all->thread, NULL, write_all, all);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error) {
        if (all->wake_fd >= 0)
            close(all->wake_fd);
        free(all);
        return -error;
    }
    *out = all;
    return 0;
}

void recorders_stop(struct recorders *all)
{
    recording *one;
    atomic_store(&all->stopping, true);
    wake_writer(all);
    pthread_join(all->thread, NULL);
    while ((one = recorders_take_done(all)))
        recording_free(one, true);
    close(all->wake_fd);
    free(all);
}

recording *recording_new(struct recorders *all, int fd, uint64_t owner, uint64_t handle, uint64_t tag)
{
    recording *one = aligned_alloc(_Alignof(struct recording), sizeof *one);
    if (!one)
        return NULL;
    memset(one, 0, sizeof *one); /* every page is there before the media thread needs it */
    one->all = all;
    one->fd = fd;
    one->owner = owner;
    one->handle = handle;
    one->tag = tag;
    one->stuck_since_ms = -1;
    return one;
}

void recording_free(recording *one, bool close_fd)
{
    if (close_fd)
        close(one->fd);
    free(one);
}

void recorders_add(struct recorders *all, recording *one)
{
    int flags = fcntl(one->fd, F_GETFL);
    if (flags >= 0) /* a pipe that is full must not hold up the others; a file does not mind */
        fcntl(one->fd, F_SETFL, flags | O_NONBLOCK);
    push(&all->fresh, one);
    wake_writer(all);
}

recording *recorders_take_done(struct recorders *all)
{
    if (!all->taken)
        all->taken = atomic_exchange(&all->done, NULL);
    recording *one = all->taken;
    if (one)
        all->taken = one->next;
    return one;
}

bool recorders_have_done(const struct recorders *all)
{
    return all->taken || atomic_load(&all->done);
}

uint64_t recording_owner(const recording *one)
{
    return one->owner;
}

uint64_t recording_handle(const recording *one)
{
    return one->handle;
}

uint64_t recording_tag(const recording *one)
{
    return one->tag;
}

void recording_read(const recording *one, struct plane_recorded *out)
{
    *out = (struct plane_recorded){
        .samples = one->written, .lost = one->lost + one->discarded, .error = one->error};
}
