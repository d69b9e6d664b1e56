/* What is played, joined and recorded. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A free segment for this call. Negative: there is none. */
static int take_segment(struct plane *p, uint64_t handle, uint32_t *segment)
{
    uint32_t index = find_open(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    if (p->calls[index].queued >= PLANE_MAX_SEGMENTS)
        return -ENOBUFS;
    *segment = places_take(&p->segment_places);
    if (*segment == NO_PLACE)
        return -ENOBUFS;
    return 0;
}

/* Ask for what a segment was taken for. */
static int submit_segment(struct plane *p, const struct command *command, uint32_t segment, uint64_t play_id)
{
    int result = submit(p, command, nothing());
    if (result < 0) {
        places_give_back(&p->segment_places, segment);
        return result;
    }
    p->segments[segment] = (struct caller_segment){command->call, play_id, NO_PLACE};
    p->calls[handle_index(command->call)].queued++;
    return result;
}

/* What was asked of it before is a message all the same. */
static int published(struct plane *p, int result)
{
    if (result < 0)
        publish(p);
    return result;
}

static int queue(struct plane *p, const struct command *asked)
{
    struct command command = *asked;
    uint32_t first = command.play.first, count = command.play.count;
    uint32_t prompt = places_find(&p->prompt_places, command.play.prompt);
    if (prompt == NO_PLACE || p->prompts[prompt].dropped)
        return -ENOENT;
    if (!count || first >= p->prompts[prompt].count || count > p->prompts[prompt].count - first)
        return -EINVAL;
    int result = take_segment(p, command.call, &command.play.segment);
    if (result < 0)
        return result;
    result = submit_segment(p, &command, command.play.segment, command.play.play_id);
    if (result >= 0) {
        p->segments[command.play.segment].prompt = prompt;
        p->prompts[prompt].uses++;
    }
    return result;
}

int plane_play(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count, int last)
{
    return published(p, queue(p, &(struct command){
        .kind = PLAY, .call = handle,
        .play = {.play_id = play_id, .prompt = prompt, .first = first, .count = count, .last = last != 0}}));
}

int plane_loop(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count, int last)
{
    return published(p, queue(p, &(struct command){
        .kind = PLAY, .call = handle,
        .play = {.play_id = play_id, .prompt = prompt, .first = first, .count = count,
                 .kind = last ? LOOPED_LAST : LOOPED, .last = last != 0}}));
}

int plane_send_digits(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *digits,
                      uint32_t count, int last)
{
    struct command command = {.kind = SEND_DIGITS, .call = handle};
    if (!digits || !are_digits(digits, count))
        return -EINVAL;
    command.digits.play_id = play_id;
    command.digits.count = count;
    command.digits.last = last != 0;
    memcpy(command.digits.keys, digits, count);
    int result = take_segment(p, handle, &command.digits.segment);
    if (result >= 0)
        result = submit_segment(p, &command, command.digits.segment, play_id);
    return published(p, result);
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
    return submit(p, &(struct command){.kind = BRIDGE, .call = one, .other = other}, nothing());
}

int plane_leave(plane *p, uint64_t handle)
{
    return submit_plain(p, handle, LEAVE);
}

static uint32_t find_open_room(const struct plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->room_places, handle);
    return index != NO_PLACE && !p->room_closing[index] ? index : NO_PLACE;
}

int plane_open_room(plane *p, uint64_t *out)
{
    uint32_t index = places_take(&p->room_places);
    if (index == NO_PLACE)
        return -ENOMEM;
    uint64_t handle = places_handle(&p->room_places, index);
    int result = submit(p, &(struct command){.kind = OPEN_ROOM, .room = handle}, nothing());
    if (result < 0) {
        places_give_back(&p->room_places, index);
        return result;
    }
    p->room_closing[index] = p->room_left[index] = false;
    *out = handle;
    return result;
}

int plane_close_room(plane *p, uint64_t handle)
{
    uint32_t index = find_open_room(p, handle);
    if (index == NO_PLACE)
        return -ENOENT;
    int result = submit(p, &(struct command){.kind = CLOSE_ROOM, .room = handle}, nothing());
    p->room_closing[index] = result >= 0;
    return result;
}

int plane_join(plane *p, uint64_t room, uint64_t handle, int muted)
{
    if (find_open(p, handle) == NO_PLACE || find_open_room(p, room) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){
        .kind = JOIN, .call = handle, .join = {.room = room, .muted = muted != 0}}, nothing());
}

int plane_mute(plane *p, uint64_t handle, int muted)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){.kind = MUTE, .call = handle, .muted = muted != 0}, nothing());
}

static int record(plane *p, uint64_t handle, int fd, uint64_t tag, bool waits, uint64_t *out)
{
    uint32_t call = find_open(p, handle);
    if (call == NO_PLACE)
        return -ENOENT;
    if (fd < 0)
        return -EINVAL;
    if (p->calls[call].recordings >= PLANE_MAX_RECORDINGS)
        return -ENOBUFS;
    uint32_t index = places_take(&p->recording_places);
    if (index == NO_PLACE)
        return -ENOMEM;
    struct command command = {.kind = RECORD, .call = handle};
    command.recording = places_handle(&p->recording_places, index);
    command.tag = tag;
    command.waits = waits;
    int result = submit(p, &command, (struct enclosure){fd, true});
    if (result < 0) {
        places_give_back(&p->recording_places, index);
        return result;
    }
    p->recordings[index] = (struct caller_recording){0};
    p->calls[call].recordings++;
    *out = command.recording;
    return result;
}

int plane_record(plane *p, uint64_t handle, int fd, uint64_t tag, uint64_t *out)
{
    return record(p, handle, fd, tag, false, out);
}

int plane_prepare_recording(plane *p, uint64_t handle, int fd, uint64_t tag, uint64_t *out)
{
    return record(p, handle, fd, tag, true, out);
}

int plane_begin_recording(plane *p, uint64_t handle, uint64_t which, uint64_t behind)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){
        .kind = RECORD_BEGIN, .call = handle, .recording = which, .behind = behind}, nothing());
}

int plane_record_stop(plane *p, uint64_t handle, uint64_t which)
{
    if (find_open(p, handle) == NO_PLACE)
        return -ENOENT;
    return submit(p, &(struct command){
        .kind = RECORD_STOP, .call = handle, .recording = which}, nothing());
}

int plane_reap_recording(plane *p, uint64_t handle, struct plane_recorded *out)
{
    uint32_t index = places_find(&p->recording_places, handle);
    struct left_recording *left = find_left(p, handle);
    if (left && left->adopted && left->done) {
        *out = left->figures;
        left->handle = 0;
        return 0;
    }
    if (left || index == NO_PLACE || !p->recordings[index].done)
        return -ENOENT;
    *out = p->recordings[index].figures;
    places_give_back(&p->recording_places, index);
    return 0;
}
