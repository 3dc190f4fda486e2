// Rows are summed in 16 bits first, of an even number of columns in pairs; then `adjacent` sums make a pixel. GCC 12
// widens bytes by lanes and divides in 32 bits from plain code: three times as many instructions.
#include "node/decoder/reduce_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { LANES = 16, BLOCK_MOST = 6 };

#define AVX2 __attribute__((target("avx2")))

// Quotient of sums below 2^14: (sum + half) * multiplier >> (16 + shift), exact because multiplier * factor^2 exceeds
// 2^(16 + shift) by less than 2^(2 + shift).
typedef struct kind {
    uint8_t  adjacent;
    uint8_t  pairs;  // sums are those of two columns
    uint16_t half, multiplier, shift;
} kind_t;

static const kind_t KINDS[BLOCK_MOST + 1] = {
    [2] = {1, 1, 2, 32768, 1}, [3] = {3, 0, 4, 58255, 3}, [4] = {2, 1, 8, 32768, 3}, [6] = {3, 1, 18, 58255, 5}};

AVX2 static inline __m256i
load(const void *at)
{
    return _mm256_loadu_si256(at);
}

// Sums of pairs of bytes over the rows; n: a multiple of LANES.
AVX2 static inline void
sum_pairs(const uint8_t *data, ptrdiff_t stride, uint32_t rows, size_t n, uint16_t *sums)
{
    const __m256i ones = _mm256_set1_epi8(1);
    for (size_t i = 0; i < n; i += LANES) {
        const uint8_t *at  = data + 2 * i;
        __m256i        sum = _mm256_maddubs_epi16(load(at), ones);
        for (uint32_t r = 1; r < rows; r++)
            sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(load(at + r * stride), ones));
        _mm256_storeu_si256((__m256i *)(void *)(sums + i), sum);
    }
}

AVX2 static inline void
sum_bytes(const uint8_t *data, ptrdiff_t stride, uint32_t rows, size_t n, uint16_t *sums)
{
    for (size_t i = 0; i < n; i += LANES) {
        const uint8_t *at  = data + i;
        __m256i        sum = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)at));
        for (uint32_t r = 1; r < rows; r++)
            sum = _mm256_add_epi16(sum, _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)(at + r * stride))));
        _mm256_storeu_si256((__m256i *)(void *)(sums + i), sum);
    }
}

// 16 pixels of one, two or three adjacent sums each, in the order in which shuffling them is cheap.
AVX2 static inline __m256i
add_adjacent(const uint16_t *sums, uint32_t adjacent)
{
    if (adjacent == 1)
        return load(sums);
    if (adjacent == 2)
        return _mm256_hadd_epi16(load(sums), load(sums + LANES));
    // The sum of three at each place; of lane i that of the vector j for which 16 j + i divides by three.
    const __m256i first  = _mm256_setr_epi16(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1);
    const __m256i second = _mm256_setr_epi16(0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0);
    __m256i       three[3];
    for (int j = 0; j < 3; j++, sums += LANES)
        three[j] = _mm256_add_epi16(_mm256_add_epi16(load(sums), load(sums + 1)), load(sums + 2));
    return _mm256_blendv_epi8(_mm256_blendv_epi8(three[2], three[1], second), three[0], first);
}

AVX2 static inline __m128i
order(__m128i pixels, uint32_t adjacent)
{
    if (adjacent == 1)
        return pixels;
    if (adjacent == 2)
        return _mm_shuffle_epi32(pixels, 0xd8);
    return _mm_shuffle_epi8(pixels, _mm_setr_epi8(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13));
}

AVX2 static inline void
reduce_row(kt_reduce_t *self, const kt_plane_t *plane, const kind_t *kind, uint32_t adjacent, const uint8_t *data,
           uint32_t rows, uint8_t *out, size_t n)
{
    uint16_t     *sums = (uint16_t *)self->columns;
    const __m256i half = _mm256_set1_epi16((int16_t)kind->half), by = _mm256_set1_epi16((int16_t)kind->multiplier);
    const __m128i shift = _mm_cvtsi32_si128(kind->shift);
    const size_t  all   = n * adjacent / LANES * LANES;
    if (kind->pairs)
        sum_pairs(data, plane->stride, rows, all, sums);
    else
        sum_bytes(data, plane->stride, rows, all, sums);
    for (size_t x = 0; x < n; x += LANES) {
        const __m256i sum   = _mm256_add_epi16(add_adjacent(sums + x * adjacent, adjacent), half);
        const __m256i value = _mm256_srl_epi16(_mm256_mulhi_epu16(sum, by), shift);
        const __m128i low = _mm256_castsi256_si128(value), high = _mm256_extracti128_si256(value, 1);
        _mm_storeu_si128((__m128i *)(void *)(out + x), order(_mm_packus_epi16(low, high), adjacent));
    }
}

AVX2 static void
reduce_rows(kt_reduce_t *self, const kt_plane_t *plane, const kind_t *kind, const uint8_t *data, uint32_t rows,
            uint8_t *out, size_t n)
{
    switch (rows) {
    case 2: reduce_row(self, plane, kind, 1, data, 2, out, n); break;
    case 3: reduce_row(self, plane, kind, 3, data, 3, out, n); break;
    case 4: reduce_row(self, plane, kind, 2, data, 4, out, n); break;
    default: reduce_row(self, plane, kind, 3, data, 6, out, n); break;
    }
}

size_t
kt_reduce_avx2(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
               uint8_t *out, size_t n)
{
    if (factor > BLOCK_MOST || !KINDS[factor].adjacent || rows != factor || plane->bytes != 1 || plane->step != 1 ||
        n < LANES || !__builtin_cpu_supports("avx2"))
        return 0;
    const size_t whole = n / LANES * LANES;
    reduce_rows(self, plane, &KINDS[factor], data, rows, out, whole);
    if (whole < n)  // the last ones, some of them again
        reduce_rows(self, plane, &KINDS[factor], data + (n - LANES) * factor, rows, out + n - LANES, LANES);
    return n;
}
#else
size_t
kt_reduce_avx2(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
               uint8_t *out, size_t n)
{
    (void)self, (void)plane, (void)factor, (void)data, (void)rows, (void)out, (void)n;
    return 0;
}
#endif
