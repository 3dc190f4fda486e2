// Banding: flat runs of a line that lie between two steps in the same direction, as a gradient with too few levels has
// them; a run counts with the mean height of its two steps, because higher steps are seen better. Steps of one level on
// both sides are what 8 bits do to any smooth gradient; where one is more than twice the other, or a run fills much of
// the line, it is no gradient. Of the two directions of lines the one with more of it counts.
#include "node/video/quality/bits.h"
#include "node/video/quality/measures.h"

#include <math.h>
#include <stdlib.h>

enum { LINES = 60, SHORTEST = 10, LONGEST_SHARE = 4, HIGHEST = 20, LEAST_STEPS = 3 };

static bool
are_bands(int before, int after)
{
    const int a = abs(before), b = abs(after);
    return before * after > 0 && a <= HIGHEST && b <= HIGHEST && a + b >= LEAST_STEPS && a <= 2 * b && b <= 2 * a;
}

// Sum over the pixels of such runs of the height of both steps.
static uint64_t
banded(const uint8_t *line, size_t n)
{
    uint64_t out    = 0;
    size_t   begin  = 0;
    int      before = 0;  // the step at the begin of the run
    for (size_t strip = 1; strip < n; strip += KT_BITS) {
        uint8_t      moves[KT_BITS] = {0};
        const size_t m              = n - strip < KT_BITS ? n - strip : KT_BITS;
        for (size_t i = 0; i < m; i++)
            moves[i] = line[strip + i] != line[strip + i - 1];
        for (uint64_t bits = kt_bits_of(moves); bits; bits &= bits - 1) {
            const size_t x = strip + (size_t)__builtin_ctzll(bits), run = x - begin;
            const int    step = line[x] - line[x - 1];
            if (run >= SHORTEST && run <= n / LONGEST_SHARE && are_bands(before, step))
                out += run * (uint64_t)abs(before + step);
            begin  = x;
            before = step;
        }
    }
    return out;
}

double
kt_defect_banding(const kt_plane_t *plane, kt_defect_room_t *room)
{
    const size_t width = plane->width, height = plane->height;
    uint64_t     sums[2]  = {0};
    size_t       lines[2] = {0};
    for (size_t y = 0; y < height; y += kt_plane_step(height, LINES), lines[0]++)
        sums[0] += banded(plane->at + y * plane->stride, width);
    for (size_t x = 0; x < width; x += kt_plane_step(width, LINES), lines[1]++) {
        for (size_t y = 0; y < height; y++)
            room->bytes[y] = plane->at[y * plane->stride + x];
        sums[1] += banded(room->bytes, height);
    }
    return plane->gain / 2 *
           fmax((double)sums[0] / (double)(lines[0] * width), (double)sums[1] / (double)(lines[1] * height));
}
