/* The clerk: a thread between the link and the media threads.
 *
 * It takes commands in their order, does what needs system calls or memory, and passes them on by a ring inside
 * this process. It frees what the media threads and the writer of recordings are through with, and then tells of
 * their end: a socket is closed, and its port free, before the switch hears CLOSED.
 *
 * It sleeps until the switch rings, or one of the two has something for it. Whoever rings looks first whether it sleeps.
 * The switch's bell is never read, only heard (edge-triggered): its flags are the switch's as well, and a read could be
 * made to wait.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum {
    AT_ONCE = 256,       /* commands; then it looks at what has ended */
    AGAIN_MS = 1,        /* where there was no room: a media thread empties its ring within a millisecond */
    NICE_LEVEL = -15,
};

void wake_clerk(struct host *p)
{
    if (atomic_exchange(&p->clerk_asleep, false))
        signal_fd(p->clerk_fd);
}

void end_link(struct host *p, enum plane_end why)
{
    int going = PLANE_GOING;
    if (atomic_compare_exchange_strong(&p->over, &going, (int)why))
        signal_fd(p->over_fd);
}

/* ---- What is told -------------------------------------------------------------------------- */

bool can_tell(struct host *p)
{
    int64_t room = link_room(&p->endings);
    if (room == LINK_NONSENSE)
        end_link(p, PLANE_NONSENSE);
    return room > 0;
}

void tell(struct host *p, struct report ending)
{
    ending.serial = next_serial(p);
    p->link.ending[link_at(&p->endings)] = ending;
    link_put(&p->endings);
    ring_switch(p);
}

static void end_call(struct host *p, struct call *call)
{
    struct kept_call *kept = &p->kept[call - p->calls];
    uint64_t handle = kept->handle;
    p->load[kept->thread]--;
    close_kept(kept);
    tell(p, (struct report){.kind = PLANE_CLOSED, .call = handle, .segment = NO_SEGMENT,
                            .at_ns = call->closed_ns});
}

static void end_room(struct host *p, struct room *room)
{
    uint64_t handle = room->handle;
    p->rooms[handle_index(handle)] = NULL;
    p->load[room->thread] -= PLANE_ROOM_MEMBERS;
    free(room);
    tell(p, (struct report){.room = handle, .segment = NO_SEGMENT});
}

/* Those that nobody waits for are freed at once. */
static void sort(struct host *p, struct gone *one)
{
    switch (one->kind) {
    case GONE_PROMPT: free_prompt(p, gone_of(one, struct prompt)); break;
    case GONE_KEY: free_key(p, gone_of(one, struct srtp_key)); break;
    case GONE_CALL:
    case GONE_ROOM:
        one->next = p->leaving;
        p->leaving = one;
    }
}

void take_gone(struct host *p)
{
    for (struct gone *one = gone_take(&p->gone), *next; one; one = next) {
        next = one->next;
        sort(p, one);
    }
    while (p->leaving && can_tell(p)) {
        struct gone *one = p->leaving;
        p->leaving = one->next;
        if (one->kind == GONE_CALL)
            end_call(p, gone_of(one, struct call));
        else
            end_room(p, gone_of(one, struct room));
    }
}

/* Recordings whose last sample is with the kernel. */
static void take_recorded(struct host *p)
{
    recording *one;
    while (can_tell(p) && (one = recorders_take_done(p->recorders))) {
        struct plane_recorded figures;
        uint64_t handle = recording_handle(one), owner = recording_owner(one), tag = recording_tag(one);
        recording_read(one, &figures);
        p->recordings[handle_index(handle)] = NULL;
        recording_free(one, true);
        tell(p, (struct report){.kind = PLANE_RECORDED, .digit = figures.error, .call = owner,
                                .number = handle, .tag = tag, .segment = NO_SEGMENT, .at_ns = clock_ns(),
                                .samples = figures.samples, .lost = figures.lost});
    }
}

/* ---- What is asked ------------------------------------------------------------------------- */

/* Keys stay nowhere but where they are used. */
static void take_entry(struct host *p, struct command *out)
{
    struct command *entry = &p->link.command[link_at(&p->asked)];
    link_copy(out, entry, sizeof *out);
    if (out->kind == OPEN)
        memset(&entry->open.offer, 0, sizeof entry->open.offer);
    if (out->kind == PROTECT)
        memset(&entry->protect.offer, 0, sizeof entry->protect.offer);
    link_taken(&p->asked);
}

/* How many commands can be taken now. */
static int64_t askable(struct host *p)
{
    int64_t waiting = link_waiting(&p->asked);
    if (waiting == LINK_NONSENSE)
        end_link(p, PLANE_NONSENSE);
    return waiting < AT_ONCE ? waiting : AT_ONCE;
}

static bool is_over(struct host *p)
{
    return atomic_load(&p->over) != PLANE_GOING || atomic_load(&p->stopping);
}

/* What a switch had asked before it was gone is followed, unless it was nonsense. */
static bool is_followed(struct host *p)
{
    int over = atomic_load(&p->over);
    return (over == PLANE_GOING || over == PLANE_SWITCH_GONE) && !atomic_load(&p->stopping);
}

/* One that waits for a move is still to come. */
static void show_progress(struct host *p)
{
    atomic_store(&p->link.header->health.handed_on, p->handed_on);
    if (!p->removal.going)
        atomic_store(&p->link.header->health.admitted, p->asked.own);
}

bool serve_clerk(struct host *p)
{
    take_gone(p);
    take_recorded(p);
    bool any = has_moved(p);
    if (any)
        finish_move(p);
    if (atomic_load(&p->letting_go))
        let_go_of_all(p);
    for (int64_t waiting = askable(p); waiting > 0 && can_hand_on(p) && is_followed(p); waiting--) {
        struct command command;
        take_entry(p, &command);
        admit(p, &command);
        show_progress(p);
        any = true;
    }
    show_progress(p);
    return any;
}

static bool hear(const struct host *p, int fd, uint32_t events)
{
    struct epoll_event interest = {.events = events, .data.fd = fd};
    return epoll_ctl(p->heard_fd, EPOLL_CTL_ADD, fd, &interest) == 0;
}

int listen_for_clerk(struct host *p)
{
    p->heard_fd = epoll_create1(EPOLL_CLOEXEC);
    bool heard = p->heard_fd >= 0 && hear(p, p->command_fd, EPOLLIN | EPOLLET) &&
                 hear(p, p->clerk_fd, EPOLLIN) && hear(p, p->control, EPOLLIN | EPOLLRDHUP | EPOLLET);
    return heard ? 0 : -errno;
}

/* ---- The thread ---------------------------------------------------------------------------- */

static bool has_work(struct host *p)
{
    return is_over(p) || atomic_load(&p->gone) || recorders_have_done(p->recorders) || has_moved(p) ||
           link_waiting(&p->asked) != 0 || atomic_load(&p->letting_go);
}

/* Something waits for room. */
static bool is_held_up(struct host *p)
{
    return p->leaving || recorders_have_done(p->recorders) || link_waiting(&p->asked) > 0 ||
           atomic_load(&p->letting_go);
}

static void sleep_for(struct host *p, int timeout_ms)
{
    struct epoll_event events[3];
    uint64_t count;
    int ready = epoll_wait(p->heard_fd, events, 3, timeout_ms);
    for (int i = 0; i < ready; i++) {
        if (events[i].data.fd == p->clerk_fd && read(p->clerk_fd, &count, sizeof count) < 0)
            continue; /* it was read before */
        if (events[i].data.fd != p->control)
            continue;
        p->mail = true;
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            end_link(p, PLANE_SWITCH_GONE);
    }
}

/* First say so, then look: whoever has something for us after the look sees it said. What came by the socket without
 * a command is taken off it: it could be the switch's end of it, which would then never be closed. */
static void rest(struct host *p)
{
    collect_parcels(p);
    atomic_store(&p->clerk_asleep, true);
    if (is_held_up(p)) {
        sleep_for(p, has_moved(p) ? 0 : AGAIN_MS);
    } else {
        atomic_store(&p->link.header->asleep, 1);
        if (!has_work(p))
            sleep_for(p, -1);
        atomic_store(&p->link.header->asleep, 0);
    }
    atomic_store(&p->clerk_asleep, false);
}

void *keep(void *argument)
{
    struct host *p = argument;
    prctl(PR_SET_NAME, "onhook-clerk");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE_LEVEL); /* if the system permits it */
    while (!is_over(p))
        if (!serve_clerk(p))
            rest(p);
    if (is_followed(p))
        take_the_rest(p);
    return NULL;
}
