/* The arithmetic of a room: what each member says, evened out in time, and what each one hears.
 * Neither sockets nor clocks; mixer.c says how.
 */
#ifndef ONHOOK_MIXER_H
#define ONHOOK_MIXER_H

#include "law.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MIX_SAMPLES = 160,    /* 20 ms */
    VOICE_SAMPLES = 4096, /* a power of two */
};

/* What one member says: a jitter buffer. All times are in samples, on the sender's RTP clock. */
struct voice {
    bool speaking; /* everything below is set */
    uint32_t ssrc;
    uint32_t read;  /* what is heard next */
    uint32_t end;   /* behind the newest sample */
    int slip;       /* a frame takes so many samples more than it gives: -1, 0, 1 */
    int32_t early;  /* before its time, the latest packet of this stretch */
    unsigned frames; /* of this stretch */
    unsigned silent; /* frames since there was anything */
    unsigned late;   /* packets in a row */
    int16_t samples[VOICE_SAMPLES]; /* at their time, modulo; 0 where nothing has come */
};

/* A packet of one member. */
void voice_hear(struct voice *voice, uint32_t ssrc, uint32_t timestamp, enum law law,
                const uint8_t *payload, size_t bytes);

/* The next 20 ms of one member, silence where nothing came in time. */
void voice_frame(struct voice *voice, int16_t frame[MIX_SAMPLES]);

/* Encode a sum of voices, made quieter as far as it would be too loud. `gain` is what the limiter
 * remembers of one listener; it begins at 1. */
void mix_encode(float *gain, const int32_t sum[MIX_SAMPLES], enum law law,
                uint8_t out[MIX_SAMPLES]);

#endif
