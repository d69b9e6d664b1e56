/* The caller's side: what is played, joined and recorded. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A free segment for this call. Negative: there is none. */
static int take_segment(struct plane *p, uint64_t handle, uint32_t *segment)
{
    struct caller *caller = &p->caller;
    uint32_t index = find_open(p, handle), fresh = caller->segment_places.fresh;
    if (index == NO_PLACE)
        return -ENOENT;
    if (caller->calls[index].queued >= PLANE_MAX_SEGMENTS)
        return -ENOBUFS;
    *segment = places_take(&caller->segment_places);
    if (*segment == NO_PLACE)
        return -ENOBUFS;
    if (*segment >= fresh) /* so that the media thread need not wait for its page */
        memset(&p->segments[*segment], 0, sizeof *p->segments);
    caller->segment_prompts[*segment] = NO_PLACE;
    return 0;
}

/* Ask for what a segment was taken for. */
static int submit_segment(struct plane *p, const struct command *command, uint32_t segment)
{
    int result = submit(p, command);
    if (result < 0)
        places_give_back(&p->caller.segment_places, segment);
    else
        p->caller.calls[handle_index(command->call)].queued++;
    return result;
}

static int queue(struct plane *p, const struct command *asked)
{
    struct command command = *asked;
    uint32_t first = command.play.first, count = command.play.count;
    uint32_t prompt = places_find(&p->caller.prompt_places, command.play.prompt);
    if (prompt == NO_PLACE || p->caller.prompts[prompt].dropped)
        return -ENOENT;
    if (!count || first >= p->prompts[prompt].count || count > p->prompts[prompt].count - first)
        return -EINVAL;
    int result = take_segment(p, command.call, &command.play.segment);
    if (result < 0)
        return result;
    result = submit_segment(p, &command, command.play.segment);
    if (result >= 0) {
        p->caller.segment_prompts[command.play.segment] = prompt;
        p->caller.prompts[prompt].uses++;
    }
    return result;
}

int plane_play(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count)
{
    return queue(p, &(struct command){
        .kind = PLAY, .call = handle,
        .play = {.play_id = play_id, .prompt = prompt, .first = first, .count = count}});
}

int plane_loop(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count, int last)
{
    return queue(p, &(struct command){
        .kind = PLAY, .call = handle,
        .play = {.play_id = play_id, .prompt = prompt, .first = first, .count = count,
                 .kind = last ? LOOPED_LAST : LOOPED}});
}

int plane_send_digits(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *digits,
                      uint32_t count)
{
    struct command command = {.kind = SEND_DIGITS, .call = handle};
    if (!digits || !are_digits(digits, count))
        return -EINVAL;
    command.digits.play_id = play_id;
    command.digits.count = count;
    memcpy(command.digits.keys, digits, count);
    int result = take_segment(p, handle, &command.digits.segment);
    return result < 0 ? result : submit_segment(p, &command, command.digits.segment);
}

int plane_cut(plane *p, uint64_t handle)
{
    return submit_plain(p, handle, CUT);
}

int plane_bridge(plane *p, uint64_t one, uint64_t other)
{
    if (find_open(p, one) == NO_PLACE || find_open(p, other) == NO_PLACE)
        return -ENOENT;
    if (one == other)
        return -EINVAL;
    return submit(p, &(struct command){.kind = BRIDGE, .call = one, .other = other});
}

int plane_leave(plane *p, uint64_t handle)
{
    return submit_plain(p, handle, LEAVE);
}

static uint32_t find_open_room(const struct plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->caller.room_places, handle);
    return index != NO_PLACE && !p->caller.room_closing[index] ? index : NO_PLACE;
}

int plane_open_room(plane *p, uint64_t *out)
{
    struct places *places = &p->caller.room_places;
    uint32_t index = places_take(places);
    struct room *room = index == NO_PLACE ? NULL : malloc(sizeof *room);
    if (!room) {
        if (index != NO_PLACE)
            places_give_back(places, index);
        return -ENOMEM;
    }
    memset(room, 0, sizeof *room); /* so that the media thread need not wait for its pages */
    *out = room->handle = places_handle(places, index);
    p->rooms[index] = room;
    p->caller.room_closing[index] = false;
    int result = submit(p, &(struct command){.kind = OPEN_ROOM, .room = *out});
    if (result < 0)
        free_room(p, index);
    return result;
}

int plane_close_room(plane *p, uint64_t handle)
{
    uint32_t index = find_open_room(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    int result = submit(p, &(struct command){.kind = CLOSE_ROOM, .room = handle});
    p->caller.room_closing[index] = result >= 0;
    return result;
}

int plane_join(plane *p, uint64_t room, uint64_t handle, int muted)
{
    if (find_open(p, handle) == NO_PLACE || find_open_room(p, room) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){
        .kind = JOIN, .call = handle, .join = {.room = room, .muted = muted != 0}});
}

int plane_mute(plane *p, uint64_t handle, int muted)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){.kind = MUTE, .call = handle, .muted = muted != 0});
}

/* A recording in a place of its own; NO_PLACE: no memory. */
static uint32_t make_recording(struct plane *p, uint64_t call, int fd)
{
    struct places *places = &p->caller.recording_places;
    uint32_t index = places_take(places);
    if (index == NO_PLACE)
        return NO_PLACE;
    recording *one = recording_new(p->recorders, fd, call, places_handle(places, index));
    if (!one) {
        places_give_back(places, index);
        return NO_PLACE;
    }
    p->recordings[index] = (struct caller_recording){.one = one};
    return index;
}

static void free_recording(struct plane *p, uint32_t index, bool close_fd)
{
    recording_free(p->recordings[index].one, close_fd);
    p->recordings[index] = (struct caller_recording){0};
    places_give_back(&p->caller.recording_places, index);
}

int plane_record(plane *p, uint64_t handle, int fd, uint64_t *out)
{
    uint32_t call = find_open(p, handle);
    int on = 1;
    if (call == NO_PLACE)
        return -ENOENT;
    if (fd < 0)
        return -EINVAL;
    if (p->caller.calls[call].recordings >= PLANE_MAX_RECORDINGS)
        return -ENOBUFS;
    uint32_t index = make_recording(p, handle, fd);
    if (index == NO_PLACE)
        return -ENOMEM;
    recording *one = p->recordings[index].one;
    setsockopt(p->caller.calls[call].fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int result = submit(p, &(struct command){
        .kind = RECORD, .call = handle, .recording = recording_handle(one)});
    if (result < 0) {
        free_recording(p, index, false);
        return result;
    }
    recorders_add(p->recorders, one);
    p->caller.calls[call].recordings++;
    *out = recording_handle(one);
    return result;
}

int plane_record_stop(plane *p, uint64_t handle, uint64_t which)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){
        .kind = RECORD_STOP, .call = handle, .recording = which});
}

int plane_reap_recording(plane *p, uint64_t handle, struct plane_recorded *out)
{
    uint32_t index = places_find(&p->caller.recording_places, handle);
    if (index == NO_PLACE || !p->recordings[index].done)
        return -ENOENT;
    recording_read(p->recordings[index].one, out);
    free_recording(p, index, true);
    return 0;
}
