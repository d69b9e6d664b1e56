/* Fuzzes what the media plane does with a datagram: the input is a series of datagrams to one
 * call, each preceded by two bytes of length and a byte that says who sent it. The call is bridged to
 * another one, or in a room, and encrypted or not, as the first byte says.
 *
 * With libFuzzer:
 *   clang -g -fsanitize=fuzzer,address,undefined -Isrc/onhook/media/native fuzz/media_receive.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 * Without it, with inputs of its own making (the argument is how many):
 *   cc -g -DSTANDALONE -fsanitize=address,undefined -Isrc/onhook/media/native fuzz/media_receive.c \
 *      src/onhook/media/native/[a-z]*.c -lcrypto -lpthread -lm
 */
#define _GNU_SOURCE
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 3, INPUT_BYTES = 16384, LONGEST = 96 };

/* No thread, no socket: connect() fails on fd -1, and the latch must work all the same. */
static void check(const struct call *call)
{
    const struct plane_stats *stats = &call->stats;
    if (call->digit_count > PENDING_DIGITS || stats->received_packets > (1u << 20) ||
        (stats->received_packets && !call->latched) || call->connected)
        abort();
    for (unsigned i = 0; i < call->digit_count; i++)
        if (!strchr("0123456789*#ABCD", call->digits[i]))
            abort();
}

/* Keys of both sides: of the call, and of a peer that seals what it sends to it. */
static void agree_on_keys(struct srtp *ours, struct srtp *peers)
{
    static struct srtp_key mine, theirs, read_as, sent_as;
    if (!mine.handle) {
        struct plane_key one = {.master = {1}, .tag_bytes = 10}, other = {.master = {2}, .tag_bytes = 4};
        if (srtp_make_key(&mine, 1, &one) || srtp_make_key(&theirs, 2, &other) ||
            srtp_make_key(&read_as, 3, &one) || srtp_make_key(&sent_as, 4, &other))
            abort();
    }
    *ours = (struct srtp){.on = true, .send = &mine, .receive = &theirs};
    *peers = (struct srtp){.on = true, .send = &sent_as, .receive = &read_as};
}

/* Most of them; what is left is in the clear. */
static size_t seal_as(struct srtp *peer, uint8_t *datagram, size_t length, uint8_t chance)
{
    if (!peer->on || chance % 4 == 0 || length < RTP_HEADER_BYTES)
        return length;
    if (is_rtcp(datagram, length))
        srtp_seal_rtcp(peer, datagram, &length);
    else
        srtp_seal(peer, datagram, RTP_HEADER_BYTES, &length);
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct host host;
    static struct batch batch = {.ring.fd = -1};
    static struct media plane = {.host = &host, .batch = &batch};
    static struct signs signs;
    struct call call = {
        .signs = &signs, .fd = -1, .event_payload_type = 101, .event_from_peer = 96};
    recording *tape = recording_new(NULL, -1, 0, 1, 0); /* that no thread writes */
    if (!tape)
        abort();
    recorder_add(&call.recorder, tape, sample_clock(&plane));
    struct call other = {.signs = &signs, .fd = -1, .payload_type = PCMA, .event_payload_type = 100,
                         .event_from_peer = 100, .bridged = &call};
    if (bytes && data[0] & 8)
        pack_into(&other, 30);
    call.rtcp = (struct rtcp){.open = true, .fd = -1, .mux = bytes && data[0] & 2};
    struct srtp peer = {0};
    if (bytes && data[0] & 4)
        agree_on_keys(&call.srtp, &peer);
    static struct room room;
    struct member *member = &room.members[0];
    law_prepare();
    memset(&room, 0, sizeof room);
    member->gain = 1;
    if (bytes && data[0] & 1)
        call.bridged = &other;
    else
        member->call = &call, call.member = member;
    while (bytes >= 3) {
        size_t length = (size_t)data[0] | (size_t)(data[1] & 7) << 8;
        /* mostly the same one, so that one call hears enough */
        uint8_t sealed[(7 << 8 | 255) + SRTP_TRAILER_BYTES], how = data[2];
        uint16_t port = data[2] < 200 ? 1 : data[2] % PEERS;
        union address source;
        read_address(data[2] & 1 ? "::ffff:0.0.0.0" : "0.0.0.0", port, &source); /* the same host */
        data += 3, bytes -= 3;
        if (length > bytes)
            length = bytes;
        memcpy(sealed, data, length);
        size_t sent = seal_as(&peer, sealed, length, how);
        /* a copy of exactly this size, so that reading one byte too many is seen */
        uint8_t *datagram = malloc(sent ? sent : 1);
        if (!datagram)
            abort();
        memcpy(datagram, sealed, sent);
        receive_packet(&plane, &call, datagram, sent, &source);
        free(datagram);
        call.rtcp.due_tick = plane.tick; /* what was read is reported on */
        serve_rtcp(&plane, &call);
        plane.tick++;
        plane.arrived = sample_clock(&plane);
        recorder_advance(&call.recorder, plane.arrived);
        if (plane.tick % SLOTS == 0)
            serve_room(&plane, &room);
        check(&call);
        data += length, bytes -= length;
    }
    recording_free(tape, false);
    return 0;
}

#ifdef STANDALONE
static uint64_t state = 88172645463325252u;

static uint64_t chance(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

/* Datagrams that are nearly RTP or RTCP: a plausible header, and everything else at random. */
static size_t make_input(uint8_t *out)
{
    static const uint8_t first[] = {0x80, 0x80, 0x80, 0x90, 0xa0, 0xb0, 0x8f, 0x40};
    static const uint8_t second[] = {0, 101, 101, 229, 128, 13, 72, 255, 200, 201};
    size_t at = 0;
    while (at + LONGEST + 3 < INPUT_BYTES) {
        size_t length = chance() % LONGEST;
        out[at++] = (uint8_t)length, out[at++] = 0, out[at++] = (uint8_t)chance();
        for (size_t i = 0; i < length; i++)
            out[at + i] = (uint8_t)(chance() % 3 ? chance() % 4 : chance());
        if (length)
            out[at] = first[chance() % sizeof first];
        if (length > 1)
            out[at + 1] = second[chance() % sizeof second];
        if (length > RTP_HEADER_BYTES && chance() % 2) /* the sources that are known: 0 */
            memset(out + at + 4, 0, 8);
        if (length > 8 && chance() % 4) { /* RTCP that fits, or nearly */
            out[at + 2] = 0;
            out[at + 3] = (uint8_t)(length / 4 - 1);
            out[at] = (uint8_t)(0x80 | chance() % 3);
        }
        at += length;
    }
    return at;
}

int main(int count, char **arguments)
{
    uint8_t input[INPUT_BYTES];
    long rounds = count > 1 ? atol(arguments[1]) : 100000;
    for (long i = 0; i < rounds; i++)
        LLVMFuzzerTestOneInput(input, make_input(input));
    puts("ok");
    return 0;
}
#endif
