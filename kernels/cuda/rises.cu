// Rises of mel rows: a block takes 32 frames and the two before them into shared memory, as levels and as powers, each
// computed once; then a thread sums a group of one frame in the order of the CPU's loop. No operation is fused, so the
// same mel rows give the CPU's rises to the last bit.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/rises.h"

enum { FRAMES = 32, ROWS = FRAMES + KT_RISE_LAG, SUMS = KT_RISE_GROUPS + KT_RISE_RANGES, THREADS = FRAMES * SUMS };

__constant__ const uint8_t GROUP[KT_RISE_GROUPS + 1]                        = KT_RISE_GROUP_EDGES,
                                                  RANGE[2 * KT_RISE_RANGES] = KT_RISE_RANGE_EDGES;

// Odd widths: threads of neighbouring frames read different banks.
struct kt_rises_workspace {
    float level[ROWS][KT_RISE_BANDS + 1], power[ROWS][KT_RISE_BANDS + 1], sum[FRAMES][KT_RISE_GROUPS + 1];
};

// decibels of kernels/audio/rises.c.
__device__ __forceinline__ float
decibels(float power)
{
    const uint32_t bits     = __float_as_uint(power);
    const int32_t  exponent = (int32_t)(bits - 0x3f3504f3) >> 23;
    const float    m        = __uint_as_float(bits - ((uint32_t)exponent << 23));
    const float    s        = __fdiv_rn(__fsub_rn(m, 1), __fadd_rn(m, 1));
    const float    q        = __fmul_rn(s, s);
    float          series   = __fadd_rn(1 / 5.0f, __fdiv_rn(q, 7.0f));
    series                  = __fadd_rn(1 / 3.0f, __fmul_rn(q, series));
    series                  = __fadd_rn(1, __fmul_rn(q, series));
    return __fadd_rn(__fmul_rn(3.01029996f, (float)exponent), __fmul_rn(__fmul_rn(8.68588964f, s), series));
}

__device__ __forceinline__ uint16_t
rise_units(float rise)
{
    const float units = __fadd_rn(__fmul_rn(rise, KT_RISE_UNITS), 0.5f);
    return units < 65535 ? (uint16_t)units : (uint16_t)65535;
}

__device__ __forceinline__ float
amplitude(const float *power, unsigned from, unsigned end, float unit)
{
    float sum = 0;
    for (unsigned b = from; b < end; b++)
        sum = __fadd_rn(sum, power[b]);
    return __fsqrt_rn(__fdiv_rn(sum, unit));
}

__global__ void
__launch_bounds__(THREADS) kt_rises_kernel(const __grid_constant__ kt_cuda_rises_t of)
{
    __shared__ kt_rises_workspace own;
    const unsigned                first = blockIdx.x * FRAMES, frames = min(of.frames - first, (unsigned)FRAMES);
    const unsigned                bands = min(of.bands, (unsigned)KT_RISE_BANDS);
    for (unsigned i = threadIdx.x; i < (frames + KT_RISE_LAG) * bands; i += THREADS) {
        const unsigned r = i / bands, b = i % bands;
        const bool     silent = of.begins && first + r < KT_RISE_LAG;
        const float    x      = silent ? 0 : of.mel[(size_t)(first + r) * of.bands + b];
        own.power[r][b]       = x < KT_RISE_HUGE ? x : KT_RISE_HUGE;
        own.level[r][b]       = decibels(x < KT_RISE_HUGE ? __fadd_rn(x, of.floor) : KT_RISE_HUGE);
    }
    __syncthreads();
    const unsigned f = threadIdx.x / SUMS, k = threadIdx.x % SUMS, now = f + KT_RISE_LAG;
    uint16_t      *out = of.out + (size_t)(first + f) * KT_RISE_WIDTH;
    if (f < frames && k < KT_RISE_GROUPS) {
        const unsigned from = GROUP[k], to = GROUP[k + 1];
        float          sum = 0;
        for (unsigned b = from; b < min(to, bands); b++) {
            const float rise = __fsub_rn(own.level[now][b], own.level[f][b]);
            sum              = __fadd_rn(sum, rise > 0 ? rise : 0);
        }
        own.sum[f][k] = sum;
        out[1 + k]    = rise_units(__fdiv_rn(sum, (float)(to - from)));
    } else if (f < frames) {
        const unsigned r = k - KT_RISE_GROUPS, from = RANGE[2 * r], end = min((unsigned)RANGE[2 * r + 1], bands);
        const float    rise =
            __fsub_rn(amplitude(own.power[now], from, end, of.unit), amplitude(own.power[f], from, end, of.unit));
        const float share = __fdiv_rn(fminf(fmaxf(rise, 0), KT_RISE_LOUDEST), KT_RISE_LOUDEST);
        out[1 + k]        = (uint16_t)__fadd_rn(__fmul_rn(65535, __fsqrt_rn(share)), 0.5f);
    }
    __syncthreads();
    if (f < frames && k == 0) {
        float all = 0;
        for (unsigned g = 0; g < KT_RISE_GROUPS; g++)
            all = __fadd_rn(all, own.sum[f][g]);
        out[0] = rise_units(__fdiv_rn(all, (float)bands));
    }
}

extern "C" kt_err_t
kt_cuda_rises(const kt_cuda_rises_t *self, cudaStream_t stream)
{
    const unsigned blocks = self->frames / FRAMES + (self->frames % FRAMES != 0);
    if (self->bands == 0 || blocks > INT32_MAX)
        return KT_EINVAL;
    if (self->frames == 0)
        return KT_OK;
    KT_LAUNCH(kt_rises_kernel, dim3(blocks), dim3(THREADS), 0, stream, *self);
    return kt_launched();
}
