// Chroma of up to KT_CHROMA_FRAMES frames from their power spectra, by all threads of a block. A bin's weights are made
// once for all of them: they are exponentials, and do not change from frame to frame.
#pragma once

#include "kernels/cuda/rows.cuh"

// The weighted sums of CLASSES classes (c, c + step, ...) over all bins, for `frames` frames, by one warp; lane 0 writes
// them. In float: every term is positive. The exponent of a far bin underflows to a weight of zero, as it should.
template <int CLASSES>
__device__ __forceinline__ void
kt_class_sums(const kt_cuda_tables_t &plan, const float *power, const float *bump, unsigned frames, unsigned c,
              unsigned step, float *class_sum, unsigned lane)
{
    const unsigned roll = 3 * (plan.n_chroma / 12);
    const float    n = (float)plan.n_chroma, half = rintf(0.5F * n);
    const float   *sharpness = bump + plan.bins, *scale = sharpness + plan.bins;
    float          sum[CLASSES][KT_CHROMA_FRAMES] = {};
    for (unsigned k = lane; k < plan.bins; k += 32) {
        const float centre = bump[k], sharp = -sharpness[k], height = scale[k];
        float       p[KT_CHROMA_FRAMES];
#pragma unroll
        for (unsigned f = 0; f < KT_CHROMA_FRAMES; f++)
            p[f] = f < frames ? power[f * plan.bins + k] : 0;
#pragma unroll
        for (unsigned i = 0; i < CLASSES; i++) {
            // Classes of the bumps count from A.
            const float straight = centre - (float)((c + i * step + roll) % plan.n_chroma);
            const float away     = straight < -half ? straight + n : straight >= n - half ? straight - n : straight;
            const float weight   = height * expf(sharp * away * away);
#pragma unroll
            for (unsigned f = 0; f < KT_CHROMA_FRAMES; f++)
                sum[i][f] = fmaf(weight, p[f], sum[i][f]);
        }
    }
#pragma unroll
    for (unsigned i = 0; i < CLASSES; i++)
#pragma unroll
        for (unsigned f = 0; f < KT_CHROMA_FRAMES; f++) {
            const float whole = kt_warp_sum(sum[i][f]);
            if (lane == 0 && f < frames && c + i * step < plan.n_chroma)
                class_sum[f * plan.n_chroma + c + i * step] = whole;
        }
}

// power [frames][bins], class_sum and out [frames][n_chroma]. A barrier inside; the caller has one before and after.
template <int CLASSES>
__device__ __forceinline__ void
kt_chroma_frames(const kt_cuda_tables_t &plan, const float *power, const float *bump, unsigned frames, float *class_sum,
                 float *out, const kt_thread &me)
{
    const unsigned n = plan.n_chroma;
    for (unsigned c = me.warp; c < n; c += CLASSES * me.warps)
        kt_class_sums<CLASSES>(plan, power, bump, frames, c, me.warps, class_sum, me.lane);
    __syncthreads();
    for (unsigned i = me.t; i < frames * n; i += me.threads) {
        const float *of_frame = class_sum + i / n * n;
        float        largest = 0, total = 0;
        for (unsigned c = 0; c < n; c++) {
            largest = fmaxf(largest, of_frame[c]);
            total += of_frame[c];
        }
        const bool valid = total <= 3.402823466e38F, scaled = largest >= 1.17549435e-38F;
        out[i] = !valid ? __uint_as_float(0x7fc00000U) : scaled ? __fdiv_rn(class_sum[i], largest) : class_sum[i];
    }
}
