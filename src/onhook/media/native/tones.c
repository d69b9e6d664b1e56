/* The tones of keys, made once: two sines of the same level, -11 dBm0 each, that rise and fall within 5 ms
 * so that they do not click. */
#include "tones.h"

#include "plane.h"

#include <math.h>
#include <pthread.h>

enum { CODES = 16, RATE_HZ = 8000, SAMPLES = TONE_FRAMES * PLANE_FRAME_BYTES, EDGE_SAMPLES = 40 };

static const double pi = 3.14159265358979323846;
static const double level = 0.2 * 32767; /* of each of the two */
static const double rows_hz[4] = {697, 770, 852, 941}, columns_hz[4] = {1209, 1336, 1477, 1633};

static const struct {
    uint8_t row, column;
} places[CODES] = {
    {3, 1}, {0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {2, 0},
    {2, 1}, {2, 2}, {3, 0}, {3, 2}, {0, 3}, {1, 3}, {2, 3}, {3, 3},
};

static uint8_t frames[LAWS][CODES][SAMPLES];

/* One, but for a quarter of a sine at both ends. */
static double edge(int at)
{
    int near = at < SAMPLES - 1 - at ? at : SAMPLES - 1 - at;
    return near < EDGE_SAMPLES ? sin(pi / 2 * near / (EDGE_SAMPLES - 1)) : 1;
}

static void make(int code)
{
    double row = 2 * pi * rows_hz[places[code].row] / RATE_HZ;
    double column = 2 * pi * columns_hz[places[code].column] / RATE_HZ;
    for (int at = 0; at < SAMPLES; at++) {
        double sample = level * (sin(row * at) + sin(column * at)) * edge(at);
        uint16_t bits = (uint16_t)(int16_t)lrint(sample);
        for (int law = 0; law < LAWS; law++)
            frames[law][code][at] = law_encoded[law][bits];
    }
}

static void make_all(void)
{
    law_prepare();
    for (int code = 0; code < CODES; code++)
        make(code);
}

void tones_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_all);
}

const uint8_t *tone_frame(enum law law, uint8_t code, uint32_t number)
{
    return frames[law][code] + (size_t)number * PLANE_FRAME_BYTES;
}
