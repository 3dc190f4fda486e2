#include "kernels/image/rgb.h"

static void
half_row(const kt_rgb_t *self, const uint8_t *y0, const uint8_t *y1, const uint8_t *u, const uint8_t *v, size_t width,
         uint8_t *rgb)
{
    for (size_t x = 0; x < (width + 1) / 2; x++, rgb += 3) {
        const size_t left = 2 * x, right = left + 1 < width ? left + 1 : left;
        kt_rgb_pixel(self, (y0[left] + y0[right] + y1[left] + y1[right] + 2) / 4, u[x], v[x], rgb);
    }
}

const kt_rgb_ops_t kt_rgb_ops_ref = {half_row};
