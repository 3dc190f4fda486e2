// Two fields of different times woven into one picture: where something has moved, lines alternate. A pixel counts when
// it differs from both its neighbours above and below in the same direction, those two differ from each other by at
// most half as much (they are of one field), and so it is, in turn, for the ROWS - 1 pixels above it: textures, thin
// lines and facades rarely alternate so evenly over so many lines.
#include "node/video/quality/measures.h"

#include <stdlib.h>
#include <string.h>

enum { STRIP = 64, EVERY = 4, ROWS = 7, STEP = 10, MANY = 200 };

typedef struct strip {
    uint8_t run[STRIP], sign[STRIP];
} strip_t;

static size_t
add_row(strip_t *self, const uint8_t *at, size_t stride, size_t n, int least)
{
    size_t out = 0;
    for (size_t x = 0; x < n; x++) {
        const int     up = at[x] - at[x - stride], down = at[x] - at[x + stride], field = 2 * abs(up - down);
        const uint8_t sign = up > least && down > least && field <= up && field <= down       ? 1
                             : up < -least && down < -least && field <= -up && field <= -down ? 2
                                                                                              : 0;
        const uint8_t more = self->sign[x] + sign == 3 ? self->run[x] : 0;
        self->run[x]       = sign ? (uint8_t)(more < MANY ? more + 1 : MANY) : 0;
        self->sign[x]      = sign;
        out += self->run[x] >= ROWS;
    }
    return out;
}

double
kt_defect_comb(const kt_plane_t *plane, double noise)
{
    const int least = (int)((STEP + 3 * noise) / plane->gain);
    size_t    found = 0, pixels = 0;
    for (size_t x = 0; x < plane->width; x += STRIP * EVERY) {
        const size_t n = plane->width - x < STRIP ? plane->width - x : STRIP;
        strip_t      strip;
        memset(&strip, 0, sizeof strip);
        for (size_t y = 1; y + 1 < plane->height; y++)
            found += add_row(&strip, plane->at + y * plane->stride + x, plane->stride, n, least);
        pixels += n * plane->height;
    }
    return (double)found / (double)pixels;
}
