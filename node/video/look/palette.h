// kt_palette -- the most frequent colours of a film: of the 8 x 8 x 8 colours of kt_image_stats_t the most frequent one
// with its neighbours, then the most frequent of the rest, and so on. One instance per thread.
#pragma once

#include "common/json.h"
#include "kernels/image/stats.h"

enum { KT_PALETTE_COLOURS = 8 };

typedef struct kt_palette {
    double   share[KT_IMAGE_COLOURS];  // of the time and the area; the sum is `weight`
    double   weight;
    uint64_t pixels[KT_IMAGE_COLOURS], sum[KT_IMAGE_COLOURS][3];  // of the pictures whose pixels were looked at
} kt_palette_t;

// A picture of this many pixels, shown for `weight`.
void kt_palette_add(kt_palette_t *self, const uint32_t *colour, uint64_t pixels, double weight);
// The pixels of a picture now and then, for the mean of each of the colours; without it the middle of the colour
// stands.
void    kt_palette_look(kt_palette_t *self, const uint8_t *rgb, size_t pixels);
void    kt_palette_shares(const kt_palette_t *self, double out[KT_IMAGE_COLOURS]);  // sum 1
json_t *kt_palette_json(const kt_palette_t *self);                                  // NULL: out of memory
