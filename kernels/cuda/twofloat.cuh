// Two floats whose sum is the value: 48 bits, as a pair of floats on devices where a double takes 32 or 64 times as
// long as a float (T4, L4). Sums and products by their exact errors (Dekker 1971; Knuth, The Art of Computer
// Programming 2, 4.2.2), a product's by a fused multiply-add. An operation takes at most 11 in float. hi is the value
// rounded to float.
//
// The rounding of each step matters, so no step is left to the compiler to fuse.
#pragma once

#include "kernels/cuda/launch.h"

struct kt_twofloat {
    float hi, lo;

    kt_twofloat() = default;
    __device__ __forceinline__ constexpr kt_twofloat(float high, float low) : hi(high), lo(low)
    {
    }
    __device__ __forceinline__ constexpr kt_twofloat(float value) : hi(value), lo(0)
    {
    }
    __device__ __forceinline__ constexpr kt_twofloat(int value) : hi((float)value), lo(0)
    {
    }
    __device__ __forceinline__ constexpr kt_twofloat(double value) : hi((float)value), lo((float)(value - (float)value))
    {
    }

    __device__ __forceinline__ explicit operator float() const
    {
        return hi;
    }
};

// high + low, where high is the larger one or 0.
__device__ __forceinline__ kt_twofloat
kt_twofloat_of(float high, float low)
{
    const float sum = __fadd_rn(high, low);
    return {sum, __fsub_rn(low, __fsub_rn(sum, high))};
}

// a + b + low.
__device__ __forceinline__ kt_twofloat
kt_twofloat_sum(float a, float b, float low)
{
    const float sum = __fadd_rn(a, b), part = __fsub_rn(sum, a);
    const float error = __fadd_rn(__fsub_rn(a, __fsub_rn(sum, part)), __fsub_rn(b, part));
    return kt_twofloat_of(sum, __fadd_rn(error, low));
}

// The error of the product of the high parts, and what the low parts add to it.
__device__ __forceinline__ float
kt_twofloat_rest(kt_twofloat a, kt_twofloat b, float product)
{
    return fmaf(a.lo, b.hi, fmaf(a.hi, b.lo, fmaf(a.hi, b.hi, -product)));
}

__device__ __forceinline__ kt_twofloat
operator-(kt_twofloat a)
{
    return {-a.hi, -a.lo};
}

__device__ __forceinline__ kt_twofloat
operator+(kt_twofloat a, kt_twofloat b)
{
    return kt_twofloat_sum(a.hi, b.hi, __fadd_rn(a.lo, b.lo));
}

__device__ __forceinline__ kt_twofloat
operator-(kt_twofloat a, kt_twofloat b)
{
    return a + -b;
}

__device__ __forceinline__ kt_twofloat
operator*(kt_twofloat a, kt_twofloat b)
{
    const float product = __fmul_rn(a.hi, b.hi);
    return kt_twofloat_of(product, kt_twofloat_rest(a, b, product));
}

__device__ __forceinline__ kt_twofloat
fma(kt_twofloat a, kt_twofloat b, kt_twofloat c)
{
    const float product = __fmul_rn(a.hi, b.hi);
    return kt_twofloat_sum(c.hi, product, __fadd_rn(c.lo, kt_twofloat_rest(a, b, product)));
}
