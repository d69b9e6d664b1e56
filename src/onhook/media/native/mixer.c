/* A room's arithmetic.
 *
 * The jitter buffer. A packet stands in the buffer at its RTP timestamp. The first one is heard
 * 40 ms later (and up to 20 ms more, until the room's next frame). Packets that come later than
 * that, up to 60 ms, push everything after them back by as much, so the delay becomes what the
 * jitter needs. What never comes is silence. The delay shrinks again, and follows a sender whose
 * clock is faster or slower than ours, by a sample a frame: at the end of each stretch of 2 s, how
 * early the latest packet was decides whether the next 100 frames take 161, 160 or 159. (Packets that
 * are lost say nothing about that.)
 *
 * The limiter. Voices are summed in full and, where the sum is too loud, made quieter together:
 * the gain falls within 5 ms to what the loudest sample of the frame needs, and rises again by a
 * tenth of what is missing each frame. What those first 5 ms let through is bent, not cut off.
 */
#include "mixer.h"

#include <math.h> /* fabsf, copysignf: instructions, not calls */
#include <string.h>

enum {
    DELAY = 320,          /* of the first packet: 40 ms */
    LATEST = 480,         /* by which a packet may move what follows: 60 ms */
    FARTHEST = 1600,      /* ahead of what is heard; beyond it, the voice begins anew: 200 ms */
    EARLY_LOW = 200,      /* 25 ms: a frame more than nothing, since the packet that came just before
                             a frame comes just after it when the clocks have drifted so far */
    EARLY_HIGH = 500,     /* 62 ms: a frame more than DELAY, for the same reason */
    STRETCH_FRAMES = 100, /* 2 s */
    SILENT_FRAMES = 25,   /* after half a second of nothing, the voice begins anew */
    LATE_PACKETS = 5,     /* so many in a row are no accident */
    ATTACK = 40,          /* samples: 5 ms */
};

#define LOUDEST 26000.0f /* what the gain aims at; what is louder all the same is bent ... */
#define TOP 31500.0f     /* ... and never gets here: the loudest step of neither law is used */
#define RELEASE 0.1f

static int16_t *sample_at(struct voice *voice, uint32_t when)
{
    return &voice->samples[when & (VOICE_SAMPLES - 1)];
}

static void begin(struct voice *voice, uint32_t ssrc, uint32_t timestamp)
{
    memset(voice, 0, sizeof *voice);
    voice->speaking = true;
    voice->ssrc = ssrc;
    voice->read = timestamp - DELAY;
    voice->end = timestamp;
    voice->early = DELAY;
}

/* A packet whose time has passed. False: it is not wanted. */
static bool wait_for_late(struct voice *voice, uint32_t ssrc, uint32_t timestamp, int32_t late_by)
{
    if (++voice->late >= LATE_PACKETS) {
        begin(voice, ssrc, timestamp);
        return true;
    }
    if ((int32_t)(voice->end - voice->read) > 0 || late_by > LATEST)
        return false; /* out of order, or much too late */
    voice->read = timestamp;
    return true;
}

void voice_hear(struct voice *voice, uint32_t ssrc, uint32_t timestamp, enum law law,
                const uint8_t *payload, size_t bytes)
{
    int32_t ahead = (int32_t)(timestamp - voice->read);
    if (!voice->speaking || voice->ssrc != ssrc || ahead > FARTHEST || ahead < -VOICE_SAMPLES)
        begin(voice, ssrc, timestamp);
    else if (ahead >= 0)
        voice->late = 0;
    else if (!wait_for_late(voice, ssrc, timestamp, -ahead))
        return;
    ahead = (int32_t)(timestamp - voice->read);
    if (ahead < voice->early)
        voice->early = ahead;
    for (size_t i = 0; i < bytes; i++)
        *sample_at(voice, timestamp + (uint32_t)i) = law_decoded[law][payload[i]];
    timestamp += (uint32_t)bytes;
    if ((int32_t)(timestamp - voice->end) > 0)
        voice->end = timestamp;
}

/* At the end of each stretch: how the next one is read. */
static void adapt(struct voice *voice)
{
    if (++voice->frames < STRETCH_FRAMES)
        return;
    bool heard = voice->early != INT32_MAX;
    voice->slip = (heard && voice->early > EARLY_HIGH) - (voice->early < EARLY_LOW);
    voice->early = INT32_MAX;
    voice->frames = 0;
}

static void resample(struct voice *voice, int taken, int16_t *frame)
{
    for (int i = 0; i < MIX_SAMPLES; i++) {
        float place = (float)i * (float)taken / MIX_SAMPLES;
        int whole = (int)place;
        float before = *sample_at(voice, voice->read + (uint32_t)whole);
        float after = *sample_at(voice, voice->read + (uint32_t)whole + 1);
        frame[i] = (int16_t)(before + (after - before) * (place - (float)whole));
    }
}

void voice_frame(struct voice *voice, int16_t frame[MIX_SAMPLES])
{
    int32_t have = (int32_t)(voice->end - voice->read);
    if (!voice->speaking || have <= 0) {
        memset(frame, 0, MIX_SAMPLES * sizeof *frame);
        voice->read += MIX_SAMPLES;
        if (++voice->silent >= SILENT_FRAMES)
            voice->speaking = false;
        return;
    }
    int taken = MIX_SAMPLES + voice->slip;
    resample(voice, taken, frame);
    for (int i = 0; i < taken; i++)
        *sample_at(voice, voice->read + (uint32_t)i) = 0;
    voice->read += (uint32_t)taken;
    voice->silent = 0;
    adapt(voice);
}

/* Odd and monotonic; the identity up to LOUDEST, below TOP for ever. */
static float bend(float sample)
{
    float over = fabsf(sample) - LOUDEST;
    if (over <= 0)
        return sample;
    return copysignf(LOUDEST + over * (TOP - LOUDEST) / (over + (TOP - LOUDEST)), sample);
}

static float gain_for(const int32_t *sum, float before)
{
    int32_t peak = 0;
    for (int i = 0; i < MIX_SAMPLES; i++) {
        int32_t magnitude = sum[i] < 0 ? -sum[i] : sum[i];
        peak = magnitude > peak ? magnitude : peak;
    }
    float recovered = before + (1 - before) * RELEASE;
    float needed = (float)peak > LOUDEST ? LOUDEST / (float)peak : 1;
    return needed < recovered ? needed : recovered;
}

void mix_encode(float *gain, const int32_t sum[MIX_SAMPLES], enum law law,
                uint8_t out[MIX_SAMPLES])
{
    float before = *gain, after = gain_for(sum, before);
    int turn = after < before ? ATTACK : MIX_SAMPLES;
    for (int i = 0; i < MIX_SAMPLES; i++) {
        float now = i < turn ? before + (after - before) * (float)i / (float)turn : after;
        out[i] = law_encoded[law][(uint16_t)(int16_t)bend((float)sum[i] * now)];
    }
    *gain = after;
}
