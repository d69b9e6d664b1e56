/* G.711, as ITU-T G.191 computes it; g711.py is the same for whole arrays, and a test compares. */
#include "law.h"

#include "plane.h"

#include <pthread.h>

enum { MU_BIAS = 33, MU_TOP = 8191 /* of the biased magnitude */ };

int16_t law_decoded[LAWS][256];
uint8_t law_encoded[LAWS][65536];
uint8_t law_crossed[LAWS][256];

/* How many of 8 segments, the first of which ends at `first` and each other at twice the one
 * before, lie below this magnitude. */
static int segment_of(int magnitude, int first)
{
    int segment = 0;
    while (magnitude >= first << segment)
        segment++;
    return segment;
}

static uint8_t encode_mu(int sample)
{
    int linear = sample >> 2; /* 14 bits */
    int biased = (linear < 0 ? -linear : linear) + MU_BIAS;
    if (biased > MU_TOP)
        biased = MU_TOP;
    int segment = segment_of(biased, 0x40);
    return (uint8_t)((segment << 4 | (biased >> (segment + 1) & 0x0f)) ^ (linear < 0 ? 0x7f : 0xff));
}

static uint8_t encode_a(int sample)
{
    int linear = sample >> 3; /* 13 bits */
    int magnitude = linear < 0 ? -linear - 1 : linear;
    int segment = segment_of(magnitude, 0x20);
    int shift = segment ? segment : 1;
    return (uint8_t)((segment << 4 | (magnitude >> shift & 0x0f)) ^ (linear < 0 ? 0x55 : 0xd5));
}

static int16_t decode_mu(int code)
{
    int plain = ~code & 0xff;
    int magnitude = ((plain & 0x0f) << 3) + (MU_BIAS << 2);
    magnitude = (magnitude << (plain >> 4 & 7)) - (MU_BIAS << 2);
    return (int16_t)(plain & 0x80 ? -magnitude : magnitude);
}

static int16_t decode_a(int code)
{
    int plain = code ^ 0x55;
    int segment = plain >> 4 & 7;
    int magnitude = ((plain & 0x0f) << 4) + 8;
    if (segment)
        magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)(plain & 0x80 ? magnitude : -magnitude);
}

static void make_tables(void)
{
    for (int sample = -32768; sample < 32768; sample++) {
        law_encoded[MU_LAW][(uint16_t)sample] = encode_mu(sample);
        law_encoded[A_LAW][(uint16_t)sample] = encode_a(sample);
    }
    for (int code = 0; code < 256; code++) {
        law_decoded[MU_LAW][code] = decode_mu(code);
        law_decoded[A_LAW][code] = decode_a(code);
        law_crossed[MU_LAW][code] = encode_a(law_decoded[MU_LAW][code]);
        law_crossed[A_LAW][code] = encode_mu(law_decoded[A_LAW][code]);
    }
}

void law_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
}

void plane_encode(const int16_t *samples, uint32_t count, uint8_t payload_type, uint8_t *coded)
{
    law_prepare();
    const uint8_t *table = law_encoded[law_of(payload_type)];
    for (uint32_t i = 0; i < count; i++)
        coded[i] = table[(uint16_t)samples[i]];
}

void plane_decode(const uint8_t *coded, uint32_t count, uint8_t payload_type, int16_t *samples)
{
    law_prepare();
    const int16_t *table = law_decoded[law_of(payload_type)];
    for (uint32_t i = 0; i < count; i++)
        samples[i] = table[coded[i]];
}
