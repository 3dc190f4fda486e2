// Chroma of one frame from its power spectrum, by all threads of a block.
#pragma once

#include "kernels/cuda/rows.cuh"

// The weighted sum of one class over all bins, by one warp. `from_a` counts classes from A. In float: every term is
// positive. The exponent of a far bin underflows to a weight of zero, as it should.
__device__ __forceinline__ float
kt_class_sum(const kt_cuda_tables_t &plan, const float *power, const float *bump, unsigned from_a, unsigned lane)
{
    const float  n = (float)plan.n_chroma, half = rintf(0.5F * n), c = (float)from_a;
    const float *sharpness = bump + plan.bins, *scale = sharpness + plan.bins;
    float        sum = 0;
    for (unsigned k = lane; k < plan.bins; k += 32) {
        const float straight = bump[k] - c;
        const float away     = straight < -half ? straight + n : straight >= n - half ? straight - n : straight;
        sum                  = fmaf(scale[k] * expf(-sharpness[k] * away * away), power[k], sum);
    }
    return kt_warp_sum(sum);
}

// One barrier inside; the caller has one before and one after.
__device__ __forceinline__ void
kt_chroma_frame(const kt_cuda_tables_t &plan, const float *power, const float *bump, float *class_sum, float *out,
                const kt_thread &me)
{
    const unsigned n = plan.n_chroma, roll = 3 * (n / 12);
    for (unsigned c = me.warp; c < n; c += me.warps) {
        const float sum = kt_class_sum(plan, power, bump, (c + roll) % n, me.lane);
        if (me.lane == 0)
            class_sum[c] = sum;
    }
    __syncthreads();
    float largest = 0, total = 0;
    for (unsigned c = 0; c < n; c++) {
        largest = fmaxf(largest, class_sum[c]);
        total += class_sum[c];
    }
    const bool valid = total <= 3.402823466e38F, scaled = largest >= 1.17549435e-38F;
    for (unsigned c = me.t; c < n; c += me.threads)
        out[c] = !valid ? __uint_as_float(0x7fc00000U) : scaled ? __fdiv_rn(class_sum[c], largest) : class_sum[c];
}
