#include "node/video/shots/mixture.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct sums {
    int32_t dd, xd, xx;  // of b - a, of it times m - a, of m - a squared
} sums_t;

#if defined(__SSE2__)
static inline __m128i
row_of(const uint8_t *at)
{
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)at), _mm_setzero_si128());
}

static inline int32_t
sum_of(__m128i four)
{
    const __m128i two = _mm_add_epi32(four, _mm_srli_si128(four, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_srli_si128(two, 4)));
}

static sums_t
block_sums(const uint8_t *a, const uint8_t *m, const uint8_t *b, size_t stride)
{
    __m128i dd = _mm_setzero_si128(), xd = dd, xx = dd;
    for (int y = 0; y < KT_SHOT_BLOCK; y++, a += stride, m += stride, b += stride) {
        const __m128i from = row_of(a), d = _mm_sub_epi16(row_of(b), from), n = _mm_sub_epi16(row_of(m), from);
        dd = _mm_add_epi32(dd, _mm_madd_epi16(d, d));
        xd = _mm_add_epi32(xd, _mm_madd_epi16(n, d));
        xx = _mm_add_epi32(xx, _mm_madd_epi16(n, n));
    }
    return (sums_t){sum_of(dd), sum_of(xd), sum_of(xx)};
}
#else
static sums_t
block_sums(const uint8_t *a, const uint8_t *m, const uint8_t *b, size_t stride)
{
    sums_t sums = {0, 0, 0};
    for (int y = 0; y < KT_SHOT_BLOCK; y++, a += stride, m += stride, b += stride)
        for (int x = 0; x < KT_SHOT_BLOCK; x++) {
            const int16_t d = (int16_t)(b[x] - a[x]), n = (int16_t)(m[x] - a[x]);
            sums.dd += d * d;
            sums.xd += n * d;
            sums.xx += n * n;
        }
    return sums;
}
#endif

static float
share_of(float xd, float dd)
{
    const float share = dd > 0 ? xd / dd : 0;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void
kt_shot_mixture(const kt_shot_picture_t *a, const kt_shot_picture_t *m, const kt_shot_picture_t *b,
                const kt_shot_size_t *size, kt_shot_mixture_t *out)
{
    float  dd = 0, xd = 0, residual = 0, squares = 0, block[KT_SHOT_BLOCKS];
    size_t blocks = 0, changed = 0;
    for (uint32_t y = 0; y + KT_SHOT_BLOCK <= size->height; y += KT_SHOT_BLOCK)
        for (uint32_t x = 0; x + KT_SHOT_BLOCK <= size->width; x += KT_SHOT_BLOCK) {
            const size_t at    = (size_t)y * size->width + x;
            const sums_t sums  = block_sums(a->luma + at, m->luma + at, b->luma + at, size->width);
            const float  share = share_of((float)sums.xd, (float)sums.dd);
            const float  left  = (float)sums.xx - 2 * share * (float)sums.xd + share * share * (float)sums.dd;
            dd += (float)sums.dd;
            xd += (float)sums.xd;
            residual += left;
            squares += share * share * (float)sums.dd;
            block[blocks++] = (float)sums.dd;
        }
    *out = (kt_shot_mixture_t){.share = share_of(xd, dd)};
    if (dd <= 0)
        return;
    for (size_t i = 0; i < blocks; i++)
        changed += block[i] * (float)blocks >= 0.05f * dd;
    out->area        = (float)changed / (float)blocks;
    out->energy      = dd / (float)(blocks * KT_SHOT_BLOCK * KT_SHOT_BLOCK);
    const float most = out->share * (1 - out->share), variance = squares / dd - out->share * out->share;
    out->residual = residual / dd;
    out->spread   = most > 0 && variance > 0 ? variance / most : 0;
}
