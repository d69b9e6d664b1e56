/* The tones of keys (ITU-T Q.23; RFC 4733 section 3.2): frames that are ready to be sent. */
#ifndef ONHOOK_TONES_H
#define ONHOOK_TONES_H

#include "law.h"

#include <stddef.h>
#include <stdint.h>

enum { TONE_FRAMES = 5 /* 100 ms */ };

/* Make all of them, before any is used. From any thread, as often as one likes. */
void tones_prepare(void);

/* A frame of a key, by its event code (0 to 15), and its number (0 to TONE_FRAMES - 1). */
const uint8_t *tone_frame(enum law law, uint8_t code, uint32_t number);

#endif
