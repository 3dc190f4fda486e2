// kt_sampled -- one sampled picture that the models were given. Plain data.
#pragma once

#include "models/input/image_input.h"

#include <stdint.h>

enum {
    KT_SAMPLED_MOST   = 10000,  // of a film
    KT_SAMPLED_ACROSS = 16,     // means of luma, for how much the picture changes from one sample to the next
    KT_SAMPLED_DOWN   = 9,
};

typedef struct kt_sampled {
    double   time_s;
    uint32_t shot;           // known when the film has ended
    uint32_t width, height;  // of the picture as shown, in coded pixels
    uint8_t  luma[KT_SAMPLED_DOWN][KT_SAMPLED_ACROSS];
} kt_sampled_t;
