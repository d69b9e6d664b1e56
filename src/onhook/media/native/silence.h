/* What is sent while nothing is to be heard. */
#ifndef ONHOOK_SILENCE_H
#define ONHOOK_SILENCE_H

#include "law.h"
#include "plane.h"

#include <stdint.h>

/* A frame of each law: its own byte of the smallest positive sample (ITU-T G.711). */
extern const uint8_t silent_frames[LAWS][PLANE_FRAME_BYTES];

/* The payload of a packet of comfort noise: as quiet as can be said (RFC 3389 section 3.1). */
extern const uint8_t comfort_noise[1];

#endif
