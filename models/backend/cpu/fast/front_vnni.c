// The same convolution in 8 bits: unsigned inputs, signed weights, four taps per instruction (AVX-512 VNNI). The four
// taps of a row are neighbours in memory, so that no im2col is needed. Sums are exact in 32 bits.
#include "models/backend/cpu/fast/front.h"
#if KT_LANES == 16

typedef void tile_t(const kt_front_t *f, const uint8_t *x, float scale, int zero, int block, vf_t *best, int step);

enum { BLOCK = 2 * KT_LANES };

#define VNNI __attribute__((target("avx512vnni")))

VNNI KT_INLINE void
tile(const kt_front_t *f, const uint8_t *x, float scale, int zero, int block, vf_t *best, int step, const int columns)
{
    __m512i       acc[14][2];
    const int     groups = f->taps / KT_FRONT_GROUP;
    const size_t  o      = (size_t)block * BLOCK;
    const int8_t *w      = (const int8_t *)f->w + o * (size_t)(f->segments * f->taps);
#pragma GCC unroll 16
    for (int m = 0; m < columns; m++)
        acc[m][0] = acc[m][1] = _mm512_setzero_si512();
    for (int s = 0; s < f->segments; s++, x += f->pitch)
        for (int j = 0; j < groups; j++, w += (size_t)BLOCK * KT_FRONT_GROUP) {
            const __m512i w_0 = _mm512_loadu_si512(w), w_1 = _mm512_loadu_si512(w + 64);
#pragma GCC unroll 16
            for (int m = 0; m < columns; m++) {
                int32_t four;
                memcpy(&four, x + j * KT_FRONT_GROUP + m, sizeof four);
                const __m512i v = _mm512_set1_epi32(four);
                acc[m][0]       = _mm512_dpbusd_epi32(acc[m][0], v, w_0);
                acc[m][1]       = _mm512_dpbusd_epi32(acc[m][1], v, w_1);
            }
        }
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++) {
        const size_t  at     = o + (size_t)v * KT_LANES;
        const __m512i offset = _mm512_mullo_epi32(_mm512_loadu_si512(f->w_sum + at), _mm512_set1_epi32(zero));
        const vf_t    unit   = vf_load(f->w_scale + at) * vf_all(scale);
#pragma GCC unroll 16
        for (int m = 0; m < columns; m++) {
            vf_t y = (vf_t)_mm512_cvtepi32_ps(_mm512_sub_epi32(acc[m][v], offset)) * unit + vf_load(f->bias + at);
            if (f->relu)
                y = vf_max(y, (vf_t){0});
            y                      = y * vf_load(f->scale + at) + vf_load(f->shift + at);
            best[2 * m * step + v] = vf_max(y, best[2 * m * step + v]);
        }
    }
}

#define TILE(columns)                                                                                                  \
    VNNI static void tile_##columns(const kt_front_t *f, const uint8_t *x, float scale, int zero, int block,           \
                                    vf_t *best, int step)                                                              \
    {                                                                                                                  \
        tile(f, x, scale, zero, block, best, step, columns);                                                           \
    }
TILE(1)
TILE(2)
TILE(4)
TILE(6)
TILE(8)
TILE(10)
TILE(12)

static const struct {
    int     columns;
    tile_t *run;
} TILES[] = {{12, tile_12}, {10, tile_10}, {8, tile_8}, {6, tile_6}, {4, tile_4}, {2, tile_2}, {1, tile_1}};

#define FRONT_NAME kt_fast_front_8bit_avx512(const kt_front_t *f, const uint8_t *x, float scale, int zero, float *y)
#define FRONT_RUN(run, x, block, best, step) run(f, x, scale, zero, block, best, step)
#include "models/backend/cpu/fast/front_body.h"
#endif
