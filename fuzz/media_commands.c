/* Fuzzes what the media thread does with a command of the clerk's: the input is a series of commands, as they
 * would stand in its ring, each preceded by a byte that says which handles in it are good, and how many ticks pass after
 * it. The media thread does not run; the plane has calls, rooms, recordings, prompts and keys.
 *
 * With libFuzzer:
 *   clang -g -fsanitize=fuzzer,address,undefined -Isrc/onhook/media/native fuzz/media_commands.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 * Without it, with inputs of its own making (the argument is how many):
 *   cc -g -DSTANDALONE -fsanitize=address,undefined -Isrc/onhook/media/native fuzz/media_commands.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 */
#define _GNU_SOURCE
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 4, ROOMS = 2, TAPES = 6, KEYS_MADE = 24, FRAMES_KNOWN = 3, COMMANDS = 200 };

static struct host media;
static struct media *const thread = &media.threads[0];
static struct link_end reports;
static uint8_t frames[FRAMES_KNOWN * PLANE_FRAME_BYTES];
static uint64_t prompt;

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void set_up(void)
{
    if (media.calls)
        return;
    require(make_host(&media, &(struct plane_config){CALLS, 100, 16, 1 << 10, 1, 0, 0}, 1) == 0);
    reports = link_consumer(&media.link.header->reports[0], media.config.event_ring);
    int file = plane_make_file(frames, frames, FRAMES_KNOWN);
    prompt = (uint64_t)1 << 32;
    require(file >= 0 && keep_prompt(&media, prompt, file, 0, FRAMES_KNOWN) == 0 && close(file) == 0);
}

/* What the clerk would have made. */
static void begin(void)
{
    for (uint32_t i = 0; i < ROOMS; i++) {
        media.rooms[i] = calloc(1, sizeof *media.rooms[i]);
        require(media.rooms[i] != NULL);
        media.rooms[i]->handle = (uint64_t)1 << 32 | i;
    }
    for (uint32_t i = 0; i < TAPES; i++) {
        media.recordings[i] = recording_new(media.recorders, -1, 0, (uint64_t)1 << 32 | i, 0);
        require(media.recordings[i] != NULL);
    }
    for (uint32_t i = 0; i < KEYS_MADE; i++) {
        struct plane_key key = {.master = {(uint8_t)i}, .tag_bytes = i % 2 ? 4 : 10};
        require(srtp_make_key(&media.keys[i], (uint64_t)1 << 32 | i, &key) == 0);
    }
}

/* Each is let go once, and not touched any more. */
static void free_gone(void)
{
    for (struct gone *one = gone_take(&media.gone), *next; one; one = next) {
        next = one->next;
        require(one->kind != GONE_PROMPT);
        if (one->kind != GONE_KEY)
            continue;
        struct srtp_key *key = gone_of(one, struct srtp_key);
        require(handle_index(key->handle) < KEYS_MADE && key == &media.keys[handle_index(key->handle)] &&
                key->used);
        srtp_free_key(key);
    }
}

static void take_reports(void)
{
    for (; link_waiting(&reports) > 0; link_taken(&reports)) {
        const struct report *report = &media.link.report[0][link_at(&reports)];
        require(report->segment == NO_SEGMENT || report->segment < segment_count(&media.config));
    }
}

static void pass(unsigned ticks)
{
    for (; ticks; ticks--, thread->tick++) {
        thread->now_ns += TICK_NS;
        serve_slot(thread, &thread->slots[thread->tick % SLOTS]);
        take_reports();
        free_gone();
    }
}

/* Close whatever is open; a recording must not outlive its call. */
static void end(void)
{
    for (uint32_t i = 0; i < CALLS; i++)
        take_command(thread, &(struct command){.kind = ARRIVE, .call = media.calls[i].handle});
    for (uint32_t i = 0; i < CALLS; i++)
        take_command(thread, &(struct command){.kind = CLOSE, .call = media.calls[i].handle});
    for (uint32_t i = 0; i < ROOMS; i++)
        take_command(thread, &(struct command){.kind = CLOSE_ROOM, .room = media.rooms[i]->handle});
    pass(2 * SLOTS);
    require(thread->open_calls == 0 && thread->open_rooms == 0 && thread->watched_calls == 0);
    require(atomic_load(&kept_prompt(&media, prompt)->uses) == 1);
    for (uint32_t i = 0; i < segment_count(&media.config); i++)
        require(media.segments[i].state == FREE);
    for (uint32_t i = 0; i < ROOMS; i++)
        free(media.rooms[i]);
    for (uint32_t i = 0; i < TAPES; i++)
        recording_free(media.recordings[i], false);
    for (uint32_t i = 0; i < KEYS_MADE; i++) {
        require(!media.keys[i].used);
        srtp_free_key(&media.keys[i]);
    }
}

static void make_good_remote(union address *remote)
{
    uint16_t port = ntohs(address_port(remote)) | 1;
    read_address(remote->v4.sin_addr.s_addr & 1 ? "::1" : "127.0.0.1", port, remote);
}

static void make_good_format(struct plane_format *format)
{
    format->payload_type &= 127;
    format->audio_type &= 127;
    format->event_payload_type &= 127;
    format->event_from_peer = PLANE_NO_EVENTS;
    format->packet_ms = (uint8_t)(format->packet_ms % 5 * 10);
}

static void make_good_keys(struct key_handles *asked)
{
    asked->send = (uint64_t)1 << 32 | asked->send % KEYS_MADE;
    asked->receive = (uint64_t)1 << 32 | asked->receive % KEYS_MADE;
}

/* Handles that exist, so that more than the check of handles is seen; descriptors that are none. */
static void make_good(struct command *command, uint8_t how)
{
    if (how & 1)
        command->call = (uint64_t)1 << 32 | (command->call % CALLS);
    if (command->kind == OPEN)
        command->open.fd = command->open.fd < 0 ? -1 : 1 << 20;
    if (command->kind == REPORT)
        command->report.fd = -1;
    if (!(how & 2))
        return;
    switch (command->kind) {
    case OPEN:
        make_good_remote(&command->open.remote);
        make_good_format(&command->open.format);
        if (how & 4)
            make_good_keys(&command->open.keys);
        break;
    case PROTECT: make_good_keys(&command->protect.keys); break;
    case REMOTE: make_good_remote(&command->remote); break;
    case AGREE: make_good_format(&command->format); break;
    case PLAY:
        command->play.prompt = prompt;
        command->play.segment %= segment_count(&media.config);
        command->play.kind %= DIGITS;
        command->play.first %= FRAMES_KNOWN;
        command->play.count = 1 + command->play.count % (FRAMES_KNOWN - command->play.first);
        break;
    case SEND_DIGITS:
        command->digits.segment %= segment_count(&media.config);
        command->digits.count = 1 + command->digits.count % 4;
        memcpy(command->digits.keys, "12,A", 4);
        break;
    case RECORD_BEGIN: command->behind %= 3; /* fall through */
    case RECORD:
    case RECORD_STOP: command->recording = (uint64_t)1 << 32 | (command->recording % TAPES); break;
    case BRIDGE: command->other = (uint64_t)1 << 32 | (command->other % CALLS); break;
    case JOIN: command->join.room = (uint64_t)1 << 32 | (command->join.room % ROOMS); break;
    case OPEN_ROOM:
    case CLOSE_ROOM: command->room = (uint64_t)1 << 32 | (command->room % ROOMS); break;
    default: break;
    }
}

/* As the clerk does it: who plays a prompt has a hold of it. */
static void take(const struct command *command)
{
    struct prompt *played = command->kind == PLAY ? kept_prompt(&media, command->play.prompt) : NULL;
    if (played)
        atomic_fetch_add(&played->uses, 1);
    if (!take_command(thread, command) && played)
        let_go_prompt(&media, played);
}

/* One recording is in one call, as the clerk sees to it. */
static bool is_recorded(uint64_t handle)
{
    for (uint32_t i = 0; i < CALLS; i++)
        for (unsigned n = 0; n < media.calls[i].recorder.count; n++)
            if (recording_handle(media.calls[i].recorder.recordings[n]) == handle)
                return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    set_up();
    begin();
    for (; bytes > sizeof(struct command); data += 1 + sizeof(struct command),
                                           bytes -= 1 + sizeof(struct command)) {
        struct command command;
        memcpy(&command, data + 1, sizeof command);
        make_good(&command, data[0]);
        if (command.kind != RECORD || !is_recorded(command.recording))
            take(&command);
        free_gone(); /* nobody gives out a place before the clerk has let go of who had it */
        pass(data[0] >> 3);
    }
    end();
    return 0;
}

#ifdef STANDALONE
static uint64_t state = 88172645463325252u;

static uint64_t chance(uint64_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

int main(int count, char **arguments)
{
    static uint8_t input[COMMANDS * (1 + sizeof(struct command))];
    long rounds = count > 1 ? atol(arguments[1]) : 100000;
    for (long round = 0; round < rounds; round++) {
        for (size_t at = 0; at < sizeof input; at += 1 + sizeof(struct command)) {
            struct command command = {.kind = (enum command_kind)chance(ARRIVE + 3)};
            for (size_t i = sizeof command.kind; i < sizeof command; i++)
                ((uint8_t *)&command)[i] = (uint8_t)chance(chance(2) ? 4 : 256);
            input[at] = (uint8_t)(chance(256) | (chance(8) ? 3 : 0));
            memcpy(input + at + 1, &command, sizeof command);
        }
        LLVMFuzzerTestOneInput(input, sizeof input);
    }
    puts("ok");
    return 0;
}
#endif
