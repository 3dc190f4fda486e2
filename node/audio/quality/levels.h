// kt_levels -- a histogram of powers, from -180 to +60 dB in steps of at most 0.51 dB (an eighth of an octave,
// linear within the octave). A plain value; one thread.
#pragma once

#include <stdint.h>

enum { KT_LEVEL_STEPS = 8, KT_LEVEL_LOWEST = -60, KT_LEVELS = 80 * KT_LEVEL_STEPS };
typedef struct kt_levels {
    uint32_t count[KT_LEVELS];
    uint64_t n;
} kt_levels_t;
void   kt_levels_add(kt_levels_t *self, float power);
void   kt_levels_merge(kt_levels_t *self, const kt_levels_t *more);
double kt_levels_quantile(const kt_levels_t *self, double q);  // of q in 0 .. 1; 0 while there are none
