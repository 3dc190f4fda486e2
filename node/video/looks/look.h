// kt_look -- one sampled picture that models looked at. Plain data.
#pragma once

#include "models/input/image_input.h"

#include <stdint.h>

enum {
    KT_LOOKS_MOST  = 10000,  // of a film
    KT_LOOK_ACROSS = 16,     // means of luma, for how much the picture changes from one look to the next
    KT_LOOK_DOWN   = 9,
};

typedef struct kt_look {
    double   time_s;
    uint32_t shot;           // known when the film has ended
    uint32_t width, height;  // of the picture as shown, in coded pixels
    uint8_t  luma[KT_LOOK_DOWN][KT_LOOK_ACROSS];
} kt_look_t;
