/* What the clerk notes of the commands that it passes on, so that a switch that comes after one that died can be told
 * what there is, and how that is listed. What has ended by itself is not noted here: it is told. */
#define _GNU_SOURCE
#include "internal.h"

/* ---- Noting -------------------------------------------------------------------------------- */

static struct kept_call *kept_of(struct host *p, uint64_t handle)
{
    return &p->kept[handle_index(handle)];
}

static void note_handle(struct host *p, uint64_t handle)
{
    uint32_t generation = (uint32_t)(handle >> 32);
    if (generation > p->generation)
        p->generation = generation;
}

static void note_leaving(struct host *p, struct kept_call *call)
{
    if (call->bridged_to)
        kept_of(p, call->bridged_to)->bridged_to = 0;
    call->bridged_to = call->room = 0;
}

static void note_bridge(struct host *p, struct kept_call *one, struct kept_call *other)
{
    if (one == other)
        return;
    note_leaving(p, one);
    note_leaving(p, other);
    one->bridged_to = other->handle;
    other->bridged_to = one->handle;
}

static void note_segment(struct host *p, uint32_t number, struct kept_segment segment, bool last)
{
    struct kept_call *call = kept_of(p, segment.call);
    p->kept_segments[number] = segment;
    call->begun_play = last ? 0 : segment.play_id;
    if (last && segment.play_id > call->last_play)
        call->last_play = segment.play_id;
}

void note(struct host *p, const struct command *command)
{
    switch (command->kind) {
    case OPEN: note_handle(p, command->call); break;
    case OPEN_ROOM: note_handle(p, command->room); break;
    case RECORD: note_handle(p, command->recording); break;
    case ADD_PROMPT: note_handle(p, command->prompt.prompt); break;
    case PLAY:
        note_segment(p, command->play.segment,
                     (struct kept_segment){command->call, command->play.play_id, command->play.prompt},
                     command->play.last);
        break;
    case SEND_DIGITS:
        note_segment(p, command->digits.segment,
                     (struct kept_segment){command->call, command->digits.play_id, 0},
                     command->digits.last);
        break;
    case CUT: kept_of(p, command->call)->begun_play = 0; break;
    case BRIDGE: note_bridge(p, kept_of(p, command->call), kept_of(p, command->other)); break;
    case JOIN:
        note_leaving(p, kept_of(p, command->call));
        kept_of(p, command->call)->room = command->join.room;
        break;
    case LEAVE:
    case CLOSE: note_leaving(p, kept_of(p, command->call)); break;
    default: break;
    }
}

/* ---- Listing ------------------------------------------------------------------------------- */

static uint16_t port_of(int fd, uint8_t *family)
{
    union address address = {.v6 = {0}};
    socklen_t bytes = sizeof address;
    if (getsockname(fd, &address.any, &bytes) < 0)
        return 0;
    *family = (uint8_t)address.any.sa_family;
    return ntohs(address_port(&address));
}

/* A room that was closed has nobody in it. */
static uint64_t open_room_in(struct host *p, uint64_t handle)
{
    struct room *room = handle ? p->rooms[handle_index(handle)] : NULL;
    return room && room->handle == handle && !room->closing ? handle : 0;
}

static void list_call(struct host *p, const struct kept_call *call, struct listed_call *out)
{
    *out = (struct listed_call){
        .handle = call->handle,
        .last_play = call->last_play,
        .bridged_to = call->bridged_to,
        .room = open_room_in(p, call->room),
        .is_protected = call->is_protected,
        .has_rtcp = call->rtcp_fd != 0,
        .closing = call->closing,
    };
    out->port = port_of(call->fd, &out->family);
}

static void list_segments(struct host *p, struct listing *listing)
{
    for (uint32_t i = 0; i < p->fresh_segments; i++) {
        const struct kept_segment *segment = &p->kept_segments[i];
        if (atomic_load(&p->segments_taken[i]))
            p->link.listed_segment[listing->segments++] = (struct listed_segment){
                .call = segment->call, .play_id = segment->play_id, .prompt = segment->prompt, .number = i};
    }
}

void list_all(struct host *p)
{
    struct listing listing = {.generation = p->generation};
    for (uint32_t i = 0; i < p->config.max_calls; i++)
        if (p->kept[i].handle)
            list_call(p, &p->kept[i], &p->link.listed_call[listing.calls++]);
    for (uint32_t i = 0; i < room_count(&p->config); i++)
        if (p->rooms[i])
            p->link.listed_room[listing.rooms++] =
                (struct listed_room){p->rooms[i]->handle, p->rooms[i]->closing};
    for (uint32_t i = 0; i < recording_count(&p->config); i++)
        if (p->recordings[i])
            p->link.listed_recording[listing.recordings++] = (struct listed_recording){
                recording_handle(p->recordings[i]), recording_owner(p->recordings[i]),
                recording_tag(p->recordings[i])};
    list_segments(p, &listing);
    p->link.header->listing = listing;
}
