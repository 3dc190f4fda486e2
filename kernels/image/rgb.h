// Y, U, V to packed RGB, full range, in integers. The plain reference (rgb_ref.c) is the definition; cpu/rgb.c is
// compiled once per instruction set. All implementations agree to the bit. Pure functions; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KT_RGB_FRACTION = 14 };  // bits

typedef struct kt_rgb {
    int32_t y, y_offset, rv, gu, gv, bu;  // with KT_RGB_FRACTION bits of fraction; below 4 in size
} kt_rgb_t;

static inline uint8_t
kt_rgb_byte(int32_t value)
{
    const int32_t rounded = (value + (1 << (KT_RGB_FRACTION - 1))) >> KT_RGB_FRACTION;
    return (uint8_t)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

static inline void
kt_rgb_pixel(const kt_rgb_t *self, int32_t y, int32_t u, int32_t v, uint8_t rgb[3])
{
    const int32_t light = self->y * (y - self->y_offset), cu = u - 128, cv = v - 128;
    rgb[0] = kt_rgb_byte(light + self->rv * cv);
    rgb[1] = kt_rgb_byte(light + self->gu * cu + self->gv * cv);
    rgb[2] = kt_rgb_byte(light + self->bu * cu);
}

typedef struct kt_rgb_ops {
    // A row of one pixel per chroma sample, (width + 1) / 2, from the rounded mean of its Y: four of two rows of
    // `width`; at the right edge of an odd width the two of the last column, twice.
    void (*half_row)(const kt_rgb_t *self, const uint8_t *y0, const uint8_t *y1, const uint8_t *u, const uint8_t *v,
                     size_t width, uint8_t *rgb);
} kt_rgb_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_rgb_ops_t kt_rgb_ops_ref, kt_rgb_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_rgb_ops_t kt_rgb_ops_avx2, kt_rgb_ops_avx512;
#endif
