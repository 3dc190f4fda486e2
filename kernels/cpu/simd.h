// Vectors of one value per frame. A kernel handles KT_LANES frames side by side in double (KT_WIDE in float); every
// operation is elementwise, so that a frame's numbers never depend on its neighbours. Included only by the files that
// are compiled once per instruction set (KT_ISA); GCC's vector extension, and intrinsics where it has no operator.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)
#define KT_LANES 8
#define KT_WIDE 16
#elif defined(__AVX2__)
#define KT_LANES 4
#define KT_WIDE 8
#else
#define KT_LANES 2
#define KT_WIDE 4
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#include <math.h>
#include <string.h>

#define KT_JOIN2(a, b) a##_##b
#define KT_JOIN(a, b) KT_JOIN2(a, b)
#define KT_NAME(name) KT_JOIN(name, KT_ISA)  // kt_fft_f64 becomes kt_fft_f64_avx512

typedef double  vd_t __attribute__((vector_size(8 * KT_LANES)));  // the frames of a batch
typedef int64_t vl_t __attribute__((vector_size(8 * KT_LANES)));
typedef float   vf_t __attribute__((vector_size(4 * KT_LANES)));
typedef int32_t vi_t __attribute__((vector_size(4 * KT_LANES)));
typedef float   vw_t __attribute__((vector_size(4 * KT_WIDE)));  // the frames of a batch of the second pass
typedef int32_t vwi_t __attribute__((vector_size(4 * KT_WIDE)));

#define KT_INLINE static inline __attribute__((always_inline))

KT_INLINE vd_t
widen(vf_t x)
{
    return __builtin_convertvector(x, vd_t);
}

KT_INLINE vf_t
narrow(vd_t x)
{
    return __builtin_convertvector(x, vf_t);
}

KT_INLINE vd_t
vd_sqrt(vd_t x)
{
#if defined(__AVX512F__)
    return (vd_t)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (vd_t)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < KT_LANES; i++)
        x[i] = sqrt(x[i]);
    return x;
#endif
}

KT_INLINE vf_t
vf_sqrt(vf_t x)
{
#if defined(__AVX512F__)
    return (vf_t)_mm256_sqrt_ps((__m256)x);
#elif defined(__AVX2__)
    return (vf_t)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < KT_LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

// x * x + 1 with one rounding; in double the product is exact.
KT_INLINE vf_t
vf_square_plus_one(vf_t x)
{
#if defined(__AVX512F__)
    return (vf_t)_mm256_fmadd_ps((__m256)x, (__m256)x, _mm256_set1_ps(1));
#elif defined(__AVX2__)
    return (vf_t)_mm_fmadd_ps((__m128)x, (__m128)x, _mm_set1_ps(1));
#else
    return narrow(widen(x) * widen(x) + 1.0);
#endif
}

KT_INLINE vf_t
vf_abs(vf_t x)
{
    return (vf_t)((vi_t)x & 0x7FFFFFFF);
}

#if defined(__SSE2__) && !defined(__AVX2__)
KT_INLINE __m128
low_half(vf_t x)
{
    return (__m128){x[0], x[1], 0, 0};
}
#endif

// The larger of a and b; b if either is NaN.
KT_INLINE vf_t
vf_max(vf_t a, vf_t b)
{
#if defined(__AVX512F__)
    return (vf_t)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__AVX2__)
    return (vf_t)_mm_max_ps((__m128)a, (__m128)b);
#elif defined(__SSE2__)
    const __m128 out = _mm_max_ps(low_half(a), low_half(b));
    return (vf_t){out[0], out[1]};
#else
    const vi_t larger = a > b;
    return (vf_t)(((vi_t)a & larger) | ((vi_t)b & ~larger));
#endif
}

KT_INLINE vf_t
vf_min(vf_t a, vf_t b)
{
#if defined(__AVX512F__)
    return (vf_t)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__AVX2__)
    return (vf_t)_mm_min_ps((__m128)a, (__m128)b);
#elif defined(__SSE2__)
    const __m128 out = _mm_min_ps(low_half(a), low_half(b));
    return (vf_t){out[0], out[1]};
#else
    const vi_t smaller = a < b;
    return (vf_t)(((vi_t)a & smaller) | ((vi_t)b & ~smaller));
#endif
}

// One bit per lane: the sign of each element of a comparison's result.
KT_INLINE unsigned
vi_mask(vi_t x)
{
#if defined(__AVX512F__)
    return (unsigned)_mm256_movemask_ps((__m256)x);
#elif defined(__AVX2__)
    return (unsigned)_mm_movemask_ps((__m128)x);
#else
    unsigned mask = 0;
    for (int i = 0; i < KT_LANES; i++)
        mask |= (unsigned)(x[i] < 0) << i;
    return mask;
#endif
}

KT_INLINE vw_t
vw_load(const float *x)
{
    vw_t out;
    memcpy(&out, x, sizeof out);
    return out;
}

KT_INLINE vwi_t
vwi_choose(vwi_t mask, vwi_t yes, vwi_t no)
{
    return (yes & mask) | (no & ~mask);
}

KT_INLINE vw_t
vw_abs(vw_t x)
{
    return (vw_t)((vwi_t)x & 0x7FFFFFFF);
}

// The larger of a and b; b if either is NaN.
KT_INLINE vw_t
vw_max(vw_t a, vw_t b)
{
#if defined(__AVX512F__)
    return (vw_t)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vw_t)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vw_t)_mm_max_ps((__m128)a, (__m128)b);
#else
    return (vw_t)vwi_choose(a > b, (vwi_t)a, (vwi_t)b);
#endif
}

KT_INLINE vw_t
vw_min(vw_t a, vw_t b)
{
#if defined(__AVX512F__)
    return (vw_t)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vw_t)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vw_t)_mm_min_ps((__m128)a, (__m128)b);
#else
    return (vw_t)vwi_choose(a < b, (vwi_t)a, (vwi_t)b);
#endif
}

#if defined(__AVX2__)
// Eight values of eight rows, turned over: out[i * stride + lane] = row[lane][i].
KT_INLINE void
turn_8x8(const float *const *row, size_t at, float *out, size_t stride)
{
    __m256 a[8], b[8];
    for (int i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(row[i] + at);
    for (int i = 0; i < 8; i += 2) {
        b[i]     = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            a[i + 2 * j]     = _mm256_shuffle_ps(b[i + j], b[i + j + 2], 0x44);
            a[i + 2 * j + 1] = _mm256_shuffle_ps(b[i + j], b[i + j + 2], 0xEE);
        }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + (size_t)i * stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(out + (size_t)(i + 4) * stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

KT_INLINE void
turn_4x4(const float *const *row, size_t at, float *out, size_t stride)
{
    __m128 a = _mm_loadu_ps(row[0] + at), b = _mm_loadu_ps(row[1] + at), c = _mm_loadu_ps(row[2] + at),
           d = _mm_loadu_ps(row[3] + at);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(out, a);
    _mm_storeu_ps(out + stride, b);
    _mm_storeu_ps(out + 2 * stride, c);
    _mm_storeu_ps(out + 3 * stride, d);
}
#endif

// Eight consecutive values of each of `lanes` frames, lane by lane: out[i * lanes + lane] = row[lane][at + i].
KT_INLINE void
load_tile(const float *const *row, size_t at, float *out, size_t lanes)
{
#if defined(__AVX2__)
    for (size_t g = 0; lanes >= 8 && g < lanes; g += 8)
        turn_8x8(row + g, at, out + g, lanes);
    for (size_t i = 0; lanes == 4 && i < 8; i += 4)
        turn_4x4(row, at + i, out + i * lanes, lanes);
#else
    for (size_t i = 0; i < 8; i++)
        for (size_t lane = 0; lane < lanes; lane++)
            out[i * lanes + lane] = row[lane][at + i];
#endif
}
