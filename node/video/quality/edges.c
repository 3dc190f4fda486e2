// Width of edges: of each monotone ramp along a line, its height over its steepest step. For a step that a Gaussian of
// deviation s has blurred it is 2.5 s (s sqrt(2 pi)), and 1 for a sharp one, whatever the contrast. Marziliano et al.
// (2002) count the pixels of the ramp instead, which the flat ends of a ramp, and noise there, make uncertain.
//
// Noise breaks ramps and makes steps steeper: above NOISY each line is the mean of itself and its two neighbours.
// Where no tile has such edges, the picture is looked at again with COARSE pixels as one and for lower edges: strong
// blur of the whole picture leaves edges too low and too wide to be seen in single steps of 8 bits.
//
// The picture is divided into tiles; a tile's value is the median of its edges, the picture's the lower quartile of its
// tiles: a blurred background, or an object in motion, is no defect where other parts are sharp.
#include "node/video/quality/bits.h"
#include "node/video/quality/measures.h"

#include <math.h>
#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    LINES       = 90,
    TILES       = 4,  // in each direction
    RESOLUTION  = 8,  // bins per pixel of width
    WIDEST      = 24,
    BINS        = WIDEST * RESOLUTION,
    LEAST_EDGES = 12,  // of a tile
    LEAST_TILES = 2,
    MANY_TILES  = 4,   // of a picture that is blurred as a whole
    CONTRAST    = 24,  // least height of an edge
    COARSE      = 4,
    UNIT        = 4,  // of the samples of a line per step of 8 bits
};
#define NOISY 1.0

typedef struct edges {
    uint32_t bins[TILES * TILES][BINS];
    uint32_t n[TILES * TILES];
    double   least, steepest_least, widest;  // wider ones are parts of a gradient
} edges_t;

// Where a line lies: its tile i is number first + i * next.
typedef struct row {
    const uint16_t *line;
    size_t          n, first, next;
} row_t;

// A monotone ramp from sample `begin` to `end` that is high enough.
static void
add_ramp(edges_t *self, const row_t *row, size_t begin, size_t end)
{
    const int height   = abs(row->line[end] - row->line[begin]);
    int       steepest = 0;
    size_t    at       = begin;
    for (size_t x = begin + 1; x <= end; x++) {
        const int step = abs(row->line[x] - row->line[x - 1]);
        at             = step > steepest ? x : at;
        steepest       = step > steepest ? step : steepest;
    }
    if (steepest < self->steepest_least || height > self->widest * steepest)
        return;
    const size_t bin = (size_t)(height * RESOLUTION / steepest), tile = row->first + at * TILES / row->n * row->next;
    self->bins[tile][bin < BINS ? bin : BINS - 1]++;
    self->n[tile]++;
}

// The steps of a strip of a line, a bit each: those up, those down, those so high that their ramp may count.
typedef struct steps {
    uint64_t up, down, high;
} steps_t;

static steps_t
steps_of_some(const uint16_t *line, size_t n, int16_t least)
{
    uint8_t up[KT_BITS] = {0}, down[KT_BITS] = {0}, high[KT_BITS] = {0};
    for (size_t i = 0; i < n; i++) {
        const int16_t step = (int16_t)(line[i] - line[i - 1]);
        up[i]              = step > 0;
        down[i]            = step < 0;
        high[i]            = (uint8_t)((step >= least) | (step <= -least));
    }
    return (steps_t){kt_bits_of(up), kt_bits_of(down), kt_bits_of(high)};
}

#if defined(__SSE2__)
// Flags of 16 neighbours, of which each is all ones or zero.
static inline uint64_t
bits_of_lanes(const __m128i lanes[2])
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(lanes[0], lanes[1]));
}

static steps_t
steps_of_strip(const uint16_t *line, int16_t least)
{
    const __m128i zero = _mm_setzero_si128(), most = _mm_set1_epi16((int16_t)(least - 1));
    steps_t       out = {0};
    for (int i = 0; i < KT_BITS; i += 16) {
        __m128i up[2], down[2], high[2];
        for (int k = 0; k < 2; k++) {
            const uint16_t *at   = line + i + 8 * k;
            const __m128i   step = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)(const void *)at),
                                                 _mm_loadu_si128((const __m128i *)(const void *)(at - 1)));
            up[k]                = _mm_cmpgt_epi16(step, zero);
            down[k]              = _mm_cmpgt_epi16(zero, step);
            high[k] = _mm_or_si128(_mm_cmpgt_epi16(step, most), _mm_cmpgt_epi16(_mm_sub_epi16(zero, step), most));
        }
        out.up |= bits_of_lanes(up) << i;
        out.down |= bits_of_lanes(down) << i;
        out.high |= bits_of_lanes(high) << i;
    }
    return out;
}
#endif

// Those from a line's sample before `line` on. GCC 12 makes bytes of each step, one by one.
static steps_t
steps_of(const uint16_t *line, size_t n, int16_t least)
{
#if defined(__SSE2__)
    if (n == KT_BITS)
        return steps_of_strip(line, least);
#endif
    return steps_of_some(line, n, least);
}

// Where the ramp through the step to sample x, up or down, begins and ends.
static size_t
ramp_begin(const uint16_t *line, size_t x, bool up)
{
    while (x > 0 && (up ? line[x - 1] < line[x] : line[x - 1] > line[x]))
        x--;
    return x;
}

static size_t
ramp_end(const uint16_t *line, size_t n, size_t x, bool up)
{
    while (x + 1 < n && (up ? line[x + 1] > line[x] : line[x + 1] < line[x]))
        x++;
    return x;
}

// The edges of a line. Most ramps are low and end after one or two samples, so that a branch for each step would be
// taken as often as not: their ends are found in the bits of a strip.
static void
add_line(edges_t *self, const row_t *row)
{
    const uint16_t *line  = row->line;
    const int       least = (int)ceil(self->least);
    const int16_t   steep = (int16_t)fmax(1, ceil(fmax(self->steepest_least, least / self->widest)));
    size_t          end   = 0;  // of the last ramp
    for (size_t x = 1; x < row->n; x += KT_BITS) {
        const steps_t steps = steps_of(line + x, row->n - x < KT_BITS ? row->n - x : KT_BITS, steep);
        uint64_t      high  = steps.high;
        if (end >= x)
            high = end - x + 1 < KT_BITS ? high & ~(uint64_t)0 << (end - x + 1) : 0;
        while (high) {
            const int      at   = __builtin_ctzll(high);
            const bool     up   = steps.up >> at & 1;
            const uint64_t ends = ~(up ? steps.up : steps.down), later = ends & ~(uint64_t)0 << at;
            const uint64_t earlier = ends & (((uint64_t)1 << at) - 1);
            const size_t   begin   = earlier ? x + 63 - (size_t)__builtin_clzll(earlier) : ramp_begin(line, x - 1, up);
            end = later ? x + (size_t)__builtin_ctzll(later) - 1 : ramp_end(line, row->n, x + KT_BITS - 1, up);
            if (abs(line[end] - line[begin]) >= least)
                add_ramp(self, row, begin, end);
            high &= later ? ~(uint64_t)0 << __builtin_ctzll(later) : 0;
        }
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

// The lower quartile of the medians of the tiles that have edges. Returns how many have.
static size_t
sharper_tiles(const edges_t *self, double *out)
{
    double sorted[TILES * TILES];
    size_t n = 0;
    for (size_t tile = 0; tile < TILES * TILES; tile++) {
        if (self->n[tile] < LEAST_EDGES)
            continue;
        const double median = median_of(self->bins[tile], self->n[tile]);
        size_t       at     = n++;
        for (; at > 0 && sorted[at - 1] > median; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = median;
    }
    *out = n ? sorted[n / 4] : NAN;
    return n;
}

// How lines are read.
typedef enum reading { PLAIN, SMOOTH, COARSELY } reading_t;

// A line of n samples, of which `step` is the distance, `across` that to the next line, in units of UNIT. Returns how
// many samples it has then.
static size_t
read_line(const uint8_t *at, size_t n, size_t step, size_t across, reading_t reading, uint16_t *out)
{
    const uint8_t *end = at + n * step;
    switch (reading) {
    case PLAIN:
        for (size_t i = 0; i < n; i++)
            out[i] = (uint16_t)(UNIT * at[i * step]);
        return n;
    case SMOOTH:
        for (const uint8_t *s = at; s != end; s += step)
            *out++ = (uint16_t)(*(s - across) + 2 * *s + s[across]);
        return n;
    default:
        for (size_t i = 0; i < n / COARSE; i++, at += COARSE * step)
            out[i] = (uint16_t)(at[0] + at[step] + at[2 * step] + at[3 * step]);
        return n / COARSE;
    }
}

typedef struct search {
    reading_t reading;
    double    contrast, noise, widest;  // least height of an edge; of the lines as read; most pixels of an edge
    bool      columns;
} search_t;

// The lower quartile of the tiles that have edges. Returns how many have.
static size_t
width_of(const kt_plane_t *plane, const search_t *search, uint16_t *line, double *out)
{
    edges_t      self  = {.least          = fmax(search->contrast, 8 * search->noise) / plane->gain * UNIT,
                          .steepest_least = fmax(2, 3 * search->noise) / plane->gain * UNIT,
                          .widest         = search->widest};
    const size_t width = plane->width, height = plane->height, stride = plane->stride;
    for (size_t y = 1; y + 1 < height; y += kt_plane_step(height, LINES)) {
        const size_t n = read_line(plane->at + y * stride, width, 1, stride, search->reading, line);
        add_line(&self, &(row_t){line, n, y * TILES / height * TILES, 1});
    }
    for (size_t x = 1; search->columns && x + 1 < width; x += kt_plane_step(width, LINES)) {
        const size_t n = read_line(plane->at + x, height, stride, 1, search->reading, line);
        add_line(&self, &(row_t){line, n, x * TILES / width, TILES});
    }
    return sharper_tiles(&self, out);
}

double
kt_defect_edge_width(const kt_plane_t *plane, double noise, bool columns, kt_defect_room_t *room)
{
    // The mean of three lines has sqrt(6) / 4 of their noise, that of four pixels half of it.
    const bool     smooth = noise > NOISY;
    const search_t fine   = {smooth ? SMOOTH : PLAIN, CONTRAST, smooth ? 0.61 * noise : noise, INFINITY, columns};
    const search_t coarse = {COARSELY, CONTRAST / 2.0, noise / 2, WIDEST / COARSE, columns};
    double         width;
    const size_t   tiles = width_of(plane, &fine, room->line, &width);
    if (tiles > 0)
        return tiles < LEAST_TILES ? NAN : width;
    return width_of(plane, &coarse, room->line, &width) < MANY_TILES ? NAN : COARSE * width;
}
