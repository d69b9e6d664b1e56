/* Which media thread a command is for.
 *
 * Calls are opened in the first thread until that has plenty, since a thread that has nothing sleeps; from then on
 * where there are fewest. Those that hear each other are in one thread: who is to be joined to somebody in
 * another is moved there, where the room is, or to the thread that has less to do.
 *
 * A move. The thread takes the call out, at the beginning of a tick, and says so; then the clerk gives it to the other, and
 * behind it the command that it was for. Until then the clerk takes no other, so that all are followed in their order.
 */
#define _GNU_SOURCE
#include "internal.h"

enum { MOST_AT_ONCE = 3 /* commands that one comes to */ };

unsigned choose_thread(const struct host *p)
{
    unsigned best = 0;
    for (unsigned i = 0; i < p->config.threads; i++) {
        if (p->load[i] < p->config.plenty)
            return i;
        if (p->load[i] < p->load[best])
            best = i;
    }
    return best;
}

bool can_hand_on(struct host *p)
{
    for (unsigned i = 0; i < p->config.threads; i++)
        if (p->threads[i].commands.size - ring_length(&p->threads[i].commands) < MOST_AT_ONCE)
            return false;
    return !p->removal.going;
}

static void give(struct host *p, unsigned thread, const struct command *command)
{
    struct media *media = &p->threads[thread];
    media->command[ring_put_at(&media->commands)] = *command;
    ring_put(&media->commands);
    p->handed_on++;
    if (atomic_exchange(&media->idle, false))
        signal_fd(media->wake_fd);
}

static struct kept_call *kept_of(struct host *p, uint64_t handle)
{
    return &p->kept[handle_index(handle)];
}

static unsigned thread_of(struct host *p, const struct command *command)
{
    if (command->kind == OPEN_ROOM || command->kind == CLOSE_ROOM)
        return p->rooms[handle_index(command->room)]->thread;
    return kept_of(p, command->call)->thread;
}

/* Of two that are to be joined: who has to go, and where to. 0: they are in one thread. */
static uint64_t mover(struct host *p, const struct command *command, unsigned *to)
{
    unsigned mine = kept_of(p, command->call)->thread;
    *to = mine;
    if (command->kind == JOIN)
        *to = p->rooms[handle_index(command->join.room)]->thread;
    if (command->kind == BRIDGE)
        *to = kept_of(p, command->other)->thread;
    if (*to == mine)
        return 0;
    if (command->kind == JOIN || p->load[*to] <= p->load[mine])
        return command->call;
    *to = mine;
    return command->other;
}

void hand_on(struct host *p, const struct command *command)
{
    unsigned to;
    uint64_t call = mover(p, command, &to);
    if (!call) {
        give(p, thread_of(p, command), command);
        return;
    }
    p->removal = (struct removal){
        .going = true, .number = p->removal.number + 1, .call = call, .to = to, .then = *command};
    give(p, kept_of(p, call)->thread, &(struct command){.kind = MOVE, .call = call});
}

bool has_moved(struct host *p)
{
    return p->removal.going && atomic_load(&p->moved) == p->removal.number;
}

void finish_move(struct host *p)
{
    struct removal *removal = &p->removal;
    struct kept_call *call = kept_of(p, removal->call);
    removal->going = false;
    p->load[call->thread]--;
    p->load[removal->to]++;
    call->thread = removal->to;
    give(p, call->thread, &(struct command){.kind = ARRIVE, .call = removal->call});
    give(p, call->thread, &removal->then);
}
