/* The arithmetic of rooms: what becomes of a voice whose packets come late, twice, out of order, too
 * fast or not at all, and of voices that are too loud together. Ends with 0 and "ok".
 */
#include "mixer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 20000, LOUD = 12000, RATE = 8 /* samples a ms */ };

static uint64_t state = 88172645463325252u;

static void expect_at(bool truth, const char *what, const char *when, int line)
{
    if (truth)
        return;
    fprintf(stderr, "line %d, %s: expected %s\n", line, when, what);
    exit(1);
}
#define expect(truth) expect_at(truth, #truth, name, __LINE__)

static int chance(int below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (int)(state % (uint64_t)below);
}

struct sender {
    const char *name;
    int jitter;        /* a packet is up to so many samples late */
    int drift_ppm;     /* the sender's clock is faster by this */
    int lost_percent;
    int packet;        /* samples */
    int most_holes;    /* frames of 1,000 that may have silence in them */
    int most_delay;    /* samples between said and heard, on average */
};

/* Each packet is one level; the delay is found by the level that is heard. */
static void listen_to(const struct sender *sender)
{
    const char *name = sender->name;
    static struct voice voice;
    static uint8_t payload[480];
    uint32_t base = 0xffff0000u; /* it wraps soon */
    int64_t said = 0, due = 0, holes = 0, heard = 0, delay = 0;
    memset(&voice, 0, sizeof voice);
    for (int64_t frame = 0; frame < FRAMES; frame++) {
        int64_t now = frame * MIX_SAMPLES;
        while (due <= now) {
            memset(payload, law_encoded[MU_LAW][1000 + said / sender->packet % 100 * 100],
                   sizeof payload);
            if (chance(100) >= sender->lost_percent)
                voice_hear(&voice, 5, base + (uint32_t)said, MU_LAW, payload,
                           (size_t)sender->packet);
            said += sender->packet;
            /* the end of the next packet, on our clock */
            due = (said + sender->packet) * 1000000 / (1000000 + sender->drift_ppm);
            due += sender->jitter ? chance(sender->jitter) : 0;
        }
        int16_t out[MIX_SAMPLES];
        voice_frame(&voice, out);
        bool hole = false;
        for (int i = 0; i < MIX_SAMPLES; i++)
            hole |= out[i] == 0;
        if (frame > 100) {
            holes += hole;
            heard++;
            delay += (int32_t)(base + (uint32_t)said - voice.read);
        }
    }
    if (holes * 1000 > heard * sender->most_holes || delay > heard * sender->most_delay)
        fprintf(stderr, "%s: %lld holes in %lld, %lld delay\n", name, (long long)holes,
                (long long)heard, (long long)(delay / heard));
    expect(holes * 1000 <= heard * sender->most_holes);
    expect(delay <= heard * sender->most_delay);
}

static void listen_to_all(void)
{
    static const struct sender senders[] = {
        {"even", 0, 0, 0, 160, 0, 60 * RATE},
        {"short packets", 0, 0, 0, 80, 0, 60 * RATE},
        {"long packets", 0, 0, 0, 480, 0, 100 * RATE},
        {"jitter of 20 ms", 20 * RATE, 0, 0, 160, 0, 80 * RATE},
        {"jitter of 60 ms", 60 * RATE, 0, 0, 160, 10, 120 * RATE},
        {"a fast clock", 0, 300, 0, 160, 0, 80 * RATE},
        {"a slow clock", 0, -300, 0, 160, 0, 60 * RATE},
        {"a fast clock and jitter", 20 * RATE, 200, 0, 160, 1, 90 * RATE},
        {"losses", 0, 0, 5, 160, 120, 60 * RATE},
    };
    for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
        listen_to(&senders[i]);
}

/* Whatever comes, nothing is written beside the buffer, and an end of it is silence. */
static void endure(void)
{
    const char *name = "rubbish";
    static struct voice voice;
    uint8_t payload[1488];
    int16_t out[MIX_SAMPLES];
    uint32_t timestamp = 0;
    memset(payload, 0, sizeof payload);
    for (int n = 0; n < 200000; n++) {
        timestamp += (uint32_t)(chance(4) ? chance(2000) - 900 : chance(1 << 30));
        size_t bytes = (size_t)chance(sizeof payload);
        if (chance(3))
            voice_hear(&voice, (uint32_t)chance(20) / 19, timestamp, (enum law)chance(LAWS),
                       payload, bytes);
        else
            voice_frame(&voice, out);
    }
    for (int n = 0; n < 200; n++)
        voice_frame(&voice, out);
    for (int i = 0; i < MIX_SAMPLES; i++)
        expect(out[i] == 0);
    for (int i = 0; i < VOICE_SAMPLES; i++)
        expect(voice.samples[i] == 0 || !voice.speaking);
}

static void limit(void)
{
    const char *name = "limiter";
    int32_t sum[MIX_SAMPLES];
    uint8_t out[MIX_SAMPLES];
    for (int law = 0; law < LAWS; law++) {
        float gain = 1;
        int16_t last = 0;
        for (int frame = 0; frame < 200; frame++) {
            /* a slope from -loud to loud and back: nothing in it is flat */
            int32_t loud = frame < 50 ? LOUD : frame < 100 ? 8 * 32767 : LOUD;
            for (int i = 0; i < MIX_SAMPLES; i++)
                sum[i] = (int32_t)((int64_t)loud * (i < 80 ? i * 2 - 80 : 240 - i * 2) / 80);
            mix_encode(&gain, sum, (enum law)law, out);
            int32_t peak = 0;
            for (int i = 0; i < MIX_SAMPLES; i++) {
                int16_t sample = law_decoded[law][out[i]];
                int32_t magnitude = sample < 0 ? -sample : sample;
                peak = magnitude > peak ? magnitude : peak;
                expect(magnitude < 32100);
                expect((sample < 0) == (sum[i] < 0) || magnitude < 300);
                last = sample;
            }
            if (frame < 50) /* untouched */
                expect(gain == 1 && abs(peak - LOUD) < LOUD / 16);
            if (frame > 50 && frame < 100) /* as loud as can be, and no louder */
                expect(peak > 24000 && peak < 28000);
            if (frame >= 100) /* never louder than before, and in the end as before */
                expect(peak <= LOUD + LOUD / 16 && gain > 0);
        }
        expect(gain > 0.999f && last != 0);
    }
}

int main(void)
{
    law_prepare();
    listen_to_all();
    endure();
    limit();
    puts("ok");
    return 0;
}
