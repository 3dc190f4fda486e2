// The inside of kt_cqt: the wavelets of one octave as rows over the bins of a transform. A wavelet is symmetric about
// its centre, so its spectrum is real once the time's origin is there: a row is real weights, and the spectrum of the
// samples is rotated once for all rows (`turn`). Only the files of kernels/ include it.
#pragma once

#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"

enum { KT_CQT_OCTAVES = 7, KT_CQT_MAX_BINS = 160 };

// bins[first .. first + count) of the transform, counted from the basis's first.
typedef struct kt_cqt_row {
    uint32_t first, count;
    size_t   offset;  // into weight
} kt_cqt_row_t;

// For bin i of the basis: cos, sin of 2 pi k / n_fft (from the complex to the real transform), then the phase that puts
// the origin into the wavelets' centre.
typedef struct kt_cqt_turn {
    float cos, sin, re, im;
} kt_cqt_turn_t;

typedef struct kt_cqt_basis {
    kt_plan_t    *transform;     // n_fft; its window is all ones
    uint32_t      decimations;   // of the rate before the first octave
    double        rate_hz;       // of the first octave
    uint32_t      first, count;  // bins that any row reads
    kt_cqt_turn_t turn[KT_CQT_MAX_BINS];
    kt_cqt_row_t  row[KT_CQT_PER_OCTAVE];
    float         weight[KT_CQT_PER_OCTAVE * KT_CQT_MAX_BINS];
} kt_cqt_basis_t;

// Over a basis that is zeroed or was filled before. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cqt_basis_fill(kt_cqt_basis_t *self, uint32_t rate_hz, uint32_t hop, double tuning);
void                 kt_cqt_basis_fini(kt_cqt_basis_t *self);
// Size of the transform; 0: no basis at this rate and hop.
uint32_t kt_cqt_n_fft(uint32_t rate_hz, uint32_t hop, double tuning);

// The pitch class of a row, C first: three bins per class, the middle one in tune.
static inline unsigned
kt_cqt_class(unsigned row)
{
    return (row + 1) / 3 % KT_CQT_CLASSES;
}
