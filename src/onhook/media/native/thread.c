/* The thread of the media plane: the clock, and what is done in a tick.
 *
 * Time. A tick is 1 ms, on CLOCK_MONOTONIC; 20 ticks are a round. Each call stands in one of 20
 * slots and is served once a round: at most one frame sent, and what has arrived taken in. A tick
 * takes the commands, then serves its slot: first all frames are sent, then all sockets are read.
 *
 * Being late. A tick that begins late is made up for at once, and so are the ticks that it held
 * up, in order: within 20 ms each call still gets one frame a round. When a whole round or more
 * is behind (the machine stood still), whole rounds are left out, for all calls alike: the frames
 * that were not sent are sent later, none is dropped and none is sent in a burst, and the RTP
 * timestamp tells the receiver that the pause was one.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum {
    FIFO_PRIORITY = 10,
    NICE_LEVEL = -15,
    TIMER_SLACK_NS = 1000,
};

static void sleep_until(int64_t when_ns)
{
    struct timespec when = {.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
    /* EINTR only means that the loop looks at the clock again */
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

void serve_slot(struct host *p, struct slot *slot)
{
    struct call *next;
    for (struct call *call = slot->first; call; call = call->next)
        if (call->srtp.on)
            use_next_key(p, call);
    for (struct call *call = slot->first; call; call = call->next)
        if (call->playing)
            send_frame(p, call);
        else if (is_quiet(p, call))
            send_silence(p, call);
    for (struct call *call = slot->first; call; call = next) {
        next = call->next; /* a call that is reported closed is gone */
        if (!call->owes_closed) {
            serve_rtcp(p, call);
            call->budget = RECEIVE_BATCH;
            if (!call->watched)
                receive(p, call);
            watch_silence(p, call);
            show_figures(call);
            count_refused(p, call);
        }
        if (call->recorder.count)
            recorder_advance(&call->recorder, sample_clock(p));
        report(p, call);
    }
    if (slot->rooms)
        serve_rooms(p, slot);
}

/* Nothing is open: sleep until a command comes, and let time pass without counting it as late. */
static void wait_for_command(struct host *p)
{
    uint64_t count;
    for (;;) {
        /* first say so, then look: whoever puts a command in after the look sees it said */
        atomic_store(&p->idle, true);
        if (ring_length(&p->commands) || atomic_load(&p->stopping))
            break;
        if (read(p->wake_fd, &count, sizeof count) < 0 && errno != EINTR)
            break;
    }
    atomic_store(&p->idle, false);
    int64_t passed = (clock_ns() - p->epoch_ns) / TICK_NS;
    if ((uint64_t)passed > p->tick)
        p->tick = (uint64_t)passed;
}

/* Leave out whole rounds that cannot be made up for without sending bursts. */
void skip_rounds(struct host *p, int64_t late_ns)
{
    int64_t rounds = late_ns / ((int64_t)TICK_NS * SLOTS);
    if (late_ns > atomic_load(&p->link.header->health.late_max_ns))
        atomic_store(&p->link.header->health.late_max_ns, late_ns);
    if (!rounds)
        return;
    p->tick += (uint64_t)rounds * SLOTS;
    atomic_fetch_add(&p->link.header->health.skipped_rounds, (uint64_t)rounds);
}

static void keep_time_well(struct host *p)
{
    struct sched_param priority = {.sched_priority = FIFO_PRIORITY};
    int32_t scheduling = PLANE_NORMAL;
    prctl(PR_SET_NAME, "onhook-media");
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0)
        scheduling = PLANE_FIFO;
    else if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE_LEVEL) == 0)
        scheduling = PLANE_NICE;
    atomic_store(&p->link.header->health.scheduling, scheduling);
}

void *run(void *argument)
{
    struct host *p = argument;
    keep_time_well(p);
    p->epoch_ns = clock_ns();
    while (!atomic_load(&p->stopping)) {
        if (!p->open_calls && !p->open_rooms && !ring_length(&p->commands)) {
            wait_for_command(p);
            continue;
        }
        int64_t due_ns = p->epoch_ns + (int64_t)p->tick * TICK_NS;
        p->now_ns = clock_ns();
        if (p->now_ns < due_ns) {
            sleep_until(due_ns);
            continue;
        }
        skip_rounds(p, p->now_ns - due_ns);
        take_commands(p);
        if (p->watched_calls)
            serve_watched(p);
        serve_slot(p, &p->slots[p->tick % SLOTS]);
        if (p->reported)
            ring_switch(p);
        if (p->let_go)
            wake_clerk(p);
        p->reported = p->let_go = false;
        p->tick++;
    }
    return NULL;
}
