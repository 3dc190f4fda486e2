// Bits, conversions, minimum and maximum, and loads with a hint, as CUDA's built-in functions have them.
#pragma once

#include "device.h"

template <class To, class From>
CUDASIM_QUIET To
cudasim_bits(From from)
{
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
// clang-format off
#define CUDASIM_CONVERT(To, name, From, expression) static inline To name(From a) { return expression; }
CUDASIM_CONVERT(int, __float_as_int, float, cudasim_bits<int>(a))
CUDASIM_CONVERT(unsigned, __float_as_uint, float, cudasim_bits<unsigned>(a))
CUDASIM_CONVERT(float, __int_as_float, int, cudasim_bits<float>(a))
CUDASIM_CONVERT(float, __uint_as_float, unsigned, cudasim_bits<float>(a))
CUDASIM_CONVERT(long long, __double_as_longlong, double, cudasim_bits<long long>(a))
CUDASIM_CONVERT(double, __longlong_as_double, long long, cudasim_bits<double>(a))
CUDASIM_CONVERT(int, __float2int_rn, float, (int)::rintf(a))
CUDASIM_CONVERT(int, __float2int_rd, float, (int)::floorf(a))
CUDASIM_CONVERT(int, __float2int_ru, float, (int)::ceilf(a))
CUDASIM_CONVERT(int, __float2int_rz, float, (int)a)
CUDASIM_CONVERT(unsigned, __float2uint_rn, float, (unsigned)::rintf(a))
CUDASIM_CONVERT(int, __double2int_rn, double, (int)::rint(a))
CUDASIM_CONVERT(float, __int2float_rn, int, (float)a)
CUDASIM_CONVERT(float, __uint2float_rn, unsigned, (float)a)
CUDASIM_CONVERT(float, __double2float_rn, double, (float)a)
CUDASIM_CONVERT(int, __popc, unsigned, __builtin_popcount(a))
CUDASIM_CONVERT(int, __popcll, unsigned long long, __builtin_popcountll(a))
CUDASIM_CONVERT(int, __clz, int, a ? __builtin_clz((unsigned)a) : 32)
CUDASIM_CONVERT(int, __clzll, long long, a ? __builtin_clzll((unsigned long long)a) : 64)
CUDASIM_CONVERT(int, __ffs, int, __builtin_ffs(a))
CUDASIM_CONVERT(int, __ffsll, long long, __builtin_ffsll(a))
// clang-format on

static inline unsigned
__brev(unsigned a)
{
    a = (a >> 1 & 0x55555555u) | (a & 0x55555555u) << 1;
    a = (a >> 2 & 0x33333333u) | (a & 0x33333333u) << 2;
    a = (a >> 4 & 0x0f0f0f0fu) | (a & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(a);
}
static inline unsigned
__umulhi(unsigned a, unsigned b)
{
    return (unsigned)((unsigned long long)a * b >> 32);
}
static inline unsigned
__funnelshift_l(unsigned low, unsigned high, unsigned shift)
{
    return (unsigned)((((unsigned long long)high << 32 | low) << (shift & 31)) >> 32);
}
template <class T>
inline T
__ldg(const T *pointer)
{
    return *pointer;
}
template <class T>
inline T
__ldcs(const T *pointer)
{
    return *pointer;
}
template <class T>
inline void
__stcs(T *pointer, T value)
{
    *pointer = value;
}

// CUDA has min and max of every arithmetic pair in the global namespace; a NaN loses, as in fminf.
// clang-format off
#define CUDASIM_MINMAX(T)                                                                                              \
    static inline T min(T a, T b) { return a < b ? a : b; }                                                            \
    static inline T max(T a, T b) { return a > b ? a : b; }
CUDASIM_MINMAX(int) CUDASIM_MINMAX(unsigned) CUDASIM_MINMAX(long) CUDASIM_MINMAX(unsigned long)
CUDASIM_MINMAX(long long) CUDASIM_MINMAX(unsigned long long)
static inline float min(float a, float b) { return ::fminf(a, b); }
static inline float max(float a, float b) { return ::fmaxf(a, b); }
static inline double min(double a, double b) { return ::fmin(a, b); }
static inline double max(double a, double b) { return ::fmax(a, b); }
// clang-format on
