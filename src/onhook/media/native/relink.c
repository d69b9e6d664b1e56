/* From one switch to the next. The media threads go on meanwhile, and nobody waits for anybody: they ring by a descriptor
 * that keeps its number, and what they tell stays in its ring. The clerk of a link ends with it, once all that the
 * switch had asked has been followed; the next link has a clerk of its own.
 *
 * The memory of a switch that was killed is unmapped before its sockets are closed, and one that hands over does it in
 * this order: so nobody else writes to it here.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

enum { LOOK_AGAIN_NS = 200000 };

/* ---- The last of a switch ------------------------------------------------------------------ */

static bool are_through(struct host *p)
{
    for (uint32_t i = 0; i < p->config.threads; i++) {
        struct media *media = &p->threads[i];
        if (atomic_load(&media->through) != atomic_load(&media->commands.tail.value))
            return false;
    }
    return link_waiting(&p->asked) <= 0 && !p->removal.going;
}

/* A message of which the end is missing would never end: the switch had written too much for the ring, and died before it
 * had written the rest. The next one plays it anew. */
static void cut_what_is_not_whole(struct host *p)
{
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->kept[i].handle && p->kept[i].begun_play && can_hand_on(p))
            admit(p, &(struct command){.kind = CUT, .call = p->kept[i].handle});
}

static void follow_all(struct host *p)
{
    while (!atomic_load(&p->stopping) && !are_through(p))
        if (!serve_clerk(p))
            nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_NS}, NULL);
}

void take_the_rest(struct host *p)
{
    follow_all(p);
    cut_what_is_not_whole(p);
    follow_all(p);
    take_gone(p);
}

/* ---- The next link ------------------------------------------------------------------------- */

static void replace(int *fd, int by)
{
    if (*fd >= 0)
        close(*fd);
    *fd = by;
}

int make_ends(struct host *p)
{
    int ends[2], pair[2], bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell < 0)
        return -errno;
    replace(&p->command_fd, bell);
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    replace(&p->far_event_fd, ends[0]);
    if (p->event_fd < 0)
        p->event_fd = ends[1];
    else if (dup3(ends[1], p->event_fd, O_CLOEXEC) < 0 || close(ends[1]) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    replace(&p->control, pair[0]);
    replace(&p->far_control, pair[1]);
    return 0;
}

/* Nothing of it is believed that the switch may have written, and no key stays in an entry that was never published. */
static void clean(struct host *p, uint64_t generation)
{
    struct link_header *header = p->link.header;
    for (uint32_t i = 0; i < p->config.command_ring; i++)
        memset(&p->link.command[i], 0, sizeof p->link.command[i]);
    link_head(&p->config, header);
    header->pid = getpid();
    header->generation = generation;
    atomic_store(&header->commands.head.value, 0);
    atomic_store(&header->commands.tail.value, 0);
    atomic_store(&header->health.admitted, 0);
    atomic_store(&header->asleep, 0);
    p->asked = link_consumer(&header->commands, p->config.command_ring);
    link_publish(&p->endings);
}

int plane_host_relink(plane_host *p, uint64_t generation, struct plane_link *link)
{
    uint64_t count;
    pthread_join(p->clerk, NULL);
    p->clerk_runs = false;
    drop_parcels(p);
    drop_prompts(p);
    clean(p, generation);
    list_all(p);
    int result = make_ends(p);
    if (result == 0) {
        close(p->heard_fd);
        result = listen_for_clerk(p);
    }
    if (result < 0)
        return result;
    if (read(p->over_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return -errno;
    atomic_store(&p->over, PLANE_GOING);
    result = start_thread(&p->clerk, keep, p);
    p->clerk_runs = result == 0;
    *link = (struct plane_link){p->memory_fd, p->command_fd, p->far_event_fd, p->far_control};
    return result;
}

int plane_host_is_attended(const plane_host *p)
{
    return atomic_load(&p->link.header->attended) == p->link.header->generation;
}

/* ---- Nobody comes -------------------------------------------------------------------------- */

uint64_t plane_host_let_go(plane_host *p)
{
    uint64_t calls = atomic_load(&p->link.header->health.calls);
    atomic_store(&p->letting_go, true);
    wake_clerk(p);
    return calls;
}

static void close_one(struct host *p, uint32_t number)
{
    uint32_t calls = p->config.max_calls;
    if (number < calls && p->kept[number].handle && !p->kept[number].closing)
        admit(p, &(struct command){.kind = CLOSE, .call = p->kept[number].handle});
    if (number >= calls && p->rooms[number - calls] && !p->rooms[number - calls]->closing)
        admit(p, &(struct command){.kind = CLOSE_ROOM, .room = p->rooms[number - calls]->handle});
}

void let_go_of_all(struct host *p)
{
    while (p->let_go_until < p->config.max_calls + room_count(&p->config)) {
        if (!can_hand_on(p))
            return;
        close_one(p, p->let_go_until++);
    }
    p->let_go_until = 0;
    list_all(p);
    atomic_store(&p->letting_go, false);
}
