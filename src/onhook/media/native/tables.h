/* How many of each there may be: both sides number them alike. */
#ifndef ONHOOK_TABLES_H
#define ONHOOK_TABLES_H

#include "plane.h"

#include <stdint.h>

/* How many segments, and prompts, there may be in all; untouched ones take no memory. */
static inline uint32_t segment_count(const struct plane_config *config)
{
    return config->max_calls * 32 + 4 * PLANE_MAX_SEGMENTS;
}

/* Those that are closing take up to a round. */
static inline uint32_t room_count(const struct plane_config *config)
{
    return config->max_calls + 256;
}

/* Those of calls that were closed may still be on their way to the disk. */
static inline uint32_t recording_count(const struct plane_config *config)
{
    return config->max_calls * 2 * PLANE_MAX_RECORDINGS;
}

/* Two a call, and two that were before, of calls that are closing too; a power of two. */
static inline uint32_t key_count(const struct plane_config *config)
{
    uint32_t count = 8;
    while (count < config->max_calls * 8)
        count *= 2;
    return count;
}

#endif
