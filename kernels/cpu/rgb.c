// KT_WIDE pixels at a time in 32 bits, into three arrays, then packed by shuffles.
#include "kernels/image/rgb.h"

#include "kernels/cpu/packed.h"

typedef uint16_t halves_t __attribute__((vector_size(2 * KT_PACKED)));  // each: two pixels side by side

enum { STRIP = 128 };  // a multiple of KT_PACKED and KT_WIDE

KT_INLINE void
store_bytes(vwi_t value, uint8_t *at)
{
    narrow_bytes((value + (1 << (KT_RGB_FRACTION - 1))) >> KT_RGB_FRACTION, at);
}

// n pixels, a multiple of KT_PACKED, of STRIP at most.
KT_INLINE void
strip(kt_rgb_t m, const uint8_t *y0, const uint8_t *y1, const uint8_t *u, const uint8_t *v, size_t n, uint8_t *rgb)
{
    uint8_t  r[STRIP], g[STRIP], b[STRIP];
    uint16_t mean[STRIP];
    for (size_t x = 0; x < n; x += KT_PACKED) {
        halves_t upper, lower;
        memcpy(&upper, y0 + 2 * x, sizeof upper);
        memcpy(&lower, y1 + 2 * x, sizeof lower);
        upper = ((upper & 0xff) + (upper >> 8) + (lower & 0xff) + (lower >> 8) + 2) >> 2;
        memcpy(mean + x, &upper, sizeof upper);
    }
    for (size_t x = 0; x < n; x += KT_WIDE) {
        const vwi_t light = (widen_halves(mean + x) - m.y_offset) * m.y;
        const vwi_t cu = widen_bytes(u + x) - 128, cv = widen_bytes(v + x) - 128;
        store_bytes(light + cv * m.rv, r + x);
        store_bytes(light + cu * m.gu + cv * m.gv, g + x);
        store_bytes(light + cu * m.bu, b + x);
    }
    for (size_t x = 0; x < n; x += KT_PACKED)
        pack_rgb(r + x, g + x, b + x, rgb + 3 * x);
}

static void
half_row(const kt_rgb_t *self, const uint8_t *y0, const uint8_t *y1, const uint8_t *u, const uint8_t *v, size_t width,
         uint8_t *rgb)
{
    size_t pixels = width / 2 / KT_PACKED * KT_PACKED;
    for (size_t x = 0, n; x < pixels; x += n) {
        n = pixels - x < STRIP ? pixels - x : STRIP;
        strip(*self, y0 + 2 * x, y1 + 2 * x, u + x, v + x, n, rgb + 3 * x);
    }
    if (pixels > 0 && pixels < width / 2) {  // the last ones, some of them again
        const size_t x = width / 2 - KT_PACKED;
        strip(*self, y0 + 2 * x, y1 + 2 * x, u + x, v + x, KT_PACKED, rgb + 3 * x);
        pixels = width / 2;
    }
    kt_rgb_ops_ref.half_row(self, y0 + 2 * pixels, y1 + 2 * pixels, u + pixels, v + pixels, width - 2 * pixels,
                            rgb + 3 * pixels);
}

const kt_rgb_ops_t KT_NAME(kt_rgb_ops) = {half_row};
