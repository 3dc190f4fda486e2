#include "node/video/shots/planes_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum { LANES = 16, PIXELS = 8, ROOM = KT_SHOT_COLUMNS + 2 * LANES };

AVX2 static inline __m128i
load(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

// The next vector of n values; the last one begins earlier, where it would end behind them.
static inline size_t
at_most(size_t at, size_t n, size_t lanes)
{
    return at + lanes > n ? n - lanes : at;
}

AVX2 static inline void
sum_rows(const uint8_t *plane, size_t stride, uint32_t rows, size_t columns, uint16_t *sums)
{
    for (size_t i = 0; i < columns; i += LANES) {
        const size_t at  = at_most(i, columns, LANES);
        __m256i      sum = _mm256_cvtepu8_epi16(load(plane + at));
        for (uint32_t r = 1; r < rows; r++)
            sum = _mm256_add_epi16(sum, _mm256_cvtepu8_epi16(load(plane + at + r * stride)));
        _mm256_storeu_si256((__m256i *)(void *)(sums + at), sum);
    }
}

// Eight pixels, each the sum of as many neighbours. Of three: the sums at each place, of which the fitting ones of
// three vectors go into one, and then into their order.
AVX2 static inline __m128i
add_neighbours(const uint16_t *sums, uint32_t factor)
{
    if (factor == 2)
        return _mm_hadd_epi16(load(sums), load(sums + 8));
    if (factor == 4)
        return _mm_hadd_epi16(_mm_hadd_epi16(load(sums), load(sums + 8)),
                              _mm_hadd_epi16(load(sums + 16), load(sums + 24)));
    __m128i three[3];
    for (int j = 0; j < 3; j++, sums += 8)
        three[j] = _mm_add_epi16(_mm_add_epi16(load(sums), load(sums + 1)), load(sums + 2));
    const __m128i all = _mm_blend_epi16(_mm_blend_epi16(three[0], three[1], 0x92), three[2], 0x24);
    return _mm_shuffle_epi8(all, _mm_setr_epi8(0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15, 4, 5, 10, 11));
}

AVX2 static inline void
reduce_by(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale, uint32_t width, uint32_t height,
          uint16_t *out)
{
    uint16_t      sums[ROOM];
    const __m128i whole = _mm_set1_epi16((int16_t)(scale >> 16)), part = _mm_set1_epi16((int16_t)(scale & 0xffff));
    for (uint32_t y = 0; y < height; y++, plane += factor * stride, out += width) {
        sum_rows(plane, stride, factor, (size_t)width * factor, sums);
        for (uint32_t x = 0; x < width; x += PIXELS) {
            const size_t  at   = at_most(x, width, PIXELS);
            const __m128i sum  = add_neighbours(sums + at * factor, factor);
            const __m128i half = _mm_srli_epi16(_mm_mullo_epi16(sum, part), 15);
            const __m128i mean =
                _mm_add_epi16(_mm_add_epi16(_mm_mullo_epi16(sum, whole), _mm_mulhi_epu16(sum, part)), half);
            _mm_storeu_si128((__m128i *)(void *)(out + at), mean);
        }
    }
}

AVX2 static void
reduce(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale, uint32_t width, uint32_t height,
       uint16_t *out)
{
    switch (factor) {
    case 2: reduce_by(plane, stride, 2, scale, width, height, out); break;
    case 3: reduce_by(plane, stride, 3, scale, width, height, out); break;
    default: reduce_by(plane, stride, 4, scale, width, height, out); break;
    }
}

bool
kt_shot_reduce_avx2(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale, uint32_t width,
                    uint32_t height, uint16_t *out)
{
    if (factor < 2 || factor > 4 || width < PIXELS || (size_t)width * factor < LANES ||
        width * factor > KT_SHOT_COLUMNS || !__builtin_cpu_supports("avx2"))
        return false;
    reduce(plane, stride, factor, scale, width, height, out);
    return true;
}

AVX2 static void
normalise(const int16_t *in, size_t n, int factor, int neutral, uint8_t *out)
{
    const __m256i by = _mm256_set1_epi16((int16_t)(factor * 128)), middle = _mm256_set1_epi16((int16_t)neutral);
    for (size_t i = 0; i < n; i += LANES) {
        const size_t  at    = at_most(i, n, LANES);
        const __m256i value = _mm256_add_epi16(
            _mm256_mulhrs_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(in + at)), by), middle);
        _mm_storeu_si128((__m128i *)(void *)(out + at),
                         _mm_packus_epi16(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1)));
    }
}

bool
kt_shot_normalise_avx2(const int16_t *in, size_t n, int factor, int neutral, uint8_t *out)
{
    if (n < LANES || factor >= 256 || !__builtin_cpu_supports("avx2"))
        return false;
    normalise(in, n, factor, neutral, out);
    return true;
}
#else
bool
kt_shot_reduce_avx2(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale, uint32_t width,
                    uint32_t height, uint16_t *out)
{
    (void)plane, (void)stride, (void)factor, (void)scale, (void)width, (void)height, (void)out;
    return false;
}

bool
kt_shot_normalise_avx2(const int16_t *in, size_t n, int factor, int neutral, uint8_t *out)
{
    (void)in, (void)n, (void)factor, (void)neutral, (void)out;
    return false;
}
#endif
