// kt_gating -- loudness over time without keeping it: block energies in bins of 0.01 LU, with the exact sum of each
// bin, so that the gated mean is exact except for blocks within 0.01 LU of the relative gate (EBU R128, Tech 3342). The
// memory does not grow with the length. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KT_GATING_BINS = 10000, KT_GATING_FLOOR = -70, KT_GATING_A_LU = 100 };  // -70 .. 30 LUFS; louder: the last bin

typedef struct kt_gating {
    uint64_t count[KT_GATING_BINS];
    double   energy[KT_GATING_BINS];
    double   loudest;  // energy of the loudest block, below the gate too; 0: none yet
} kt_gating_t;

double kt_loudness_of(double energy);  // LUFS; -infinity of 0

// Mean square energy behind the K-weighting, channels weighted and summed. Below -70 LUFS it counts for `loudest` only.
void kt_gating_add(kt_gating_t *self, double energy);
// The blocks of another part of the same stream.
void kt_gating_merge(kt_gating_t *self, const kt_gating_t *more);
// Gated mean in LUFS: blocks not below -70 LUFS, then those not more than 10 LU below their mean. False: none.
bool kt_gating_integrated(const kt_gating_t *self, double *lufs);
// 95th minus 10th percentile in LU of the blocks not more than 20 LU below their mean. False: none.
bool kt_gating_range(const kt_gating_t *self, double *lu);
