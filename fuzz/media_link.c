/* Fuzzes what the plane takes from a switch that means harm: the input is a series of deeds, done to a plane with
 * its threads running. Commands with anything in them, some of which could be meant; messages with descriptors of
 * any kind and any number; cursors of the rings, and the entries of all of them, overwritten. In the end the plane
 * is alive: the link is over, by itself or because we let it go. Where it was not by nonsense, the next switch, which means
 * well, finds what there is, adopts some of it and lets go of the rest; and then the next one does harm. In the end nothing
 * that was sent is still open, and it can be started again.
 *
 * With libFuzzer:
 *   clang -g -fsanitize=fuzzer,address,undefined -Isrc/onhook/media/native fuzz/media_link.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 * Without it, with inputs of its own making (the argument is how many):
 *   cc -g -DSTANDALONE -fsanitize=address,undefined -Isrc/onhook/media/native fuzz/media_link.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 */
#define _GNU_SOURCE
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum { CALLS = 4, THREADS = 2, RING_ENTRIES = 16, DEEDS = 60, FRAMES_KNOWN = 3, PATIENCE_MS = 20000 };

static struct link_memory memory;
static struct link_end commands;
static struct plane_link link_fds;
static uint64_t number;

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* What is read off the input; zeros behind its end. */
static struct {
    const uint8_t *data;
    size_t bytes;
} input;

static void read_input(void *out, size_t bytes)
{
    size_t given = bytes < input.bytes ? bytes : input.bytes;
    memset(out, 0, bytes);
    if (given)
        memcpy(out, input.data, given);
    input.data += given, input.bytes -= given;
}

static uint8_t next(void)
{
    uint8_t byte;
    read_input(&byte, 1);
    return byte;
}

/* A descriptor of some kind; some of them are what is asked for. */
static int open_something(uint8_t kind)
{
    static const uint8_t frames[FRAMES_KNOWN * PLANE_FRAME_BYTES];
    int pair[2];
    switch (kind % 8) {
    case 0:
    case 1: return plane_bind("127.0.0.1", 0);
    case 2: return plane_make_file(frames, frames, FRAMES_KNOWN);
    case 3: return (int)memfd_create("spool", MFD_CLOEXEC);
    case 4: return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 5: return eventfd(0, EFD_CLOEXEC);
    case 6:
        require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        close(pair[1]);
        return pair[0];
    default: return fcntl(link_fds.control, F_DUPFD_CLOEXEC, 3);
    }
}

static void send_something(void)
{
    uint8_t kind = next(), how = next();
    int fd = open_something(kind);
    uint64_t told = how % 4 ? ++number : how % 8 ? number / 2 : UINT64_MAX - how;
    require(fd >= 0);
    if (how % 32 == 31)
        send(link_fds.control, &told, how % 3 * 4, MSG_DONTWAIT | MSG_NOSIGNAL); /* and none */
    else
        link_send(link_fds.control, told, fd);
    close(fd);
}

/* Handles that may exist, so that more than the check of handles is seen. */
static void make_likely(struct command *command)
{
    static const uint64_t generation = (uint64_t)1 << 32;
    command->call = generation | (command->call % CALLS);
    command->parcel = number;
    switch (command->kind) {
    case OPEN:
        read_address("127.0.0.1", htons(9), &command->open.remote);
        command->open.format = (struct plane_format){8, PLANE_NO_EVENTS, 101, 0, 0, 0, 0, 0};
        command->open.offer.sends = command->open.offer.receives = command->open.ssrc & 1;
        command->open.offer.send.tag_bytes = command->open.offer.receive.tag_bytes = 10;
        command->open.offer.send.mki_bytes = 0;
        break;
    case REMOTE: read_address("127.0.0.2", htons(9), &command->remote); break;
    case REPORT: command->report.remote = (union address){.v6 = {0}}; break;
    case PROTECT:
        command->protect.offer.sends = command->protect.offer.receives = 1;
        command->protect.offer.send.tag_bytes = command->protect.offer.receive.tag_bytes = 4;
        break;
    case PLAY:
        command->play.prompt = generation | (command->play.prompt % 2);
        command->play.segment %= 8;
        command->play.first %= FRAMES_KNOWN;
        command->play.count = 1;
        command->play.kind %= DIGITS;
        break;
    case SEND_DIGITS:
        command->digits.segment %= 8;
        command->digits.count = 2;
        memcpy(command->digits.keys, "1#", 2);
        break;
    case RECORD_BEGIN: command->behind %= 3; /* fall through */
    case RECORD:
    case RECORD_STOP: command->recording = generation | (command->recording % 3); break;
    case BRIDGE: command->other = generation | (command->other % CALLS); break;
    case JOIN: command->join.room = generation | (command->join.room % 2); break;
    case OPEN_ROOM:
    case CLOSE_ROOM: command->room = generation | (command->room % 2); break;
    case ADD_PROMPT:
        command->prompt.offset %= 2 * PLANE_FRAME_BYTES;
        command->prompt.count = command->prompt.count % 8 ? 1 + command->prompt.count % 4 : UINT32_MAX;
        /* fall through */
    case DROP_PROMPT: command->prompt.prompt = generation | (command->prompt.prompt % 2); break;
    default: break;
    }
}

static void ring(void)
{
    uint64_t one = 1;
    ssize_t written = write(link_fds.commands, &one, sizeof one);
    (void)written;
}

static void ask_something(void)
{
    struct command command;
    uint8_t how = next(), kind = next();
    read_input(&command, sizeof command);
    command.kind = (enum command_kind)(kind % (ARRIVE + 3));
    if (how >= 192) { /* a call that is open, else little of the rest is seen */
        int fd = open_something(0);
        require(fd >= 0 && link_send(link_fds.control, ++number, fd) <= 0 && close(fd) == 0);
        command.kind = OPEN;
    }
    if (how % 8)
        make_likely(&command);
    if (link_room(&commands) > 0) {
        memory.command[link_at(&commands)] = command;
        link_put(&commands);
    }
    ring();
}

/* Anywhere in the memory: cursors mostly. */
static void write_something(void)
{
    static const size_t cursors = offsetof(struct link_header, commands);
    uint32_t at, value;
    uint8_t how = next();
    read_input(&at, sizeof at);
    read_input(&value, sizeof value);
    size_t place = how % 2 ? cursors + at % (sizeof(struct link_header) - cursors) : at % memory.bytes;
    _Atomic uint32_t *word = (_Atomic uint32_t *)(void *)((uint8_t *)memory.header + place / 4 * 4);
    atomic_store(word, how % 4 ? value % 64 : value);
    ring();
}

/* What is there is taken, so that the rings go round. */
static void take_something(void)
{
    uint8_t bells[64];
    ssize_t got = read(link_fds.events, bells, sizeof bells);
    (void)got;
    for (int i = 0; i < THREADS; i++)
        atomic_store(&memory.header->reports[i].head.value,
                     atomic_load(&memory.header->reports[i].tail.value));
    atomic_store(&memory.header->endings.head.value, atomic_load(&memory.header->endings.tail.value));
    ring();
}

/* Those of the bell are both sides'. */
static void change_flags(void)
{
    uint8_t how = next();
    fcntl(how & 1 ? link_fds.commands : link_fds.control, F_SETFL, how & 2 ? O_NONBLOCK : 0);
}

static size_t count_open(void)
{
    size_t count = 0;
    DIR *all = opendir("/proc/self/fd");
    require(all != NULL);
    while (readdir(all))
        count++;
    closedir(all);
    return count;
}

static void do_harm(void)
{
    while (input.bytes) {
        uint8_t deed = next();
        if (deed < 60)
            send_something();
        else if (deed < 180)
            ask_something();
        else if (deed < 200)
            write_something();
        else if (deed < 240)
            take_something();
        else if (deed < 244)
            change_flags();
        else if (deed < 250)
            poll(NULL, 0, 1 + deed % 3); /* the media thread gets its turn */
    }
}

/* It is over by itself, or by our end of it. */
static void expect_over(plane_host *host)
{
    close(link_fds.control);
    struct pollfd over = {.fd = host->over_fd, .events = POLLIN};
    require(poll(&over, 1, PATIENCE_MS) == 1);
    require(plane_host_wait(host, -1) != PLANE_GOING);
}

static void take_link(plane_host *host, const struct plane_link *theirs, struct plane_link *out)
{
    *out = (struct plane_link){dup(theirs->memory), dup(theirs->commands), dup(theirs->events),
                               dup(theirs->control)};
    plane_host_handed_over(host);
}

/* One that means well, after one that did not: whatever stands in the memory, it is not harmed. */
static void mean_well(plane_host *host, struct plane_link *theirs, uint64_t *generation)
{
    struct plane_link link;
    struct plane_found found[CALLS];
    struct plane_event events[8];
    plane *steering;
    take_link(host, theirs, &link);
    require(plane_attach(&steering, &link) == 0);
    int count = plane_found(steering, found, CALLS);
    require(count >= 0 && count <= CALLS);
    for (int i = 0; i < count; i += 2)
        require(plane_adopt(steering, found[i].handle) == 0);
    int left = plane_let_go_of_rest(steering);
    require(left == count / 2 || left == -EPIPE);
    while (plane_take_events(steering, events, 8) > 0)
        plane_acknowledge(steering, plane_newest(steering));
    plane_detach(steering);
    require(plane_host_wait(host, PATIENCE_MS) != PLANE_GOING);
    if (plane_host_wait(host, 0) == PLANE_SWITCH_GONE)
        require(plane_host_relink(host, ++*generation, theirs) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct plane_config config = {CALLS, 5, RING_ENTRIES, RING_ENTRIES, THREADS, 1, 0};
    struct plane_config read;
    struct plane_link theirs;
    plane_host *host;
    size_t before = count_open(), half = bytes / 2;
    uint64_t generation = 1;
    require(plane_host_start(&host, &config, generation, &theirs) == 0);
    for (int turn = 0; turn < 2; turn++) {
        take_link(host, &theirs, &link_fds);
        require(link_map(link_fds.memory, &memory, &read) == 0);
        commands = link_producer(&memory.header->commands, RING_ENTRIES);
        number = 0;
        input.data = data + (turn ? half : 0), input.bytes = turn ? bytes - half : half;
        do_harm();
        link_unmap(&memory);
        expect_over(host);
        close(link_fds.memory), close(link_fds.commands), close(link_fds.events);
        if (turn || plane_host_wait(host, 0) != PLANE_SWITCH_GONE)
            break;
        require(plane_host_relink(host, ++generation, &theirs) == 0);
        mean_well(host, &theirs, &generation);
        if (plane_host_wait(host, 0) != PLANE_GOING)
            break;
    }
    plane_host_stop(host);
    require(count_open() == before); /* whatever was sent */
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
    static uint8_t made[DEEDS * sizeof(struct command)];
    long rounds = count > 1 ? atol(arguments[1]) : 100000;
    signal(SIGPIPE, SIG_IGN);
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < sizeof made; i++)
            made[i] = (uint8_t)chance(256);
        LLVMFuzzerTestOneInput(made, sizeof made);
    }
    puts("ok");
    return 0;
}
#endif
