/* Rooms: calls that hear each other mixed.
 *
 * Rooms stand in slots, as calls do; mixer.c is what happens to the voices. Each member without
 * anything to play is sent a frame each round.
 */
#define _GNU_SOURCE
#include "internal.h"

void open_room(struct media *p, struct room *room)
{
    room->open = true;
    room->slot = emptiest_slot(p);
    struct slot *slot = &p->slots[room->slot];
    room->next = slot->rooms;
    slot->rooms = room;
    slot->count += PLANE_ROOM_MEMBERS;
    p->open_rooms++;
}

void close_room(struct media *p, struct room *room)
{
    for (int i = 0; i < PLANE_ROOM_MEMBERS; i++)
        if (room->members[i].call)
            leave(p, room->members[i].call);
    room->closed = true;
}

/* Everybody but oneself. */
static void send_mix(struct media *p, struct member *member, const int32_t *sum)
{
    struct call *call = member->call;
    int32_t others[MIX_SAMPLES];
    if (call->playing || sent_ahead(p, call) > 0)
        return; /* what was played last is not over */
    for (int i = 0; i < MIX_SAMPLES; i++)
        others[i] = sum[i] - (member->muted ? 0 : member->frame[i]);
    mix_encode(&member->gain, others, law_of(call->payload_type), member->mixed);
    transmit_frame(p, call, member->mixed);
}

void serve_room(struct media *p, struct room *room)
{
    int32_t sum[MIX_SAMPLES] = {0};
    for (int n = 0; n < PLANE_ROOM_MEMBERS; n++) {
        struct member *member = &room->members[n];
        if (!member->call)
            continue;
        voice_frame(&member->voice, member->frame);
        for (int i = 0; i < MIX_SAMPLES && !member->muted; i++)
            sum[i] += member->frame[i];
    }
    begin_batch(p);
    for (int n = 0; n < PLANE_ROOM_MEMBERS; n++)
        if (room->members[n].call)
            send_mix(p, &room->members[n], sum);
    end_batch(p);
}

void serve_rooms(struct media *p, struct slot *slot)
{
    struct room **link = &slot->rooms;
    while (*link) {
        struct room *room = *link, *next = room->next;
        if (!room->closed)
            serve_room(p, room);
        if (room->closed) {
            *link = next;
            slot->count -= PLANE_ROOM_MEMBERS;
            p->open_rooms--;
            let_go(p, &room->gone, GONE_ROOM);
        } else {
            link = &room->next;
        }
    }
}
