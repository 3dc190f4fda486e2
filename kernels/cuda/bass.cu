// Rows of the bass. Low values: a thread sums a step of the samples, four lanes side by side in the order of the CPU's
// loop, and adds the sums of four neighbours; a block's last three steps are made again by the next block. Rows: a
// thread sums the bins of one pitch class of one row in their order. No operation is fused, so the same samples give
// the CPU's low values to the last bit, and the same power spectra its rows.
#include "kernels/cuda/bass.h"
#include "kernels/cuda/launch.h"

enum { THREADS = 128, LOW_VALUES = THREADS - KT_BASS_STEPS + 1, ROWS = 16 };

__device__ __forceinline__ float4
plus(float4 a, float4 b)
{
    return {__fadd_rn(a.x, b.x), __fadd_rn(a.y, b.y), __fadd_rn(a.z, b.z), __fadd_rn(a.w, b.w)};
}

__device__ __forceinline__ float4
minus(float4 a, float4 b)
{
    return {__fsub_rn(a.x, b.x), __fsub_rn(a.y, b.y), __fsub_rn(a.z, b.z), __fsub_rn(a.w, b.w)};
}

__device__ __forceinline__ float4
times(float4 a, float4 b)
{
    return {__fmul_rn(a.x, b.x), __fmul_rn(a.y, b.y), __fmul_rn(a.z, b.z), __fmul_rn(a.w, b.w)};
}

// step_sums and fill_low of kernels/audio/bass.c.
__global__ void
__launch_bounds__(THREADS) kt_bass_low_kernel(const __grid_constant__ kt_cuda_bass_low_t of)
{
    __shared__ float4 sum[KT_BASS_SUMS][THREADS], tap[KT_BASS_SUMS * KT_GPU_BASS_STEP_MOST / 4];
    const unsigned    t = threadIdx.x, at = blockIdx.x * LOW_VALUES + t, quads = of.step / 4;
    for (unsigned i = t; i < KT_BASS_SUMS * quads; i += THREADS)
        tap[i] = ((const float4 *)of.tap)[i];
    __syncthreads();
    if (at < of.values + KT_BASS_STEPS - 1) {
        const float4 *x                  = (const float4 *)of.in + (size_t)at * quads;
        float4        made[KT_BASS_SUMS] = {};
        for (unsigned i = 0; i < quads; i++) {
            const float4 some = x[i];
#pragma unroll
            for (unsigned s = 0; s < KT_BASS_SUMS; s++)
                made[s] = plus(made[s], times(tap[s * quads + i], some));
        }
#pragma unroll
        for (unsigned s = 0; s < KT_BASS_SUMS; s++)
            sum[s][t] = made[s];
    }
    __syncthreads();
    if (t >= LOW_VALUES || at >= of.values)
        return;
    const float4 *all = sum[KT_BASS_ALL] + t, *cosine = sum[KT_BASS_COSINE] + t, *sine = sum[KT_BASS_SINE] + t;
    const float4  lane = plus(minus(plus(plus(all[0], all[1]), plus(all[2], all[3])), minus(cosine[0], cosine[2])),
                              minus(sine[1], sine[3]));
    of.low[at]         = __fadd_rn(__fadd_rn(lane.x, lane.y), __fadd_rn(lane.z, lane.w));
}

// fill_row of kernels/audio/bass.c.
__global__ void
__launch_bounds__(ROWS *KT_BASS_WIDTH) kt_bass_rows_kernel(const __grid_constant__ kt_cuda_bass_rows_t of)
{
    __shared__ double  sum[ROWS][KT_BASS_WIDTH];
    __shared__ float   power[ROWS][KT_GPU_BASS_BINS_MOST + 1];
    __shared__ uint8_t pitch_class[KT_GPU_BASS_BINS_MOST];
    const unsigned     r = threadIdx.x / KT_BASS_WIDTH, c = threadIdx.x % KT_BASS_WIDTH, row = blockIdx.x * ROWS + r;
    double             own = 0, whole = 0, square = 0;
    for (unsigned b = threadIdx.x; b < of.past; b += ROWS * KT_BASS_WIDTH)
        pitch_class[b] = of.pitch_class[b];
    for (unsigned b = c; b < of.past && row < of.rows; b += KT_BASS_WIDTH)
        power[r][b] = of.power[(size_t)row * of.past + b];
    __syncthreads();
    for (unsigned b = of.first; b < of.past && row < of.rows; b++) {
        const float p = power[r][b];
        whole += (double)p;
        if (pitch_class[b] == c)
            own += (double)__fsqrt_rn(__fsqrt_rn(p));
    }
    sum[r][c] = own;
    __syncthreads();
    if (row >= of.rows)
        return;
    for (unsigned i = 0; i < KT_BASS_WIDTH; i++)
        square = __dadd_rn(square, __dmul_rn(sum[r][i], sum[r][i]));
    const double scale =
        whole > KT_BASS_LEAST_POWER && isfinite(square) ? __ddiv_rn(UINT16_MAX, __dsqrt_rn(square)) : 0;
    of.out[(size_t)row * KT_BASS_WIDTH + c] = scale > 0 ? (uint16_t)__dadd_rn(__dmul_rn(own, scale), 0.5) : (uint16_t)0;
}

extern "C" kt_err_t
kt_cuda_bass_low(const kt_cuda_bass_low_t *self, cudaStream_t stream)
{
    const uint64_t blocks = ((uint64_t)self->values + LOW_VALUES - 1) / LOW_VALUES;
    if (self->step == 0 || self->step % 4 || self->step > KT_GPU_BASS_STEP_MOST || blocks > INT32_MAX)
        return KT_EINVAL;
    if (self->values == 0)
        return KT_OK;
    KT_LAUNCH(kt_bass_low_kernel, dim3((unsigned)blocks), dim3(THREADS), 0, stream, *self);
    return kt_launched();
}

extern "C" kt_err_t
kt_cuda_bass_rows(const kt_cuda_bass_rows_t *self, cudaStream_t stream)
{
    const unsigned blocks = self->rows / ROWS + (self->rows % ROWS != 0);
    if (self->past > KT_GPU_BASS_BINS_MOST)
        return KT_EINVAL;
    if (self->rows == 0)
        return KT_OK;
    KT_LAUNCH(kt_bass_rows_kernel, dim3(blocks), dim3(ROWS * KT_BASS_WIDTH), 0, stream, *self);
    return kt_launched();
}
