// One vector of floats of this instruction set, and elementary functions of one value that the compiler vectorises.
// Included only by the files that are compiled once per instruction set (KT_ISA).
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define KT_LANES 16
#elif defined(__AVX2__)
#define KT_LANES 8
#else
#define KT_LANES 4
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define KT_JOIN2(a, b) a##_##b
#define KT_JOIN(a, b) KT_JOIN2(a, b)
#define KT_NAME(name) KT_JOIN(name, KT_ISA)  // kt_fast_pool becomes kt_fast_pool_avx512
#define KT_INLINE static inline __attribute__((always_inline))

typedef float   vf_t __attribute__((vector_size(4 * KT_LANES)));
typedef int32_t vi_t __attribute__((vector_size(4 * KT_LANES)));

KT_INLINE vf_t
vf_load(const float *x)
{
    vf_t out;
    memcpy(&out, x, sizeof out);
    return out;
}

KT_INLINE void
vf_store(float *y, vf_t x)
{
    memcpy(y, &x, sizeof x);
}

KT_INLINE vf_t
vf_all(float x)
{
    return x - (vf_t){0};
}

// The larger of a and b; b if either is NaN.
KT_INLINE vf_t
vf_max(vf_t a, vf_t b)
{
#if defined(__AVX512F__)
    return (vf_t)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf_t)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf_t)_mm_max_ps((__m128)a, (__m128)b);
#else
    const vi_t larger = a > b;
    return (vf_t)(((vi_t)a & larger) | ((vi_t)b & ~larger));
#endif
}

KT_INLINE float
vf_sum(vf_t x)
{
    for (int half = KT_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            x[i] += x[i + half];
    return x[0];
}

KT_INLINE float
f_max(float a, float b)
{
    return a > b ? a : b;
}

KT_INLINE float
f_clip(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

// 2^n for n in -126..127.
KT_INLINE float
f_power_of_2(int32_t n)
{
    union {
        uint32_t i;
        float    f;
    } bits = {.i = (uint32_t)(n + 127) << 23};
    return bits.f;
}

// Cephes expf: within 1.5 units of the last place; overflows to infinity, underflows to 0.
KT_INLINE float
f_exp(float x)
{
    const float   to_integer = 12582912;  // 1.5 * 2^23: the sum is rounded to an integer
    const float   limited    = f_clip(x, -104, 89);
    const float   n          = (limited * 1.44269504088896341F + to_integer) - to_integer;
    const float   r          = limited - n * 0.693359375F + n * 2.12194440e-4F;
    const int32_t i = (int32_t)n, half = i >> 1;
    float         p = 1.9875691500e-4F;
    p               = p * r + 1.3981999507e-3F;
    p               = p * r + 8.3334519073e-3F;
    p               = p * r + 4.1665795894e-2F;
    p               = p * r + 1.6666665459e-1F;
    p               = p * r + 5.0000001201e-1F;
    p               = p * (r * r) + r + 1;
    return p * f_power_of_2(half) * f_power_of_2(i - half);
}

KT_INLINE float
f_sigmoid(float x)
{
    return 1 / (1 + f_exp(-x));
}

// Cephes tanhf.
KT_INLINE float
f_tanh(float x)
{
    const float z = x * x, large = 1 - 2 / (f_exp(2 * x) + 1);
    float       p     = -5.70498872745e-3F;
    p                 = p * z + 2.06390887954e-2F;
    p                 = p * z - 5.37397155531e-2F;
    p                 = p * z + 1.33314422036e-1F;
    p                 = p * z - 3.33332819422e-1F;
    const float small = p * z * x + x;
    return z < 0.390625F ? small : large;
}
