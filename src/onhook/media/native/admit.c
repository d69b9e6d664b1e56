/* What the switch asks for, before a media thread hears of it: descriptors are taken, files mapped, keys made, and
 * what has to be there is. What does not make sense goes no further. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* The call of an index that can be one, whoever has it. */
static struct kept_call *place_of(struct host *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    return handle && index < p->config.max_calls ? &p->kept[index] : NULL;
}

static struct kept_call *open_call(struct host *p, uint64_t handle)
{
    struct kept_call *call = place_of(p, handle);
    return call && call->handle == handle && !call->closing ? call : NULL;
}

/* The kernel notes when what arrives at this socket arrived. */
static void stamp_arrivals(int fd)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

/* A socket that came with a command, or -1. */
static int take_socket(struct host *p, uint64_t parcel)
{
    int fd = take_parcel(p, parcel);
    if (fd < 0 || is_rtp_socket(fd))
        return fd;
    close(fd);
    return -1;
}

/* ---- Calls --------------------------------------------------------------------------------- */

static int make_keys(struct host *p, const struct key_offer *offer, struct key_handles *out)
{
    return keep_keys(p, offer->sends ? &offer->send : NULL,
                     offer->receives ? &offer->receive : NULL, out);
}

/* So that the media thread need not wait for the page. */
static void reset_signs(struct signs *signs)
{
    atomic_store(&signs->heard_ns, 0);
    atomic_store(&signs->received_ns, 0);
    atomic_store(&signs->playing, 0);
    atomic_store(&signs->heard_wraps, 0);
    atomic_store(&signs->over, 0);
    atomic_store(&signs->press[0], 0);
    atomic_store(&signs->press[1], 0);
    for (size_t i = 0; i < FIGURES; i++)
        atomic_store_explicit(&signs->figures[i], 0, memory_order_relaxed);
}

static bool admit_open(struct host *p, struct command *command)
{
    struct kept_call *call = place_of(p, command->call);
    const struct key_offer *offer = &command->open.offer;
    int fd = take_socket(p, command->parcel);
    bool sound = call && !call->handle && is_remote(&command->open.remote) &&
                 is_format(&command->open.format) && !offer->sends == !offer->receives;
    if (fd < 0)
        return false;
    if (!sound || make_keys(p, offer, &command->open.keys) < 0) {
        close(fd);
        return false;
    }
    command->open.fd = fd;
    *call = (struct kept_call){
        .handle = command->call, .fd = fd, .thread = choose_thread(p), .is_protected = offer->sends};
    p->load[call->thread]++;
    reset_signs(&p->link.signs[handle_index(command->call)]);
    return true;
}

static bool admit_report(struct host *p, struct command *command)
{
    struct kept_call *call = open_call(p, command->call);
    int fd = command->parcel ? take_socket(p, command->parcel) : -1;
    if (!call || (command->parcel && fd < 0) || (fd >= 0 && call->rtcp_fd)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    stamp_arrivals(call->fd); /* for the jitter */
    if (fd >= 0) {
        stamp_arrivals(fd);
        call->rtcp_fd = fd;
    }
    command->report.fd = fd;
    return true;
}

static bool admit_keys(struct host *p, struct command *command)
{
    struct kept_call *call = open_call(p, command->call);
    const struct key_offer *offer = &command->protect.offer;
    if (!call || (!call->is_protected && (!offer->sends || !offer->receives)))
        return false;
    if (make_keys(p, offer, &command->protect.keys) < 0)
        return false;
    call->is_protected = true;
    return true;
}

static bool admit_record(struct host *p, const struct command *command)
{
    struct kept_call *call = open_call(p, command->call);
    uint32_t index = handle_index(command->recording);
    int fd = take_parcel(p, command->parcel);
    bool sound = call && command->recording && index < recording_count(&p->config) &&
                 !p->recordings[index];
    if (fd < 0)
        return false;
    recording *one = sound ? recording_new(p->recorders, fd, command->call, command->recording, command->tag)
                           : NULL;
    if (!one) {
        close(fd);
        return false;
    }
    stamp_arrivals(call->fd);
    p->recordings[index] = one;
    recorders_add(p->recorders, one);
    return true;
}

/* ---- What is to be heard ------------------------------------------------------------------- */

/* Of a segment that was never used the page may be missing, and the media thread must not wait for it. */
static bool touch_segment(struct host *p, uint32_t number)
{
    if (number >= segment_count(&p->config))
        return false;
    if (number >= p->fresh_segments) {
        memset(&p->segments[number], 0, sizeof p->segments[number]);
        atomic_store(&p->segments_taken[number], 0);
        p->fresh_segments = number + 1;
    }
    return true;
}

static bool admit_play(struct host *p, const struct command *command)
{
    struct prompt *prompt = kept_prompt(p, command->play.prompt);
    uint32_t first = command->play.first, count = command->play.count;
    if (!open_call(p, command->call) || !prompt || !count || first >= prompt->count ||
        count > prompt->count - first || !touch_segment(p, command->play.segment))
        return false;
    atomic_fetch_add(&prompt->uses, 1);
    return true;
}

static bool admit_prompt(struct host *p, const struct command *command)
{
    int fd = take_parcel(p, command->parcel);
    if (fd < 0)
        return false;
    int result = keep_prompt(p, command->prompt.prompt, fd, command->prompt.offset,
                             command->prompt.count);
    close(fd);
    return result >= 0;
}

static bool drop_prompt(struct host *p, uint64_t handle)
{
    struct prompt *prompt = kept_prompt(p, handle);
    if (!prompt)
        return false;
    prompt->dropped = true;
    let_go_prompt(p, prompt);
    return true;
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static struct room *open_room_of(struct host *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    struct room *room = index < room_count(&p->config) ? p->rooms[index] : NULL;
    return room && room->handle == handle && !room->closing ? room : NULL;
}

static bool make_room(struct host *p, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= room_count(&p->config) || p->rooms[index])
        return false;
    struct room *room = malloc(sizeof *room);
    if (!room)
        return false;
    memset(room, 0, sizeof *room); /* so that the media thread need not wait for its pages */
    room->handle = handle;
    room->thread = choose_thread(p);
    p->load[room->thread] += PLANE_ROOM_MEMBERS;
    p->rooms[index] = room;
    return true;
}

static bool admit_close_room(struct host *p, uint64_t handle)
{
    struct room *room = open_room_of(p, handle);
    if (room)
        room->closing = true;
    return room != NULL;
}

/* ---- All ----------------------------------------------------------------------------------- */

static bool admit_close(struct host *p, uint64_t handle)
{
    struct kept_call *call = open_call(p, handle);
    if (call)
        call->closing = true;
    return call != NULL;
}

/* Keys stay nowhere but where they are used. */
static void wipe(struct command *command)
{
    if (command->kind == OPEN)
        OPENSSL_cleanse(&command->open.offer, sizeof command->open.offer);
    if (command->kind == PROTECT)
        OPENSSL_cleanse(&command->protect.offer, sizeof command->protect.offer);
}

/* True: the media thread is to hear of it. */
static bool is_admitted(struct host *p, struct command *command)
{
    switch (command->kind) {
    case OPEN: return admit_open(p, command);
    case REPORT: return admit_report(p, command);
    case PROTECT: return admit_keys(p, command);
    case RECORD: return admit_record(p, command);
    case PLAY: return admit_play(p, command);
    case SEND_DIGITS:
        return open_call(p, command->call) && are_digits(command->digits.keys, command->digits.count) &&
               touch_segment(p, command->digits.segment);
    case CLOSE: return admit_close(p, command->call);
    case OPEN_ROOM: return make_room(p, command->room);
    case CLOSE_ROOM: return admit_close_room(p, command->room);
    case JOIN: return open_call(p, command->call) && open_room_of(p, command->join.room);
    case BRIDGE: return open_call(p, command->call) && open_call(p, command->other);
    case REMOTE:
    case LATCH:
    case AGREE:
    case CUT:
    case RECORD_BEGIN:
    case RECORD_STOP:
    case MUTE:
    case LEAVE: return open_call(p, command->call) != NULL;
    default: return false;
    }
}

/* The end of what never began, so that nobody waits for it. */
static void tell_refused(struct host *p, const struct command *command)
{
    struct report end = {.call = command->call, .segment = NO_SEGMENT, .at_ns = clock_ns()};
    switch (command->kind) {
    case OPEN: end.kind = PLANE_CLOSED; break;
    case PLAY:
        end.kind = PLANE_STOPPED;
        end.number = command->play.play_id;
        end.segment = command->play.segment;
        end.last = command->play.last;
        break;
    case SEND_DIGITS:
        end.kind = PLANE_STOPPED;
        end.number = command->digits.play_id;
        end.segment = command->digits.segment;
        end.last = command->digits.last;
        break;
    case RECORD:
        end.kind = PLANE_RECORDED;
        end.number = command->recording;
        end.tag = command->tag;
        end.digit = EBADF;
        break;
    case OPEN_ROOM: end.room = command->room; break;
    default: return;
    }
    if (can_tell(p))
        tell(p, end);
}

static bool is_done(struct host *p, struct command *command)
{
    if (command->kind == ADD_PROMPT) {
        note(p, command);
        return admit_prompt(p, command);
    }
    if (command->kind == DROP_PROMPT)
        return drop_prompt(p, command->prompt.prompt);
    if (!is_admitted(p, command))
        return false;
    wipe(command);
    note(p, command);
    hand_on(p, command);
    return true;
}

void admit(struct host *p, struct command *command)
{
    if (is_done(p, command))
        return;
    wipe(command);
    atomic_fetch_add(&p->link.header->health.refused, 1);
    tell_refused(p, command);
}
