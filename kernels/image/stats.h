// Statistics of pictures, for brightness, colour, cuts and sharpness. The plain reference (stats_ref.c) is the
// definition; cpu/image.c is compiled once per instruction set, cuda/image.cu computes many pictures at once. Every
// number is a sum of integers, so all implementations agree to the bit, in any order. Pure functions; any thread.
//
// Pictures are packed 8-bit RGB, row after row without gaps. Luma is (299 R + 587 G + 114 B + 500) / 1000, full range.
// HSV is that of OpenCV in 8 bits (H 0 to 179 in steps of two degrees, S and V 0 to 255), because the detectors of cuts
// are defined on it (features.md, PySceneDetect). Sharpness: the variance of the Laplacian (4-neighbour) of luma.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_IMAGE_COLOURS = 512, KT_IMAGE_MOST_SIDE = 16384 };

typedef enum kt_image_sum {
    KT_IMAGE_LUMA,
    KT_IMAGE_LUMA_SQUARES,
    KT_IMAGE_HUE,
    KT_IMAGE_SATURATION,
    KT_IMAGE_VALUE,
    KT_IMAGE_HUE_CHANGE,  // sums of |now - before|, 0 without a previous picture
    KT_IMAGE_SATURATION_CHANGE,
    KT_IMAGE_VALUE_CHANGE,
    KT_IMAGE_EDGES,  // Laplacian over the pixels that have four neighbours; two's complement
    KT_IMAGE_EDGE_SQUARES,
    KT_IMAGE_SUMS
} kt_image_sum_t;

typedef struct kt_image_stats {
    uint64_t sum[KT_IMAGE_SUMS];
    uint32_t colour[KT_IMAGE_COLOURS];  // pixels of each of 8 x 8 x 8 colours: R / 32 * 64 + G / 32 * 8 + B / 32
} kt_image_stats_t;

// Pictures of one size in order of time, one after the other in memory.
typedef struct kt_image_span {
    const uint8_t *rgb;     // [n][height][width][3]
    const uint8_t *before;  // the picture before the first, or NULL
    size_t         n;
    uint32_t       width, height;  // at most KT_IMAGE_MOST_SIDE; without pixels all statistics are 0
    bool           light;          // the sums of luma, its squares and saturation, and the colours suffice
} kt_image_span_t;

static inline size_t
kt_image_bytes(uint32_t width, uint32_t height)
{
    return 3 * (size_t)width * height;
}

typedef struct kt_image_ops {
    // One picture; `before`: the previous picture of the same size, or NULL.
    void (*stats)(const uint8_t *rgb, const uint8_t *before, uint32_t width, uint32_t height, kt_image_stats_t *out);
    // The same of luma, its squares, saturation and colours; the other sums are 0.
    void (*light)(const uint8_t *rgb, uint32_t width, uint32_t height, kt_image_stats_t *out);
} kt_image_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_image_ops_t kt_image_ops_ref, kt_image_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_image_ops_t kt_image_ops_avx2, kt_image_ops_avx512;
#endif

// What the sums mean; width and height as above, 0 where there are no such pixels.
typedef struct kt_image_measures {
    double brightness, contrast;  // mean and standard deviation of luma, 0 to 1
    double saturation;            // mean, 0 to 1
    double change[3];             // mean change of H, S, V, in steps of 8 bits
    double sharpness;             // variance of the Laplacian, in steps of 8 bits squared
} kt_image_measures_t;
void kt_image_measure(const kt_image_stats_t *stats, uint32_t width, uint32_t height, kt_image_measures_t *out);
