// Both maps are tables of colours at even steps, sampled from those of matplotlib (CC0) and interpolated linearly.
#include "coordinator/cli/plot/plot.h"

#include <math.h>

enum { STEPS = 17 };

static const uint8_t MAPS[][STEPS][3] = {
    [KT_COLOR_MAGMA]   = {{0, 0, 4},
                          {9, 7, 32},
                          {24, 15, 61},
                          {45, 17, 96},
                          {68, 15, 118},
                          {91, 22, 126},
                          {114, 31, 129},
                          {137, 40, 129},
                          {161, 48, 126},
                          {183, 55, 121},
                          {205, 64, 113},
                          {224, 77, 104},
                          {241, 96, 93},
                          {250, 127, 94},
                          {254, 160, 109},
                          {254, 205, 144},
                          {252, 253, 191}},
    [KT_COLOR_VIRIDIS] = {{68, 1, 84},
                          {71, 19, 101},
                          {72, 36, 117},
                          {70, 52, 128},
                          {65, 68, 135},
                          {59, 82, 139},
                          {53, 95, 141},
                          {47, 108, 142},
                          {42, 120, 142},
                          {37, 132, 142},
                          {33, 145, 140},
                          {30, 156, 137},
                          {34, 168, 132},
                          {68, 191, 112},
                          {122, 209, 81},
                          {189, 223, 38},
                          {253, 231, 37}},
};

uint32_t
kt_color(kt_colormap_t map, double value)
{
    double   at    = value > 0 ? fmin(value, 1) * (STEPS - 1) : 0;
    size_t   below = at < STEPS - 1 ? (size_t)at : STEPS - 2;
    double   part  = at - (double)below;
    uint32_t color = 0xff;
    for (size_t c = 0; c < 3; c++) {
        double from = MAPS[map][below][c], to = MAPS[map][below + 1][c];
        color = color << 8 | (uint32_t)lround(from + part * (to - from));
    }
    return color;
}
