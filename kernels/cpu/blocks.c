// Blocks by rows of 16 pixels, in 16 bits; products are added in pairs to 32 bits. GCC makes three times as many
// instructions of the same loops in plain C.
#include "kernels/image/blocks.h"

#include "kernels/cpu/simd.h"

#if defined(__SSE2__)
KT_INLINE __m128i
load_16(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

KT_INLINE __m128i
load_two_rows_of_8(const uint8_t *at, size_t stride)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)at),
                              _mm_loadl_epi64((const __m128i *)(const void *)(at + stride)));
}

KT_INLINE uint32_t
sum_halves(__m128i sums)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums)));
}

static uint32_t
difference(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    __m128i even = _mm_setzero_si128(), odd = even;
    for (size_t y = 0; y < KT_BLOCK; y += 2) {
        even = _mm_add_epi64(even, _mm_sad_epu8(load_16(a + y * a_stride), load_16(b + y * b_stride)));
        odd  = _mm_add_epi64(odd, _mm_sad_epu8(load_16(a + (y + 1) * a_stride), load_16(b + (y + 1) * b_stride)));
    }
    return sum_halves(_mm_add_epi64(even, odd));
}

static uint32_t
difference_8(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    __m128i sum = _mm_setzero_si128();
    for (size_t y = 0; y < 8; y += 2)
        sum = _mm_add_epi64(sum, _mm_sad_epu8(load_two_rows_of_8(a + y * a_stride, a_stride),
                                              load_two_rows_of_8(b + y * b_stride, b_stride)));
    return sum_halves(sum);
}
#else
static uint32_t
difference(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    return kt_block_ops_ref.difference(a, a_stride, b, b_stride);
}

static uint32_t
difference_8(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    return kt_block_ops_ref.difference_8(a, a_stride, b, b_stride);
}
#endif

#if defined(__SSE2__)
// 16-bit numbers of a row of 16 pixels: one vector, or two.
#if defined(__AVX2__)
enum { VECTORS = 1, LANES = 16 };
typedef __m256i vh_t;
#define VH(operation) _mm256_##operation
KT_INLINE vh_t
widen_pixels(const uint8_t *at)
{
    return _mm256_cvtepu8_epi16(load_16(at));
}

KT_INLINE int32_t
sum_lanes(vh_t v)
{
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i two  = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}
#define VH_ZERO() _mm256_setzero_si256()
#else
enum { VECTORS = 2, LANES = 8 };
typedef __m128i vh_t;
#define VH(operation) _mm_##operation
KT_INLINE vh_t
widen_pixels(const uint8_t *at)
{
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)at), _mm_setzero_si128());
}

KT_INLINE int32_t
sum_lanes(vh_t v)
{
    const __m128i two = _mm_add_epi32(v, _mm_unpackhi_epi64(v, v));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}
#define VH_ZERO() _mm_setzero_si128()
#endif

KT_INLINE vh_t
both_pixels(const uint8_t *now, const uint8_t *before, ptrdiff_t step)
{
    return VH(add_epi16)(widen_pixels(now + step), widen_pixels(before + step));
}

// (8 near - far + 2) / 4, all within 16 bits.
KT_INLINE vh_t
derivative(vh_t near, vh_t far)
{
    return VH(srai_epi16)(VH(add_epi16)(VH(sub_epi16)(VH(slli_epi16)(near, 3), far), VH(set1_epi16)(2)), 2);
}

// A column of the block, as wide as a vector.
KT_INLINE void
add_column(const uint8_t *now, size_t now_stride, const uint8_t *before, size_t before_stride, kt_block_sums_t *out)
{
    const vh_t ones = VH(set1_epi16)(1);
    vh_t       sum[9], row[5];  // rows y - 2 to y + 2 of the sum of both pictures
    for (int i = 0; i < 9; i++)
        sum[i] = VH_ZERO();
    for (ptrdiff_t y = 0; y < 4; y++)
        row[y + 1] = both_pixels(now + (y - 2) * (ptrdiff_t)now_stride, before + (y - 2) * (ptrdiff_t)before_stride, 0);
    for (size_t y = 0; y < KT_BLOCK; y++) {
        const uint8_t *n = now + y * now_stride, *b = before + y * before_stride;
        for (int i = 0; i < 4; i++)
            row[i] = row[i + 1];
        row[4]          = both_pixels(n + 2 * now_stride, b + 2 * before_stride, 0);
        const vh_t dx   = derivative(VH(sub_epi16)(both_pixels(n, b, 1), both_pixels(n, b, -1)),
                                     VH(sub_epi16)(both_pixels(n, b, 2), both_pixels(n, b, -2)));
        const vh_t dy   = derivative(VH(sub_epi16)(row[3], row[1]), VH(sub_epi16)(row[4], row[0]));
        const vh_t t    = VH(sub_epi16)(widen_pixels(n), widen_pixels(b));
        const vh_t a[9] = {dx, dx, dy, dx, dy, t, dx, dy, t}, c[9] = {dx, dy, dy, t, t, t, ones, ones, ones};
        for (int i = 0; i < 9; i++)
            sum[i] = VH(add_epi32)(sum[i], VH(madd_epi16)(a[i], c[i]));
    }
    out->xx += sum_lanes(sum[0]);
    out->xy += sum_lanes(sum[1]);
    out->yy += sum_lanes(sum[2]);
    out->xt += sum_lanes(sum[3]);
    out->yt += sum_lanes(sum[4]);
    out->tt += sum_lanes(sum[5]);
    out->x += sum_lanes(sum[6]);
    out->y += sum_lanes(sum[7]);
    out->t += sum_lanes(sum[8]);
}

static void
sums(const uint8_t *now, size_t now_stride, const uint8_t *before, size_t before_stride, kt_block_sums_t *out)
{
    *out = (kt_block_sums_t){0};
    for (size_t v = 0; v < VECTORS; v++)
        add_column(now + v * LANES, now_stride, before + v * LANES, before_stride, out);
}
#else
static void
sums(const uint8_t *now, size_t now_stride, const uint8_t *before, size_t before_stride, kt_block_sums_t *out)
{
    kt_block_ops_ref.sums(now, now_stride, before, before_stride, out);
}
#endif

static void
quarter(const uint8_t *in, size_t stride, uint32_t width, uint32_t height, uint8_t *out)
{
    enum { STRIP = 128 };
    const size_t across = width / 4, down = height / 4;
    for (size_t row = 0; row < down; row++, in += 4 * stride)
        for (size_t begin = 0; begin < across; begin += STRIP) {
            const size_t n = across - begin < STRIP ? across - begin : STRIP;
            uint16_t     column[4 * STRIP];
            for (size_t x = 0; x < 4 * n; x++) {
                const uint8_t *at = in + 4 * begin + x;
                column[x]         = (uint16_t)(at[0] + at[stride] + at[2 * stride] + at[3 * stride]);
            }
            for (size_t x = 0; x < n; x++)
                *out++ =
                    (uint8_t)((column[4 * x] + column[4 * x + 1] + column[4 * x + 2] + column[4 * x + 3] + 8) / 16);
        }
}

// Counted in bytes, up to 255 each.
static size_t
above(const uint8_t *row, size_t n, uint8_t limit)
{
    enum { LANE = 64, MOST = 255 };
    size_t count = 0, i = 0;
    while (i + LANE <= n) {
        uint8_t      lane[LANE] = {0};
        const size_t end        = n - i > (size_t)LANE * MOST ? i + (size_t)LANE * MOST : n;
        for (; i + LANE <= end; i += LANE)
            for (size_t j = 0; j < LANE; j++)
                lane[j] = (uint8_t)(lane[j] + (row[i + j] > limit));
        for (size_t j = 0; j < LANE; j++)
            count += lane[j];
    }
    for (; i < n; i++)
        count += row[i] > limit;
    return count;
}

static void
brighten(uint8_t *row, size_t n, int amount)
{
    const int16_t by = (int16_t)(amount < -255 ? -255 : amount > 255 ? 255 : amount);
    for (size_t i = 0; i < n; i++) {
        const int16_t value = (int16_t)(row[i] + by), least = value < 0 ? 0 : value;
        row[i] = (uint8_t)(least > 255 ? 255 : least);
    }
}

const kt_block_ops_t KT_NAME(kt_block_ops) = {difference, difference_8, sums, quarter, above, brighten};
