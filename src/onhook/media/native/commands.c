/* What the caller asked for, in the media thread. */
#define _GNU_SOURCE
#include "internal.h"

enum {
    COMMANDS_PER_TICK = 2048, /* so that a flood of commands does not stop the frames */
};

static void open_call(struct plane *p, struct call *call)
{
    call->open_tick = p->tick;
    call->budget = RECEIVE_BATCH;
    call->rx.heard_tick = p->tick;
    p->open_calls++;
    atomic_store(&p->seen_calls, p->open_calls);
    slot_insert(p, call, emptiest_slot(p));
}

static void append(struct plane *p, struct call *call, struct segment *segment)
{
    if (call->last)
        call->last->next = segment;
    else
        call->first = segment;
    call->last = segment;
    if (call->playing)
        return;
    call->playing = segment;
    hasten(p, call);
}

void cut(struct plane *p, struct call *call)
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

static void move_peer(struct call *call, const struct sockaddr_in *remote)
{
    if (same_address(remote, &call->signalled))
        return; /* a session refresh is no reason to let a stranger in */
    call->signalled = *remote;
    call->peer = *remote;
    call->latched = false;
    if (call->connected)
        unconfine(call);
}

static uint8_t event_type(int payload_type)
{
    return payload_type == PLANE_NO_EVENTS ? NO_EVENTS : (uint8_t)payload_type;
}

void agree(struct call *call, const struct plane_format *format)
{
    call->payload_type = format->payload_type;
    call->audio_type = format->audio_type;
    call->event_payload_type = event_type(format->event_payload_type);
    call->event_from_peer = event_type(format->event_from_peer);
    call->on_hold = format->on_hold;
    call->comfort_noise = format->comfort_noise;
    call->rtcp.silent = format->no_rtcp;
}

void take_command(struct plane *p, const struct command *command)
{
    struct call *call = command->call;
    switch (command->kind) {
    case OPEN:
        open_call(p, call);
        return;
    case PLAY:
        append(p, call, command->segment);
        return;
    case CUT:
        cut(p, call);
        break;
    case REMOTE:
        move_peer(call, &command->remote);
        return;
    case LATCH:
        call->latch = command->latch;
        return;
    case AGREE:
        agree(call, &command->format);
        return;
    case RECORD:
        recorder_add(&call->recorder, command->recording, sample_clock(p));
        return;
    case RECORD_STOP:
        recorder_remove(&call->recorder, command->recording, sample_clock(p));
        return;
    case BRIDGE:
        bridge(p, call, command->other);
        return;
    case JOIN:
        join(p, call, command->room, command->muted);
        return;
    case MUTE:
        if (call->member)
            call->member->muted = command->muted;
        return;
    case LEAVE:
        leave(p, call);
        return;
    case OPEN_ROOM:
        open_room(p, command->room);
        return;
    case CLOSE_ROOM:
        close_room(p, command->room);
        return;
    case REPORT:
        set_up_rtcp(p, call, command);
        return;
    case CLOSE:
        say_goodbye(p, call);
        cut(p, call);
        leave(p, call);
        recorder_end(&call->recorder, sample_clock(p));
        call->owes_closed = true;
        break;
    }
    report(p, call);
}

void take_commands(struct plane *p)
{
    uint32_t waiting = ring_length(&p->commands);
    if (waiting > COMMANDS_PER_TICK)
        waiting = COMMANDS_PER_TICK;
    for (; waiting; waiting--) {
        struct command command = p->command[ring_take_at(&p->commands)];
        ring_taken(&p->commands);
        take_command(p, &command);
    }
}
