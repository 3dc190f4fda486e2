// kt_shot_mixture -- whether a picture is a mixture of an earlier and a later one: m = a + share * (b - a) in each
// block, by least squares. A dissolve has about the same share everywhere, a wipe 0 or 1. Pure; any thread.
#pragma once

#include "node/video/shots/picture.h"

typedef struct kt_shot_mixture {
    float energy;    // mean squared difference of b and a, 8-bit steps squared
    float share;     // of b, over the whole picture
    float spread;    // of the blocks' shares: 0 all are the same, 1 each is 0 or 1
    float area;      // share of the blocks in which a and b differ by at least a twentieth of energy
    float residual;  // of the picture, that no shares of blocks explain; relative to energy
} kt_shot_mixture_t;

void kt_shot_mixture(const kt_shot_picture_t *a, const kt_shot_picture_t *m, const kt_shot_picture_t *b,
                     const kt_shot_size_t *size, kt_shot_mixture_t *out);
