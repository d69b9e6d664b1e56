/* G.711 by table, for the media thread: a byte to a sample, a sample to a byte, law to law. */
#ifndef ONHOOK_LAW_H
#define ONHOOK_LAW_H

#include <stdint.h>

enum law { MU_LAW, A_LAW, LAWS };

extern int16_t law_decoded[LAWS][256];
extern uint8_t law_encoded[LAWS][65536]; /* at the sample's two's complement */
extern uint8_t law_crossed[LAWS][256];   /* a byte of this law, in the other */

/* Make the tables, before any of them is used. From any thread, as often as one likes. */
void law_prepare(void);

/* The law of a static payload type (RFC 3551 section 6): 8 is A-law, 0 and all else mu-law. */
static inline enum law law_of(uint8_t payload_type)
{
    return payload_type == 8 ? A_LAW : MU_LAW;
}

#endif
