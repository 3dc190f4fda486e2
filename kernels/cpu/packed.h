// Pixels of 8 bits to lanes of 32 and back; packed RGB to three arrays and back, 16 pixels at a time. Included only by
// the files that are compiled once per instruction set. GCC 12 converts between such widths lane by lane.
#pragma once

#include "kernels/cpu/simd.h"

enum { KT_PACKED = 16 };  // pixels

KT_INLINE vwi_t
widen_bytes(const uint8_t *at)
{
#if defined(__AVX512F__)
    return (vwi_t)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
#elif defined(__AVX2__)
    return (vwi_t)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)at));
#elif defined(__SSE2__)
    int32_t four;
    memcpy(&four, at, sizeof four);
    const __m128i zero = _mm_setzero_si128(), words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), zero);
    return (vwi_t)_mm_unpacklo_epi16(words, zero);
#else
    return (vwi_t){at[0], at[1], at[2], at[3]};
#endif
}

// Values of 16 bits, KT_WIDE of them.
KT_INLINE vwi_t
widen_halves(const uint16_t *at)
{
#if defined(__AVX512F__)
    return (vwi_t)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at));
#elif defined(__AVX2__)
    return (vwi_t)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
#elif defined(__SSE2__)
    return (vwi_t)_mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)(const void *)at), _mm_setzero_si128());
#else
    return (vwi_t){at[0], at[1], at[2], at[3]};
#endif
}

// Within 0 to 255; of values within 16 bits.
KT_INLINE void
narrow_bytes(vwi_t value, uint8_t *at)
{
#if defined(__AVX512F__)
    const __m512i least = _mm512_max_epi32((__m512i)value, _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)(void *)at, _mm512_cvtusepi32_epi8(least));
#elif defined(__AVX2__)
    const __m256i all    = (__m256i)value;
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    _mm_storel_epi64((__m128i *)(void *)at, _mm_packus_epi16(halves, halves));
#elif defined(__SSE2__)
    const __m128i halves = _mm_packs_epi32((__m128i)value, (__m128i)value);
    const int32_t four   = _mm_cvtsi128_si32(_mm_packus_epi16(halves, halves));
    memcpy(at, &four, sizeof four);
#else
    for (int i = 0; i < KT_WIDE; i++)
        at[i] = (uint8_t)(value[i] < 0 ? 0 : value[i] > 255 ? 255 : value[i]);
#endif
}

#if defined(__SSSE3__)
KT_INLINE void
unpack_rgb(const uint8_t *rgb, uint8_t *r, uint8_t *g, uint8_t *b)
{
    static const int8_t FROM[3][3][16] = {{{0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13}},
                                          {{1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14}},
                                          {{2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1},
                                           {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15}}};
    uint8_t *const      out[3]         = {r, g, b};
    __m128i             in[3];
    for (int i = 0; i < 3; i++)
        in[i] = _mm_loadu_si128((const __m128i *)(const void *)(rgb + 16 * i));
    for (int c = 0; c < 3; c++) {
        __m128i all = _mm_setzero_si128();
        for (int i = 0; i < 3; i++)
            all =
                _mm_or_si128(all, _mm_shuffle_epi8(in[i], _mm_loadu_si128((const __m128i *)(const void *)FROM[c][i])));
        _mm_storeu_si128((__m128i *)(void *)out[c], all);
    }
}

KT_INLINE void
pack_rgb(const uint8_t *r, const uint8_t *g, const uint8_t *b, uint8_t *rgb)
{
    static const int8_t  FROM[3][3][16] = {{{0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5},
                                            {-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1},
                                            {-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1}},
                                           {{-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1},
                                            {5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10},
                                            {-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1}},
                                           {{-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1},
                                            {-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1},
                                            {10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15}}};
    const uint8_t *const in[3]          = {r, g, b};
    __m128i              part[3];
    for (int c = 0; c < 3; c++)
        part[c] = _mm_loadu_si128((const __m128i *)(const void *)in[c]);
    for (int i = 0; i < 3; i++) {
        __m128i all = _mm_setzero_si128();
        for (int c = 0; c < 3; c++)
            all = _mm_or_si128(all,
                               _mm_shuffle_epi8(part[c], _mm_loadu_si128((const __m128i *)(const void *)FROM[i][c])));
        _mm_storeu_si128((__m128i *)(void *)(rgb + 16 * i), all);
    }
}
#else
KT_INLINE void
unpack_rgb(const uint8_t *rgb, uint8_t *r, uint8_t *g, uint8_t *b)
{
    for (int i = 0; i < KT_PACKED; i++) {
        r[i] = rgb[3 * i];
        g[i] = rgb[3 * i + 1];
        b[i] = rgb[3 * i + 2];
    }
}

KT_INLINE void
pack_rgb(const uint8_t *r, const uint8_t *g, const uint8_t *b, uint8_t *rgb)
{
    for (int i = 0; i < KT_PACKED; i++) {
        rgb[3 * i] = r[i];
        rgb[3 * i + 1] = g[i];
        rgb[3 * i + 2] = b[i];
    }
}
#endif
