// Chroma of the constant-Q transform: the octaves' samples one below the other, then all octaves' transforms at once,
// then their sum.
//
// The filter between octaves is summed directly (379 taps), where the CPU transforms: a thread makes sixteen values in
// a row, so a sample that it reads serves eight taps of them; the taps are parameters of the kernel, so that they are
// operands and no loads. They are added from both ends to the middle, eight at a time: of a sound above the octave only
// the rounding of these sums is left. (One after the other they fail golden_gpu.py's chirp_linear by 1.3e-4.) Even and
// odd samples lie apart in shared memory, with a gap after sixteen, so that a warp's loads meet in no bank.
//
// The transforms are those of the second pass without a window. A block makes some frames of one octave: its samples
// pass through a ring, the table of the tuning is in shared memory, and each octave has rows of its own, so that the
// sum of a frame has one order whatever the order of the blocks.
#include "kernels/cuda/cqt.h"
#include "kernels/cuda/frame.cuh"

enum {
    HALVE_THREADS = 128,
    HALVE_EACH    = 16,
    HALVE_OUT     = HALVE_THREADS * HALVE_EACH,
    HALVE_TAPS    = 8,                        // at a time
    HALVE_STEPS   = 192,                      // taps of the even, and of the odd samples
    HALVE_HALF    = HALVE_OUT + HALVE_STEPS,  // even samples of a block, and odd ones
    HALVE_CELLS   = HALVE_HALF + HALVE_HALF / HALVE_EACH,
    HALVE_MIDDLE  = KT_HALF_BAND_LEAD / 2,
    RUN_FRAMES    = 32,
    SUM_THREADS   = 128
};
static_assert(2 * HALVE_MIDDLE == HALVE_STEPS && KT_HALF_BAND_REACH < 2 * HALVE_MIDDLE, "taps of half the samples");
static_assert(HALVE_STEPS / 2 % HALVE_TAPS == 0, "steps of either side");

// From the first sample that a value reads: [0] of the even samples, [1] of the odd ones.
struct kt_halves {
    float tap[2][HALVE_STEPS];
};

// What all kernels get; reach: kt_gpu_cqt_reach of each octave.
struct kt_cqt_launch : kt_cuda_cqt_t {
    uint32_t reach[KT_CQT_OCTAVES];
};

// kt_gpu_cqt_samples.
__device__ __forceinline__ uint64_t
octave_samples(const kt_cqt_launch &cqt, const kt_cuda_cqt_part_t &part, uint32_t octave)
{
    return (uint64_t)(part.frames - 1) * (cqt.hop >> octave) + 2 * (uint64_t)cqt.reach[octave];
}

// The part's samples in an octave: its input, or what the filter has made.
__device__ __forceinline__ float *
octave_at(const kt_cqt_launch &cqt, const kt_cuda_cqt_part_t &part, uint32_t octave)
{
    if (octave == 0)
        return (float *)((char *)cqt.in + part.in + sizeof(kt_gpu_cqt_table_t));
    float *at = cqt.octaves + part.octaves;
    for (uint32_t i = 1; i < octave; i++)
        at += octave_samples(cqt, part, i);
    return at;
}

// HALVE_TAPS taps of a thread's values, the last one first if `down`.
template <bool down>
__device__ __forceinline__ void
add_taps(const float *cell, unsigned first, const float *tap, float sum[HALVE_EACH])
{
    float x[HALVE_EACH + HALVE_TAPS - 1];
#pragma unroll
    for (unsigned i = 0; i < HALVE_EACH + HALVE_TAPS - 1; i++)
        x[i] = cell[first + i + (first + i) / HALVE_EACH];
#pragma unroll
    for (unsigned i = 0; i < HALVE_TAPS; i++) {
        const unsigned k = down ? HALVE_TAPS - 1 - i : i;
#pragma unroll
        for (unsigned j = 0; j < HALVE_EACH; j++)
            sum[j] = fmaf(tap[first + k], x[k + j], sum[j]);
    }
}

// One block per HALVE_OUT values of a part. Index i of even or odd samples lies in cell i + i / 16.
__global__ void
__launch_bounds__(HALVE_THREADS) kt_cqt_halve_kernel(const __grid_constant__ kt_cqt_launch cqt,
                                                     const __grid_constant__ kt_halves halves, uint32_t octave)
{
    __shared__ float         cell[2][HALVE_CELLS];
    const kt_cuda_cqt_part_t part = cqt.parts[blockIdx.y];
    const uint64_t           n = octave_samples(cqt, part, octave), above = octave_samples(cqt, part, octave - 1);
    const uint64_t           first = (uint64_t)blockIdx.x * HALVE_OUT;
    if (first >= n)
        return;
    const float *in  = octave_at(cqt, part, octave - 1);
    float       *out = octave_at(cqt, part, octave);
    for (unsigned i = threadIdx.x; i < 2 * HALVE_HALF; i += HALVE_THREADS) {
        const unsigned at                 = i / 2;
        cell[i % 2][at + at / HALVE_EACH] = 2 * first + i < above ? in[2 * first + i] : 0;
    }
    __syncthreads();

    // From both ends to the middle, where the large taps are.
    float          sum[HALVE_EACH] = {};
    const unsigned row             = threadIdx.x * (HALVE_EACH + 1);
    for (unsigned step = 0; step < HALVE_STEPS / 2; step += HALVE_TAPS)
        for (unsigned half = 0; half < 2; half++) {
            add_taps<false>(cell[half] + row, step, halves.tap[half], sum);
            add_taps<true>(cell[half] + row, HALVE_STEPS - HALVE_TAPS - step, halves.tap[half], sum);
        }

    // Through shared memory, so that a warp writes in a row. Outside of the stream is nothing.
    __syncthreads();
#pragma unroll
    for (unsigned i = 0; i < HALVE_EACH; i++)
        cell[0][row + i] = sum[i];
    __syncthreads();
    const int64_t begin = (int64_t)((uint64_t)part.first * (cqt.hop >> octave)) - cqt.reach[octave];
    const int64_t end   = ((int64_t)part.samples + (1 << octave) - 1) >> octave;
    for (unsigned i = threadIdx.x; i < HALVE_OUT && first + i < n; i += HALVE_THREADS) {
        const int64_t at = begin + (int64_t)first + i;
        out[first + i]   = at >= 0 && at < end ? cell[0][i + i / HALVE_EACH] : 0;
    }
}

// What a block of kt_cqt_kernel keeps in shared memory; behind it cells and ring.
struct kt_cqt_workspace {
    kt_cqt_turn_t      turn[KT_CQT_MAX_BINS];
    kt_complex<float>  bin[KT_CQT_MAX_BINS];
    float              weight[KT_GPU_CQT_WEIGHTS];
    uint32_t           row[KT_CQT_PER_OCTAVE][3];  // first, count, offset
    float              size[KT_CQT_PER_OCTAVE];
    kt_cuda_cqt_part_t part;
    uint32_t           first, count;
};

__host__ __device__ constexpr uint32_t
cells_bytes(uint32_t points)
{
    return (points + points / 16) * (uint32_t)sizeof(kt_complex<float>);
}

// The part and the table of its tuning.
__device__ __forceinline__ void
workspace_fill(const kt_cqt_launch &cqt, kt_cqt_workspace &own, const kt_thread &me)
{
    static_assert(sizeof own.part == 40, "a part is ten words");
    if (me.t < sizeof own.part / sizeof(uint32_t))
        ((uint32_t *)&own.part)[me.t] = ((const uint32_t *)&cqt.parts[blockIdx.y])[me.t];
    __syncthreads();
    const kt_gpu_cqt_table_t *table = (const kt_gpu_cqt_table_t *)((const char *)cqt.in + own.part.in);
    const kt_cqt_row_t       *last  = &table->row[KT_CQT_PER_OCTAVE - 1];
    const unsigned            n = (unsigned)last->offset + last->count, count = table->count;
    for (unsigned i = me.t; i < count; i += me.threads)
        own.turn[i] = table->turn[i];
    for (unsigned i = me.t; i < KT_CQT_PER_OCTAVE; i += me.threads) {
        own.row[i][0] = table->row[i].first;
        own.row[i][1] = table->row[i].count;
        own.row[i][2] = (uint32_t)table->row[i].offset;
    }
    for (unsigned i = me.t; i < n; i += me.threads)
        own.weight[i] = table->weight[i];
    if (me.t == 0) {
        own.first = table->first;
        own.count = count;
    }
}

// One block per RUN_FRAMES frames of an octave (z) of a part (y).
template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8, POINTS > 1024 ? 2 : 4) kt_cqt_kernel(const __grid_constant__ kt_cqt_launch cqt)
{
    typedef kt_fft<float, POINTS> fft_t;
    const unsigned                begin = blockIdx.x * RUN_FRAMES, octave = blockIdx.z, hop = cqt.hop >> octave;
    if (begin >= cqt.parts[blockIdx.y].frames)
        return;
    const kt_thread    me    = kt_thread_here();
    kt_cqt_workspace  &own   = *(kt_cqt_workspace *)kt_shared;
    kt_complex<float> *cells = (kt_complex<float> *)(kt_shared + (sizeof own + 15) / 16 * 16);
    const kt_ring      ring  = {(float *)((char *)cells + cells_bytes(POINTS)), 2 * POINTS - 1};
    workspace_fill(cqt, own, me);
    const unsigned frames = min(own.part.frames - begin, (unsigned)RUN_FRAMES);
    const float   *pcm    = octave_at(cqt, own.part, octave) + cqt.reach[octave] - POINTS + (uint64_t)begin * hop;
    float         *sums   = cqt.sums + ((uint64_t)octave * cqt.rows + own.part.row + begin) * KT_CQT_CLASSES;
    const float    gain   = exp2f(0.5F * (float)octave);  // a halved rate takes its square root of the level
    fft_t          fft;
    fft.prepare(me.t);
    ring.fill(pcm, 0, hop, me);
    __syncthreads();
    for (unsigned f = 0; f < frames; f++) {
        kt_complex<float> z[8];
        auto              take = [&](unsigned k, float re, float im) {
            const unsigned i = k - own.first;
            if (i >= own.count)
                return;
            const kt_cqt_turn_t turn = own.turn[i];
            re *= 0.5F;
            im *= 0.5F;
            own.bin[i] = {fmaf(re, turn.re, -im * turn.im), fmaf(re, turn.im, im * turn.re)};
        };
#pragma unroll
        for (unsigned i = 0; i < 8; i++) {
            const unsigned at = f * hop + 2 * (me.t + i * fft_t::THREADS);
            z[i]              = {ring.at(at), ring.at(at + 1)};
        }
        fft.run(z, cells, me.t);
        kt_real_spectrum<float, POINTS>(z, cells, me.t, fft.real, take);
        __syncthreads();
        if (f + 1 < frames)
            ring.fill(pcm, f + 1, hop, me);
        for (unsigned r = me.t; r < KT_CQT_PER_OCTAVE; r += me.threads) {
            const kt_complex<float> *bin = own.bin + own.row[r][0];
            const float             *w   = own.weight + own.row[r][2];
            float                    re = 0, im = 0;
            for (unsigned j = 0; j < own.row[r][1]; j++) {
                re = fmaf(bin[j].re, w[j], re);
                im = fmaf(bin[j].im, w[j], im);
            }
            own.size[r] = __fsqrt_rn(fmaf(re, re, im * im));
        }
        __syncthreads();
        // The rows of a class: three, the first class's begin before the octave's first row (kt_cqt_class).
        for (unsigned c = me.t; c < KT_CQT_CLASSES; c += me.threads) {
            float sum = c == 0 ? own.size[0] + own.size[1] : own.size[3 * c - 1] + own.size[3 * c];
            sum += own.size[c == 0 ? KT_CQT_PER_OCTAVE - 1 : 3 * c + 1];
            sums[(uint64_t)f * KT_CQT_CLASSES + c] = sum * gain;
        }
    }
}

// One thread per frame: the octaves from the top, then the largest class is one.
__global__ void
__launch_bounds__(SUM_THREADS) kt_cqt_sum_kernel(const __grid_constant__ kt_cqt_launch cqt)
{
    const unsigned row                 = blockIdx.x * SUM_THREADS + threadIdx.x;
    float          sum[KT_CQT_CLASSES] = {}, largest = 0;
    if (row >= cqt.rows)
        return;
    for (unsigned octave = 0; octave < KT_CQT_OCTAVES; octave++)
#pragma unroll
        for (unsigned c = 0; c < KT_CQT_CLASSES; c++)
            sum[c] += cqt.sums[((uint64_t)octave * cqt.rows + row) * KT_CQT_CLASSES + c];
#pragma unroll
    for (unsigned c = 0; c < KT_CQT_CLASSES; c++)
        largest = fmaxf(largest, sum[c]);
#pragma unroll
    for (unsigned c = 0; c < KT_CQT_CLASSES; c++)
        cqt.out[(uint64_t)row * KT_CQT_CLASSES + c] = largest >= 1.17549435e-38F ? __fdiv_rn(sum[c], largest) : sum[c];
}

extern "C" uint64_t
kt_cuda_cqt_octaves(uint32_t n_fft, uint32_t hop, uint32_t frames)
{
    uint64_t floats = 0;
    for (uint32_t i = 1; i < KT_CQT_OCTAVES; i++)
        floats += kt_gpu_cqt_samples(n_fft, hop, i, frames);
    return floats;
}

extern "C" kt_err_t
kt_cuda_cqt(const kt_cuda_cqt_t *self, const float tap[KT_HALF_BAND_REACH + 1], cudaStream_t stream)
{
    const uint32_t points = self->n_fft / 2;
    const uint32_t shared = (uint32_t)((sizeof(kt_cqt_workspace) + 15) / 16 * 16) + cells_bytes(points) +
                            2 * points * (uint32_t)sizeof(float);
    kt_cqt_launch cqt    = {*self, {}};
    kt_halves     halves = {};
    if (!kt_cuda_is_fused(self->n_fft) || self->n > UINT16_MAX)
        return KT_EINVAL;
    if (self->n == 0 || self->longest == 0)
        return KT_OK;
    for (uint32_t octave = 0; octave < KT_CQT_OCTAVES; octave++)
        cqt.reach[octave] = kt_gpu_cqt_reach(self->n_fft, octave);
    for (int i = -KT_HALF_BAND_REACH; i <= KT_HALF_BAND_REACH; i++)
        halves.tap[i & 1][(i + 2 * HALVE_MIDDLE) / 2] = tap[i < 0 ? -i : i];
    for (uint32_t octave = 1; octave < KT_CQT_OCTAVES; octave++) {
        const uint64_t n = kt_gpu_cqt_samples(self->n_fft, self->hop, octave, self->longest);
        KT_LAUNCH(kt_cqt_halve_kernel, dim3((unsigned)((n + HALVE_OUT - 1) / HALVE_OUT), self->n), dim3(HALVE_THREADS),
                  0, stream, cqt, halves, octave);
    }
    const dim3 grid((self->longest + RUN_FRAMES - 1) / RUN_FRAMES, self->n, KT_CQT_OCTAVES);
    KT_LAUNCH_BY_POINTS(kt_cqt_kernel, self->n_fft, grid, shared, stream, cqt);
    KT_LAUNCH(kt_cqt_sum_kernel, dim3((self->rows + SUM_THREADS - 1) / SUM_THREADS), dim3(SUM_THREADS), 0, stream, cqt);
    return kt_launched();
}
