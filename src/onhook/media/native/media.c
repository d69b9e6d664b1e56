/* The caller's side: what is played, joined and recorded. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int queue(struct plane *p, uint64_t handle, struct segment what)
{
    struct call *call = find_open(p, handle);
    if (!call)
        return -ENOENT;
    if (!what.frames[MU_LAW] || !what.frames[A_LAW] || !what.count)
        return -EINVAL;
    if (call->queued >= PLANE_MAX_SEGMENTS)
        return -ENOBUFS;
    struct segment *segment = malloc(sizeof *segment);
    if (!segment)
        return -ENOMEM;
    *segment = what;
    int result = submit(p, (struct command){.kind = PLAY, .call = call, .segment = segment});
    if (result < 0)
        free(segment);
    else
        call->queued++;
    return result;
}

int plane_play(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *mu_law,
               const uint8_t *a_law, uint32_t count)
{
    return queue(p, handle,
                 (struct segment){
                     .frames = {mu_law, a_law}, .count = count, .play_id = play_id});
}

int plane_loop(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *mu_law,
               const uint8_t *a_law, uint32_t count, int last)
{
    return queue(p, handle,
                 (struct segment){.kind = last ? LOOPED_LAST : LOOPED,
                                  .frames = {mu_law, a_law}, .count = count, .play_id = play_id});
}

int plane_send_digits(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *digits,
                      uint32_t count)
{
    for (uint32_t i = 0; digits && i < count; i++)
        if (digits[i] != ',' && !memchr(keys, digits[i], sizeof keys - 1))
            return -EINVAL;
    return queue(p, handle, (struct segment){
        .kind = DIGITS, .frames = {digits, digits}, .count = count, .play_id = play_id});
}

int plane_bridge(plane *p, uint64_t one, uint64_t other)
{
    struct command command = {
        .kind = BRIDGE, .call = find_open(p, one), .other = find_open(p, other)};
    if (!command.call || !command.other)
        return -ENOENT;
    return command.call == command.other ? -EINVAL : submit(p, command);
}

int plane_open_room(plane *p, plane_room **out)
{
    struct plane_room *room = malloc(sizeof *room);
    if (!room)
        return -ENOMEM;
    memset(room, 0, sizeof *room); /* so that the media thread need not wait for its pages */
    int result = submit(p, (struct command){.kind = OPEN_ROOM, .room = room});
    if (result < 0) {
        free(room);
        return result;
    }
    room->older = p->newest_room;
    if (room->older)
        room->older->newer = room;
    p->newest_room = *out = room;
    return result;
}

int plane_close_room(plane *p, plane_room *room)
{
    return submit(p, (struct command){.kind = CLOSE_ROOM, .room = room});
}

int plane_join(plane *p, plane_room *room, uint64_t handle, int muted)
{
    struct command command = {
        .kind = JOIN, .call = find_open(p, handle), .room = room, .muted = muted};
    return command.call ? submit(p, command) : -ENOENT;
}

int plane_mute(plane *p, uint64_t handle, int muted)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = MUTE, .call = call, .muted = muted}) : -ENOENT;
}

int plane_leave(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = LEAVE, .call = call}) : -ENOENT;
}

int plane_cut(plane *p, uint64_t handle)
{
    struct call *call = find_open(p, handle);
    return call ? submit(p, (struct command){.kind = CUT, .call = call}) : -ENOENT;
}

int plane_record(plane *p, uint64_t handle, int fd, plane_recording **out)
{
    struct call *call = find_open(p, handle);
    int on = 1;
    if (!call)
        return -ENOENT;
    if (fd < 0)
        return -EINVAL;
    if (call->recordings >= PLANE_MAX_RECORDINGS)
        return -ENOBUFS;
    recording *one = recording_new(p->recorders, fd, handle);
    if (!one)
        return -ENOMEM;
    setsockopt(call->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int result = submit(p, (struct command){.kind = RECORD, .call = call, .recording = one});
    if (result < 0) {
        recording_free(one, false);
        return result;
    }
    recorders_add(p->recorders, one);
    call->recordings++;
    *out = one;
    return result;
}

int plane_record_stop(plane *p, uint64_t handle, const plane_recording *one)
{
    struct command command = {.kind = RECORD_STOP, .call = find_open(p, handle)};
    command.recording = (plane_recording *)(uintptr_t)one;
    return command.call ? submit(p, command) : -ENOENT;
}

void plane_reap_recording(plane *p, plane_recording *one, struct plane_recorded *out)
{
    (void)p;
    recording_read(one, out);
    recording_free(one, true);
}
