// kt_defect -- the measured defects of a film's pictures, and the score that follows from them. Pure; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum kt_defect {
    KT_DEFECT_BLUR,        // width of edges, pixels
    KT_DEFECT_BLOCKINESS,  // relative height of steps on the grid of 8 pixels
    KT_DEFECT_NOISE,       // standard deviation, steps of 8 bits
    KT_DEFECT_BANDING,     // height of false contours, steps of 8 bits
    KT_DEFECT_BRISQUE,     // score of the model, about 0 (good) to 100
    KT_DEFECT_RESOLUTION,  // shorter side of the coded picture
    KT_DEFECTS
} kt_defect_t;

enum { KT_DEFECTS_MEASURED = KT_DEFECT_RESOLUTION };  // those before it are measured on pictures

extern const char *const kt_defect_names[KT_DEFECTS];

// The factor of one defect, 0 to 1; monotone in the value. NAN: not known, 1. shorter_side: of the picture, because the
// same width of edges is less of a defect where there are more pixels.
double kt_defect_part(kt_defect_t defect, double value, uint32_t shorter_side);
