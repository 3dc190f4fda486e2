// Width of edges: of each monotone ramp along a line, its height over its steepest step. For a step that a Gaussian of
// deviation s has blurred it is 2.5 s (s sqrt(2 pi)), and 1 for a sharp one, whatever the contrast. Marziliano et al.
// (2002) count the pixels of the ramp instead, which the flat ends of a ramp, and noise there, make uncertain.
//
// Noise breaks ramps and makes steps steeper: above NOISY each line is the mean of itself and its two neighbours.
//
// The picture is divided into tiles; a tile's value is the median of its edges, the picture's the lower quartile of its
// tiles: a blurred background, or an object in motion, is no defect where other parts are sharp.
#include "node/video/quality/measures.h"

#include <math.h>

enum {
    LINES       = 90,
    TILES       = 4,  // in each direction
    RESOLUTION  = 8,  // bins per pixel of width
    WIDEST      = 24,
    BINS        = WIDEST * RESOLUTION,
    LEAST_EDGES = 12,  // of a tile
    LEAST_TILES = 2,
    CONTRAST    = 24,  // least height of an edge
};
#define NOISY 1.0

typedef struct edges {
    uint32_t bins[TILES * TILES][BINS];
    uint32_t n[TILES * TILES];
    double   least, steepest_least;
} edges_t;

// The edges of a line; tile i of the line is number first + i * next.
static void
add_line(edges_t *self, const uint8_t *line, size_t n, size_t first, size_t next)
{
    for (size_t x = 1; x < n;) {
        const int rise = line[x] - line[x - 1], sign = rise > 0 ? 1 : -1;
        int       height = 0, steepest = 0;
        size_t    at = x;
        if (rise == 0) {
            x++;
            continue;
        }
        for (int d; x < n && (d = sign * (line[x] - line[x - 1])) > 0; x++) {
            height += d;
            at       = d > steepest ? x : at;
            steepest = d > steepest ? d : steepest;
        }
        if (height < self->least || steepest < self->steepest_least)
            continue;
        const size_t bin = (size_t)(height * RESOLUTION / steepest), tile = first + at * TILES / n * next;
        self->bins[tile][bin < BINS ? bin : BINS - 1]++;
        self->n[tile]++;
    }
}

static double
median_of(const uint32_t *bins, uint32_t n)
{
    double   rest = n / 2.0;
    uint32_t bin  = 0;
    for (; rest > bins[bin]; bin++)
        rest -= bins[bin];
    return (bin + rest / bins[bin]) / RESOLUTION;
}

// Copies n samples of a line, of which `step` is the distance, to out; with smooth its mean with the lines at -across
// and +across.
static void
copy_line(const uint8_t *at, size_t n, size_t step, size_t across, bool smooth, uint8_t *out)
{
    for (size_t i = 0; i < n && !smooth; i++)
        out[i] = at[i * step];
    for (size_t i = 0; i < n && smooth; i++) {
        const uint8_t *middle = at + i * step;
        out[i]                = (uint8_t)((*(middle - across) + 2 * *middle + middle[across] + 2) / 4);
    }
}

double
kt_defect_edge_width(const kt_plane_t *plane, double noise, kt_defect_room_t *room)
{
    const bool   smooth = noise > NOISY;
    const double rest   = smooth ? noise * 0.61 : noise;  // sqrt(6) / 4
    edges_t self = {.least = fmax(CONTRAST, 8 * rest) / plane->gain, .steepest_least = fmax(2, 3 * rest) / plane->gain};
    const size_t width = plane->width, height = plane->height, stride = plane->stride;
    for (size_t y = 1; y + 1 < height; y += kt_plane_step(height, LINES)) {
        copy_line(plane->at + y * stride, width, 1, stride, smooth, room->line);
        add_line(&self, room->line, width, y * TILES / height * TILES, 1);
    }
    for (size_t x = 1; x + 1 < width; x += kt_plane_step(width, LINES)) {
        copy_line(plane->at + x, height, stride, 1, smooth, room->line);
        add_line(&self, room->line, height, x * TILES / width, TILES);
    }
    double sorted[TILES * TILES];
    size_t n = 0;
    for (size_t tile = 0; tile < TILES * TILES; tile++) {
        if (self.n[tile] < LEAST_EDGES)
            continue;
        const double median = median_of(self.bins[tile], self.n[tile]);
        size_t       at     = n++;
        for (; at > 0 && sorted[at - 1] > median; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = median;
    }
    return n < LEAST_TILES ? NAN : sorted[n / 4];
}
