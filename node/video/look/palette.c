#include "node/video/look/palette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 8, STEP = 256 / LEVELS };
#define LEAST_SHARE 0.02  // rarer colours are left out

void
kt_palette_add(kt_palette_t *self, const uint32_t *colour, uint64_t pixels, double weight)
{
    if (pixels == 0)
        return;
    const double each = weight / (double)pixels;
    for (size_t i = 0; i < KT_IMAGE_COLOURS; i++)
        self->share[i] += each * colour[i];
    self->weight += weight;
}

void
kt_palette_look(kt_palette_t *self, const uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        const size_t colour = (size_t)(rgb[0] / STEP * LEVELS * LEVELS + rgb[1] / STEP * LEVELS + rgb[2] / STEP);
        self->pixels[colour]++;
        for (size_t c = 0; c < 3; c++)
            self->sum[colour][c] += rgb[c];
    }
}

void
kt_palette_shares(const kt_palette_t *self, double out[KT_IMAGE_COLOURS])
{
    for (size_t i = 0; i < KT_IMAGE_COLOURS; i++)
        out[i] = self->weight > 0 ? self->share[i] / self->weight : 0;
}

static void
parts_of(size_t colour, int out[3])
{
    out[0] = (int)(colour / (LEVELS * LEVELS));
    out[1] = (int)(colour / LEVELS % LEVELS);
    out[2] = (int)(colour % LEVELS);
}

static bool
neighbours(size_t a, size_t b)
{
    int of_a[3], of_b[3];
    parts_of(a, of_a);
    parts_of(b, of_b);
    return abs(of_a[0] - of_b[0]) <= 1 && abs(of_a[1] - of_b[1]) <= 1 && abs(of_a[2] - of_b[2]) <= 1;
}

// Adds this share of a colour to the sums of red, green and blue.
static void
add_mean(const kt_palette_t *self, size_t colour, double share, double rgb[3])
{
    int part[3];
    parts_of(colour, part);
    for (size_t c = 0; c < 3; c++)
        rgb[c] += share * (self->pixels[colour] ? (double)self->sum[colour][c] / (double)self->pixels[colour]
                                                : STEP * part[c] + STEP / 2);
}

static bool
append(json_t *list, const double rgb[3], double share)
{
    json_t *row = kt_json_object(), *parts = kt_json_array();
    bool    good = kt_json_append(list, row) && kt_json_set(row, "rgb", parts);
    for (size_t c = 0; c < 3 && good; c++)
        good = kt_json_append(parts, kt_json_int(lround(rgb[c] / share)));
    return good && kt_json_set(row, "share", kt_json_real(share));
}

json_t *
kt_palette_json(const kt_palette_t *self)
{
    double left[KT_IMAGE_COLOURS];
    kt_palette_shares(self, left);
    json_t *list = kt_json_array();
    bool    good = list != NULL;
    for (int n = 0; n < KT_PALETTE_COLOURS && good; n++) {
        size_t peak   = 0;
        double rgb[3] = {0}, share = 0;
        for (size_t i = 1; i < KT_IMAGE_COLOURS; i++)
            peak = left[i] > left[peak] ? i : peak;
        for (size_t i = 0; i < KT_IMAGE_COLOURS && left[peak] > 0; i++)
            if (left[i] > 0 && i != peak && neighbours(i, peak)) {
                share += left[i];
                add_mean(self, i, left[i], rgb);
                left[i] = 0;
            }
        share += left[peak];
        add_mean(self, peak, left[peak], rgb);
        left[peak] = 0;
        if (share < LEAST_SHARE)
            break;
        good = append(list, rgb, share);
    }
    if (!good)
        kt_json_free(&list);
    return list;
}
