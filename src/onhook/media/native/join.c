/* Who is joined to whom, and who is read when: those that are joined as soon as something arrives; of the others those
 * from whom nothing comes not before something has arrived, and all others once a round. */
#define _GNU_SOURCE
#include "internal.h"

enum { STILL_ROUNDS = 50 /* 1 s */ };

/* Should the system refuse, the call is read once a round, as others are. */
static void watch(struct media *p, struct call *call)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = call};
    attend(p, call);
    if (call->watched || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, call->fd, &interest) < 0)
        return;
    call->watched = true;
    p->watched_calls++;
}

static void unwatch(struct media *p, struct call *call)
{
    if (!call->watched)
        return;
    epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, call->fd, NULL);
    call->watched = false;
    p->watched_calls--;
}

void leave_alone(struct media *p, struct call *call)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = call};
    if (call->watched || ++call->still_rounds < STILL_ROUNDS)
        return;
    call->still_rounds = 0;
    call->left_alone = epoll_ctl(p->still_fd, EPOLL_CTL_ADD, call->fd, &interest) == 0;
    p->still_calls += call->left_alone;
}

void attend(struct media *p, struct call *call)
{
    if (!call->left_alone)
        return;
    epoll_ctl(p->still_fd, EPOLL_CTL_DEL, call->fd, NULL);
    call->left_alone = false;
    p->still_calls--;
}

void attend_to_all(struct media *p)
{
    int count = epoll_wait(p->still_fd, p->ready, READY_BATCH, 0);
    for (int i = 0; i < count; i++)
        attend(p, p->ready[i].data.ptr);
}

void serve_watched(struct media *p)
{
    int count = epoll_wait(p->epoll_fd, p->ready, READY_BATCH, 0);
    begin_batch(p);
    for (int i = 0; i < count; i++) {
        struct call *call = p->ready[i].data.ptr;
        receive(p, call);
        report(p, call);
    }
    end_batch(p);
}

void leave(struct media *p, struct call *call)
{
    struct call *other = call->bridged;
    unwatch(p, call);
    call->bridged = NULL;
    call->relay.anchored = false;
    align(p, call); /* silence follows at once */
    if (other) {
        unwatch(p, other);
        other->bridged = NULL;
        other->relay.anchored = false;
        align(p, other);
    }
    if (call->member)
        call->member->call = NULL;
    call->member = NULL;
}

void bridge(struct media *p, struct call *one, struct call *other)
{
    if (one->bridged == other)
        return; /* as they are: a new wait for the first packet would be a gap */
    leave(p, one);
    leave(p, other);
    one->bridged = other;
    other->bridged = one;
    one->relayed_until = other->relayed_until = p->tick + SLOTS;
    watch(p, one);
    watch(p, other);
}

void join(struct media *p, struct call *call, struct room *room, bool muted)
{
    leave(p, call);
    for (int i = 0; i < PLANE_ROOM_MEMBERS; i++) {
        struct member *member = &room->members[i];
        if (member->call)
            continue;
        member->call = call;
        member->muted = muted;
        member->gain = 1;
        member->voice.speaking = false;
        call->member = member;
        watch(p, call);
        return;
    }
}
