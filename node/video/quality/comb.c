// Two fields of different times woven into one picture: where something has moved, lines alternate. A pixel counts when
// it differs from both its neighbours above and below in the same direction, those two differ from each other by at
// most half as much (they are of one field), and so it is, in turn, for the ROWS - 1 pixels above it: textures, thin
// lines and facades rarely alternate so evenly over so many lines.
#include "node/video/quality/measures.h"

#include <string.h>

enum { STRIP = 64, EVERY = 4, ROWS = 7, STEP = 10, MANY = 200 };

// All numbers fit 16 bits, so that a vector holds many of them.
typedef struct strip {
    int16_t run[STRIP], sign[STRIP];
} strip_t;

static inline __attribute__((always_inline)) size_t
add_row(strip_t *self, const uint8_t *at, size_t stride, size_t n, int16_t least)
{
    const uint8_t *above = at - stride, *below = at + stride;
    int16_t        out = 0;
    for (size_t x = 0; x < n; x++) {
        const int16_t up = (int16_t)(at[x] - above[x]), down = (int16_t)(at[x] - below[x]);
        const int16_t apart = (int16_t)(above[x] - below[x]), field = (int16_t)(apart < 0 ? -2 * apart : 2 * apart);
        const int16_t low = up < down ? up : down, high = up < down ? down : up;
        const int16_t one = (low > least) & (field <= low), other = (high < -least) & (field <= -high);
        const int16_t sign = (int16_t)(one + 2 * other), more = self->sign[x] + sign == 3 ? self->run[x] : 0;
        const int16_t run = sign ? (int16_t)(more + 1) : 0;
        self->run[x]      = run < MANY ? run : MANY;
        self->sign[x]     = sign;
        out               = (int16_t)(out + (run >= ROWS));
    }
    return (size_t)out;
}

static inline __attribute__((always_inline)) double
share(const kt_plane_t *plane, int least)
{
    size_t found = 0, pixels = 0;
    for (size_t x = 0; x < plane->width; x += STRIP * EVERY) {
        const size_t n = plane->width - x < STRIP ? plane->width - x : STRIP;
        strip_t      strip;
        memset(&strip, 0, sizeof strip);
        for (size_t y = 1; y + 1 < plane->height; y++)
            found += add_row(&strip, plane->at + y * plane->stride + x, plane->stride, n, (int16_t)least);
        pixels += n * plane->height;
    }
    return (double)found / (double)pixels;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static double
share_avx2(const kt_plane_t *plane, int least)
{
    return share(plane, least);
}
#endif

double
kt_defect_comb(const kt_plane_t *plane, double noise)
{
    const int least = (int)((STEP + 3 * noise) / plane->gain);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return share_avx2(plane, least);
#endif
    return share(plane, least);
}
