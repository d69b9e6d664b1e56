/* What is sent while nothing is to be heard: constants, which every call shares. */
#include "silence.h"

#define EIGHT(byte) byte, byte, byte, byte, byte, byte, byte, byte
#define FRAME(byte)                                                                        \
    {EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), \
     EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), \
     EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte), EIGHT(byte)}

const uint8_t silent_frames[LAWS][PLANE_FRAME_BYTES] = {[MU_LAW] = FRAME(0xff),
                                                         [A_LAW] = FRAME(0xd5)};

const uint8_t comfort_noise[1] = {127};
