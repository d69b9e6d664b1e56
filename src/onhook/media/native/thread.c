/* A thread of the media plane: the clock, and what is done in a tick.
 *
 * Time. A tick is 1 ms, on CLOCK_MONOTONIC; 20 ticks are a round. Each call stands in one of 20
 * slots and is served once a round: at most one frame sent, and what has arrived taken in. A tick
 * takes the commands, then serves its slot: first all frames are sent, then all sockets are read.
 * Ticks whose slot is empty are slept through, unless a command comes, or something arrives at a joined call: then
 * the tick is the one that it comes in. Where nothing is open there are no ticks at all.
 *
 * Being late. A tick that begins late is made up for at once, and so are the ticks that it held
 * up, in order: within 20 ms each call still gets one frame a round. When a whole round or more
 * is behind (the machine stood still), whole rounds are left out, for all calls alike: the frames
 * that were not sent are sent later, none is dropped and none is sent in a burst, and the RTP
 * timestamp tells the receiver that the pause was one.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum {
    FIFO_PRIORITY = 10,
    NICE_LEVEL = -15,
    TIMER_SLACK_NS = 1000,
    WATCHED_SINGLY = 16, /* joined calls: with more of them it is cheaper to look in every tick */
};

static void sleep_until(int64_t when_ns)
{
    struct timespec when = {.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
    /* EINTR only means that the loop looks at the clock again */
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

void serve_slot(struct media *p, struct slot *slot)
{
    struct call *next;
    if (p->still_calls)
        attend_to_all(p);
    for (struct call *call = slot->first; call; call = call->next)
        if (call->srtp.on)
            use_next_key(p, call);
    begin_batch(p);
    for (struct call *call = slot->first; call; call = call->next)
        if (call->playing)
            send_frame(p, call);
        else if (is_quiet(p, call))
            send_silence(p, call);
    end_batch(p);
    for (struct call *call = slot->first; call; call = next) {
        next = call->next; /* a call that is reported closed is gone */
        if (!call->owes_closed) {
            serve_rtcp(p, call);
            call->budget = RECEIVE_BATCH;
            if (!call->watched && !call->left_alone)
                receive(p, call);
            watch_silence(p, call);
            show_figures(call);
            count_refused(p, call);
        }
        if (call->recorder.count)
            recorder_advance(&call->recorder, sample_clock(p));
        fall_in(p, call);
        report(p, call);
    }
    if (slot->rooms)
        serve_rooms(p, slot);
}

/* How many ticks there are, from this one on, in which nobody is served; SLOTS: there is nobody. */
static uint64_t quiet_ticks(const struct media *p)
{
    uint64_t ticks = 0;
    while (ticks < SLOTS && !p->slots[(p->tick + ticks) % SLOTS].count)
        ticks++;
    return ticks;
}

static int64_t begins_ns(const struct media *p, uint64_t tick)
{
    return p->host->epoch_ns + (int64_t)tick * TICK_NS;
}

/* Sleep until a moment, -1: for ever; or until a command comes, or something arrives at joined calls. */
static void rest(struct media *p, int64_t until_ns)
{
    struct pollfd waited[2] = {{.fd = p->wake_fd, .events = POLLIN},
                               {.fd = p->epoll_fd, .events = POLLIN}};
    int64_t left_ns = until_ns < 0 ? 0 : until_ns - clock_ns();
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    uint64_t count;
    /* first say so, then look: whoever puts a command in after the look sees it said */
    atomic_store(&p->idle, true);
    if (left_ns >= 0 && !ring_length(&p->commands) && !atomic_load(&p->host->stopping))
        ppoll(waited, p->watched_calls ? 2 : 1, until_ns < 0 ? NULL : &left, NULL);
    atomic_store(&p->idle, false);
    if (waited[0].revents && read(p->wake_fd, &count, sizeof count) < 0)
        return; /* it was read before */
}

/* The next tick that has anything in it, and until then sleep. True: that is one that serves a slot, whose time
 * was known; what happens in the others begins whenever it is asked for. */
static bool wait_for_tick(struct media *p)
{
    uint64_t quiet = p->watched_calls > WATCHED_SINGLY ? 0 : quiet_ticks(p), due = p->tick + quiet;
    if (quiet) {
        rest(p, quiet < SLOTS ? begins_ns(p, due) : -1);
        uint64_t now = (uint64_t)((clock_ns() - p->host->epoch_ns) / TICK_NS);
        if (now > p->tick)
            p->tick = quiet < SLOTS && now > due ? due : now;
    }
    while (!atomic_load(&p->host->stopping) && (p->now_ns = clock_ns()) < begins_ns(p, p->tick))
        sleep_until(begins_ns(p, p->tick));
    return p->tick == due;
}

/* Leave out whole rounds that cannot be made up for without sending bursts. */
void skip_rounds(struct media *p, int64_t late_ns)
{
    int64_t rounds = late_ns / ((int64_t)TICK_NS * SLOTS);
    int64_t latest = atomic_load(&p->host->link.header->health.late_max_ns);
    while (late_ns > latest && !atomic_compare_exchange_weak(&p->host->link.header->health.late_max_ns,
                                                             &latest, late_ns))
        ;
    if (!rounds)
        return;
    p->tick += (uint64_t)rounds * SLOTS;
    atomic_fetch_add(&p->host->link.header->health.skipped_rounds, (uint64_t)rounds);
}

static void keep_time_well(struct media *p)
{
    struct sched_param priority = {.sched_priority = FIFO_PRIORITY};
    int32_t scheduling = PLANE_NORMAL;
    prctl(PR_SET_NAME, "onhook-media");
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0)
        scheduling = PLANE_FIFO;
    else if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE_LEVEL) == 0)
        scheduling = PLANE_NICE;
    atomic_store(&p->host->link.header->health.scheduling, scheduling);
}

void *run(void *argument)
{
    struct media *p = argument;
    keep_time_well(p);
    if (!p->host->config.one_by_one)
        uring_open(&p->batch->ring, BATCH_PACKETS);
    while (!atomic_load(&p->host->stopping)) {
        if (wait_for_tick(p))
            skip_rounds(p, p->now_ns - begins_ns(p, p->tick));
        take_commands(p);
        if (p->watched_calls)
            serve_watched(p);
        serve_slot(p, &p->slots[p->tick % SLOTS]);
        if (p->reported)
            ring_switch(p->host);
        if (p->let_go)
            wake_clerk(p->host);
        p->reported = p->let_go = false;
        p->tick++;
    }
    return NULL;
}
