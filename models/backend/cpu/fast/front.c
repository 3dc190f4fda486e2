// Convolution of one channel, reduced to its maximum (kt_front_t). A tile holds TILE columns and two vectors of outputs
// in registers over all taps: each broadcast input serves two multiplications, each vector of weights TILE.
#include "models/backend/cpu/fast/front.h"

enum { BLOCK = 2 * KT_LANES };

typedef void tile_t(const kt_front_t *f, const float *x, int block, vf_t *best, int step);

// best[m * step]: two vectors of outputs; step 0 keeps one maximum of all columns.
KT_INLINE void
tile(const kt_front_t *f, const float *x, int block, vf_t *best, int step, const int columns)
{
    vf_t         acc[14][2] = {0};
    const size_t o          = (size_t)block * 2 * KT_LANES;
    const float *w          = (const float *)f->w + o * (size_t)(f->segments * f->taps);
    for (int s = 0; s < f->segments; s++, x += f->pitch)
        for (int j = 0; j < f->taps; j++, w += 2 * KT_LANES) {
            const vf_t w_0 = vf_load(w), w_1 = vf_load(w + KT_LANES);
#pragma GCC unroll 16
            for (int m = 0; m < columns; m++) {
                const vf_t v = vf_all(x[j + m]);
                acc[m][0] += v * w_0;
                acc[m][1] += v * w_1;
            }
        }
#pragma GCC unroll 16
    for (int m = 0; m < columns; m++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            const size_t at = o + (size_t)v * KT_LANES;
            vf_t         y  = acc[m][v] + vf_load(f->bias + at);
            if (f->relu)
                y = vf_max(y, (vf_t){0});
            y                      = y * vf_load(f->scale + at) + vf_load(f->shift + at);
            best[2 * m * step + v] = vf_max(y, best[2 * m * step + v]);
        }
}

#define TILE(columns)                                                                                                  \
    static void tile_##columns(const kt_front_t *f, const float *x, int block, vf_t *best, int step)                   \
    {                                                                                                                  \
        tile(f, x, block, best, step, columns);                                                                        \
    }
TILE(1)
TILE(2)
TILE(4)
TILE(5)
TILE(6)
#if KT_LANES == 16
TILE(8)
TILE(10)
TILE(12)
TILE(14)
#endif

static const struct {
    int     columns;
    tile_t *run;
} TILES[] = {
#if KT_LANES == 16
    {12, tile_12}, {10, tile_10}, {14, tile_14}, {8, tile_8},
#endif
    {6, tile_6},   {5, tile_5},   {4, tile_4},   {2, tile_2}, {1, tile_1},
};

#define FRONT_NAME KT_NAME(kt_fast_front)(const kt_front_t *f, const float *x, float *y)
#define FRONT_RUN(run, x, block, best, step) run(f, x, block, best, step)
#include "models/backend/cpu/fast/front_body.h"
