/* Handles, and commands on their way. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

uint32_t find(const struct plane *p, uint64_t handle)
{
    return places_find(&p->call_places, handle);
}

uint32_t find_open(const struct plane *p, uint64_t handle)
{
    uint32_t index = find(p, handle);
    return index != NO_PLACE && !p->calls[index].closing ? index : NO_PLACE;
}

/* ---- Commands ------------------------------------------------------------------------------ */

/* Wake the clerk, if it sleeps. */
static void ring_clerk(struct plane *p)
{
    uint64_t one = 1;
    if (atomic_exchange(&p->link.header->asleep, 0) &&
        write(p->fds.commands, &one, sizeof one) < 0 && errno != EAGAIN)
        p->broken = true;
}

int break_off(struct plane *p)
{
    p->broken = true;
    return -EPIPE;
}

void publish(struct plane *p)
{
    if (p->published == p->commands.own)
        return;
    p->published = p->commands.own;
    link_publish(&p->commands);
    ring_clerk(p);
}

/* The rest of a message is about to follow: whoever sees any of it sees all. */
static bool is_part(const struct command *command)
{
    return (command->kind == PLAY && !command->play.last) ||
           (command->kind == SEND_DIGITS && !command->digits.last);
}

/* 0; -EAGAIN: there is no room, and nothing has happened. */
static int hand_over(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int64_t room = link_room(&p->commands);
    if (room == LINK_NONSENSE || p->broken)
        return break_off(p);
    if (!room) {
        publish(p);
        return -EAGAIN;
    }
    uint64_t number = enclosed.fd < 0 ? 0 : p->parcels + 1;
    int sent = number ? link_send(p->fds.control, number, enclosed.fd) : 0;
    if (sent == -EPIPE)
        return break_off(p);
    if (sent < 0)
        return sent;
    if (number)
        p->parcels = number;
    if (enclosed.given)
        close(enclosed.fd);
    struct command *entry = &p->link.command[link_at(&p->commands)];
    *entry = *command;
    entry->parcel = number;
    link_write(&p->commands);
    if (!is_part(command))
        publish(p);
    return 0;
}

static int make_room(struct plane *p)
{
    if (p->held_count < p->held_room)
        return 0;
    size_t room = p->held_room ? p->held_room * 2 : 64;
    struct held *held = realloc(p->held, room * sizeof *held);
    if (!held)
        return -ENOMEM;
    p->held = held;
    p->held_room = room;
    return 0;
}

/* What is not given may be closed before it is sent. */
static int hold(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int result = make_room(p);
    if (result < 0)
        return result;
    if (enclosed.fd >= 0 && !enclosed.given) {
        enclosed.fd = fcntl(enclosed.fd, F_DUPFD_CLOEXEC, 3);
        enclosed.given = true;
        if (enclosed.fd < 0)
            return -errno;
    }
    p->held[p->held_count++] = (struct held){*command, enclosed};
    return PLANE_HELD;
}

/* One that cannot be sent at all would keep all behind it: the plane refuses the command instead. */
int plane_flush(plane *p)
{
    while (p->held_first < p->held_count) {
        const struct held *next = &p->held[p->held_first];
        int result = hand_over(p, &next->command, next->enclosed);
        if (result == -EAGAIN)
            return PLANE_HELD;
        if (result == -EPIPE)
            return result;
        if (result < 0) {
            close(next->enclosed.fd);
            hand_over(p, &next->command, nothing());
        }
        p->held_first++;
    }
    p->held_first = p->held_count = 0;
    return 0;
}

void drop_held(struct plane *p)
{
    for (size_t i = p->held_first; i < p->held_count; i++)
        if (p->held[i].enclosed.given)
            close(p->held[i].enclosed.fd);
    free(p->held);
}

int submit(struct plane *p, const struct command *command, struct enclosure enclosed)
{
    int result = plane_flush(p);
    if (result == 0)
        result = hand_over(p, command, enclosed);
    return result == PLANE_HELD || result == -EAGAIN ? hold(p, command, enclosed) : result;
}

int submit_plain(struct plane *p, uint64_t handle, enum command_kind kind)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){.kind = kind, .call = handle}, nothing());
}
