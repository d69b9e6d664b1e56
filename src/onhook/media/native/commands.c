/* What the clerk passed on, in the media thread: everything in it is checked before it is used. */
#define _GNU_SOURCE
#include "internal.h"

#include <string.h>

enum {
    COMMANDS_PER_TICK = 2048, /* so that a flood of commands does not stop the frames */
};

static struct call *find_call(struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= p->host->config.max_calls)
        return NULL;
    struct call *call = &p->host->calls[index];
    return call->handle == handle && call->media == p && !call->owes_closed ? call : NULL;
}

static struct room *find_room(const struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    struct room *room = index < room_count(&p->host->config) ? p->host->rooms[index] : NULL;
    return room && room->handle == handle && !room->closed ? room : NULL;
}

/* Taken at once, so that no other thread finds it free. */
static struct segment *take_segment(const struct media *p, uint32_t number)
{
    if (number >= segment_count(&p->host->config) || atomic_exchange(&p->host->segments_taken[number], 1))
        return NULL;
    return &p->host->segments[number];
}

static struct prompt *find_prompt(const struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    bool known = handle && index < segment_count(&p->host->config) && p->host->prompts[index].handle == handle;
    return known ? &p->host->prompts[index] : NULL;
}

static recording *find_recording(const struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    recording *one = index < recording_count(&p->host->config) ? p->host->recordings[index] : NULL;
    return one && recording_handle(one) == handle ? one : NULL;
}

static uint8_t event_type(int payload_type)
{
    return payload_type == PLANE_NO_EVENTS ? NO_EVENTS : (uint8_t)payload_type;
}

static bool agree(struct call *call, const struct plane_format *format)
{
    if (!is_format(format))
        return false;
    send_packed(call); /* under what was agreed until now */
    pack_into(call, format->packet_ms);
    call->payload_type = format->payload_type;
    call->audio_type = format->audio_type;
    call->event_payload_type = event_type(format->event_payload_type);
    call->event_from_peer = event_type(format->event_from_peer);
    call->on_hold = format->on_hold;
    call->comfort_noise = format->comfort_noise;
    call->rtcp.silent = format->no_rtcp;
    return true;
}

static bool open_call(struct media *p, const struct command *command)
{
    uint32_t index = handle_index(command->call);
    if (!command->call || index >= p->host->config.max_calls || p->host->calls[index].handle ||
        command->open.fd < 0 || !is_remote(&command->open.remote) ||
        !is_format(&command->open.format))
        return false;
    struct call *call = &p->host->calls[index];
    *call = (struct call){
        .handle = command->call,
        .media = p,
        .signs = &p->host->link.signs[index],
        .fd = command->open.fd,
        .signalled = command->open.remote,
        .peer = command->open.remote,
        .latch = command->open.latch,
        .ssrc = command->open.ssrc,
        .timestamp = command->open.timestamp,
        .sequence = command->open.sequence,
        .srtp.wraps_before = command->open.heard_wraps,
        .rx.press = key_unpacked(command->open.press),
        .open_tick = p->tick,
        .budget = RECEIVE_BATCH,
        .rx.heard_tick = p->tick,
    };
    agree(call, &command->open.format);
    if (command->open.keys.send && !protect(p, call, &command->open.keys)) {
        *call = (struct call){0};
        return false;
    }
    p->open_calls++;
    atomic_fetch_add(&p->host->link.header->health.calls, 1);
    slot_insert(p, call, emptiest_slot(p));
    return true;
}

static void append(struct media *p, struct call *call, struct segment *segment)
{
    if (call->last)
        call->last->next = segment;
    else
        call->first = segment;
    call->last = segment;
    if (call->playing)
        return;
    call->playing = segment;
    call->progress = 0;
    hasten(p, call);
}

static bool play(struct media *p, struct call *call, const struct command *command)
{
    struct prompt *prompt = find_prompt(p, command->play.prompt);
    uint32_t first = command->play.first, count = command->play.count;
    if (!prompt || command->play.kind > LOOPED_LAST || !count || first >= prompt->count ||
        count > prompt->count - first)
        return false;
    struct segment *segment = take_segment(p, command->play.segment);
    if (!segment)
        return false;
    size_t offset = (size_t)first * PLANE_FRAME_BYTES;
    *segment = (struct segment){
        .prompt = prompt,
        .frames = {prompt->frames[MU_LAW] + offset, prompt->frames[A_LAW] + offset},
        .play_id = command->play.play_id,
        .count = count,
        .kind = command->play.kind,
        .last = command->play.last,
        .state = QUEUED,
    };
    append(p, call, segment);
    return true;
}

static bool send_digits(struct media *p, struct call *call, const struct command *command)
{
    if (!are_digits(command->digits.keys, command->digits.count))
        return false;
    struct segment *segment = take_segment(p, command->digits.segment);
    if (!segment)
        return false;
    *segment = (struct segment){
        .play_id = command->digits.play_id,
        .count = command->digits.count,
        .kind = DIGITS,
        .last = command->digits.last,
        .state = QUEUED,
    };
    memcpy(segment->keys, command->digits.keys, command->digits.count);
    append(p, call, segment);
    return true;
}

static void stop_playing(struct media *p, struct call *call)
{
    if (call->playing)
        release_key(call, call->playing);
    for (struct segment *segment = call->first; segment; segment = segment->next) {
        if (segment->state != QUEUED)
            continue; /* played, and not yet reported */
        segment->state = STOPPED;
        segment->done_ns = p->now_ns;
    }
    call->playing = NULL;
}

static void cut(struct media *p, struct call *call)
{
    stop_playing(p, call);
    report(p, call);
}

static bool move_peer(struct call *call, const union address *remote)
{
    if (!is_remote(remote))
        return false;
    if (same_address(remote, &call->signalled))
        return true; /* a session refresh is no reason to let a stranger in */
    call->signalled = *remote;
    call->peer = *remote;
    call->latched = false;
    if (call->connected)
        unconfine(call);
    return true;
}

static bool report_by_rtcp(struct media *p, struct call *call, const struct command *command)
{
    const union address *remote = &command->report.remote;
    if (command->report.fd < -1 || (address_port(remote) && !is_remote(remote)))
        return false;
    set_up_rtcp(p, call, command);
    return true;
}

static bool record(struct media *p, struct call *call, const struct command *command)
{
    recording *one = find_recording(p, command->recording);
    if (!one || call->recorder.count >= PLANE_MAX_RECORDINGS)
        return false;
    recorder_add(&call->recorder, one, command->waits ? NOT_YET : sample_clock(p));
    return true;
}

static void begin_recording(struct media *p, struct call *call, const struct command *command)
{
    if (command->behind)
        recorder_await(&call->recorder, command->recording, command->behind);
    else if (recorder_begin(&call->recorder, command->recording, sample_clock(p)))
        cut(p, call);
}

static bool bridge_with(struct media *p, struct call *call, uint64_t handle)
{
    struct call *other = find_call(p, handle);
    if (!other || other == call)
        return false;
    bridge(p, call, other);
    return true;
}

static bool join_room(struct media *p, struct call *call, uint64_t handle, bool muted)
{
    struct room *room = find_room(p, handle);
    if (!room || !room->open)
        return false;
    join(p, call, room, muted);
    return true;
}

static void mute(struct call *call, bool muted)
{
    if (call->member)
        call->member->muted = muted;
}

/* It is nobody's until it arrives elsewhere. */
static void move(struct media *p, struct call *call)
{
    leave(p, call);
    attend(p, call);
    slot_remove(p, call);
    p->open_calls--;
    call->media = NULL;
}

static bool arrive(struct media *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= p->host->config.max_calls)
        return false;
    struct call *call = &p->host->calls[index];
    if (call->handle != handle || call->media)
        return false;
    call->media = p;
    p->open_calls++;
    slot_insert(p, call, call->slot);
    hasten(p, call);
    return true;
}

static void close_call(struct media *p, struct call *call)
{
    send_packed(call);
    say_goodbye(p, call);
    stop_playing(p, call);
    leave(p, call);
    attend(p, call);
    recorder_end(&call->recorder, sample_clock(p));
    call->owes_closed = true;
    call->closed_ns = p->now_ns;
    report(p, call);
}

/* What is asked of a call that is open. */
static bool take_call_command(struct media *p, struct call *call, const struct command *command)
{
    switch (command->kind) {
    case REMOTE: return move_peer(call, &command->remote);
    case AGREE: return agree(call, &command->format);
    case PROTECT: return protect(p, call, &command->protect.keys);
    case REPORT: return report_by_rtcp(p, call, command);
    case PLAY: return play(p, call, command);
    case SEND_DIGITS: return send_digits(p, call, command);
    case RECORD: return record(p, call, command);
    case BRIDGE: return bridge_with(p, call, command->other);
    case JOIN: return join_room(p, call, command->join.room, command->join.muted);
    case LATCH: call->latch = command->latch; break;
    case CUT: cut(p, call); break;
    case RECORD_BEGIN: begin_recording(p, call, command); break;
    case RECORD_STOP:
        recorder_remove(&call->recorder, command->recording, sample_clock(p));
        break;
    case MUTE: mute(call, command->muted); break;
    case LEAVE: leave(p, call); break;
    case MOVE: move(p, call); break;
    case CLOSE: close_call(p, call); break;
    default: return false;
    }
    return true;
}

static bool take_room_command(struct media *p, const struct command *command)
{
    struct room *room = find_room(p, command->room);
    bool opens = command->kind == OPEN_ROOM;
    if (!room || room->open == opens)
        return false;
    if (opens)
        open_room(p, room);
    else
        close_room(p, room);
    return true;
}

bool take_command(struct media *p, const struct command *command)
{
    if (command->kind == OPEN)
        return open_call(p, command);
    if (command->kind == ARRIVE)
        return arrive(p, command->call);
    if (command->kind == OPEN_ROOM || command->kind == CLOSE_ROOM)
        return take_room_command(p, command);
    struct call *call = find_call(p, command->call);
    return call && take_call_command(p, call, command);
}

/* What was taken for it is given back; whoever waits for its end hears of it. */
static void refuse(struct media *p, const struct command *command)
{
    struct prompt *prompt = command->kind == PLAY ? find_prompt(p, command->play.prompt) : NULL;
    recording *one = command->kind == RECORD ? find_recording(p, command->recording) : NULL;
    atomic_fetch_add(&p->host->link.header->health.refused, 1);
    if (prompt && let_go_prompt(p->host, prompt))
        p->let_go = true;
    if (one)
        recorder_refuse(one);
}

void take_commands(struct media *p)
{
    uint32_t waiting = ring_length(&p->commands);
    if (waiting > COMMANDS_PER_TICK)
        waiting = COMMANDS_PER_TICK;
    for (; waiting; waiting--) {
        struct command command = p->command[ring_take_at(&p->commands)];
        ring_taken(&p->commands);
        if (!take_command(p, &command))
            refuse(p, &command);
        if (command.kind == MOVE) { /* whether it was there or not: the clerk waits */
            atomic_fetch_add(&p->host->moved, 1);
            p->let_go = true;
        }
        atomic_fetch_add(&p->host->link.header->health.followed, 1);
        atomic_store(&p->through, atomic_load(&p->commands.head.value));
    }
}
