// Sums over the locally normalised brightness of a picture, from which BRISQUE's features follow (Mittal, Moorthy,
// Bovik 2012; as the package brisque 0.2.0 computes them). The plain reference (mscn_ref.c, in double) is the
// definition; cpu/mscn.c, in float, is compiled once per instruction set and agrees within 1e-4 of a sum of squares.
// Pure functions; any thread.
//
// m = (x - mean) / (deviation + 1), x from 0 to 255; mean and deviation, sqrt(|mean^2 - mean of x^2|), are weighted by
// a Gaussian of 7 x 7 pixels, sigma 7 / 6; x is 0 outside the picture. |x - mean| below KT_MSCN_FLAT is 0: in uniform
// parts rounding would choose the sign. The five maps are m, and the products of
// neighbours: to the right, below, below right, and below with above right.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KT_MSCN_FLAT 1e-4F
enum { KT_MSCN_MAPS = 5, KT_MSCN_RADIUS = 3, KT_MSCN_PAD = 32 };

typedef struct kt_mscn_sums {
    double count, below;  // values of the map; those below 0
    double magnitudes;    // sum of |value|
    double squares[2];    // sum of squares of the values below 0, of the others
} kt_mscn_sums_t;

// Floats of working memory for rows of this width.
static inline size_t
kt_mscn_scratch(size_t width)
{
    return 4 * (width + 2 * KT_MSCN_PAD);
}

// Floats from row to row, at least.
static inline size_t
kt_mscn_stride(size_t width)
{
    return (width + KT_MSCN_PAD - 1) / KT_MSCN_PAD * KT_MSCN_PAD;
}

// Half of a side, to the nearest integer, ties to the even one.
static inline size_t
kt_mscn_half(size_t side)
{
    return side / 2 + (side % 4 == 3);
}

typedef struct kt_mscn_ops {
    // (y - black) * gain of a row of n bytes.
    void (*widen)(const uint8_t *y, size_t n, float black, float gain, float *out);
    // One row of half the width (kt_mscn_half) from four rows, each sample from 4 x 4: OpenCV's bicubic without
    // smoothing; beyond the ends the row repeats its ends. scratch: [width].
    void (*halve)(const float *const rows[4], size_t width, float *scratch, float *out);
    // x: [height][stride]; finite from the end of a row to the stride. Sides are at least 2.
    void (*sums)(const float *x, size_t stride, size_t width, size_t height, float *scratch,
                 kt_mscn_sums_t out[KT_MSCN_MAPS]);
} kt_mscn_ops_t;

// exp(-k^2 / (2 sigma^2)) of one direction, normalised, for |k| 0 .. KT_MSCN_RADIUS.
extern const double kt_mscn_weights[KT_MSCN_RADIUS + 1];

// One table per instruction set (kernels/isa.h chooses).
extern const kt_mscn_ops_t kt_mscn_ops_ref, kt_mscn_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_mscn_ops_t kt_mscn_ops_avx2, kt_mscn_ops_avx512;
#endif
