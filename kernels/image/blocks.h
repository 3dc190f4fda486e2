// Comparison of two 8-bit pictures by blocks of 16 x 16 pixels, for motion and for pictures that do not change. The
// plain reference (blocks_ref.c) is the definition; cpu/blocks.c is compiled once per instruction set. All results are
// integers, so all implementations agree to the bit. Pure functions; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    KT_BLOCK        = 16,  // pixels of a side
    KT_BLOCK_MARGIN = 2,   // pixels around a block that the derivatives read
    KT_BLOCK_SLOPE  = 6,   // steps of a derivative per grey level and pixel
};

// Sums over a block of the derivatives gx, gy of the mean of both pictures (to the right, down; in steps of
// 1 / KT_BLOCK_SLOPE grey level per pixel) and of the difference t = now - before. Derivative: (8 (f1 - f-1) -
// (f2 - f-2)) / 12, whose error is of fourth order.
typedef struct kt_block_sums {
    int32_t xx, xy, yy, xt, yt, tt;  // of products
    int32_t x, y, t;
} kt_block_sums_t;

typedef struct kt_block_ops {
    // Sum of absolute differences of 16 x 16 pixels, of 8 x 8 pixels.
    uint32_t (*difference)(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride);
    uint32_t (*difference_8)(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride);
    // Both pointers at the block's first pixel; KT_BLOCK_MARGIN pixels on each side are read.
    void (*sums)(const uint8_t *now, size_t now_stride, const uint8_t *before, size_t before_stride,
                 kt_block_sums_t *out);
    // Rounded means of 4 x 4 pixels: out has (width / 4) x (height / 4), without gaps.
    void (*quarter)(const uint8_t *in, size_t stride, uint32_t width, uint32_t height, uint8_t *out);
    // How many of n pixels are above the limit.
    size_t (*above)(const uint8_t *row, size_t n, uint8_t limit);
    // Adds to n pixels, within 0 to 255.
    void (*brighten)(uint8_t *row, size_t n, int amount);
} kt_block_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_block_ops_t kt_block_ops_ref, kt_block_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_block_ops_t kt_block_ops_avx2, kt_block_ops_avx512;
#endif
