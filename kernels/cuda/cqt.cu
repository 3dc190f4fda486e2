// Chroma of the constant-Q transform: the octaves' samples one below the other, then all octaves' transforms at once,
// then their sum.
//
// The filter between octaves is the CPU's overlap-save (kernels/cpu/decimate.c): its blocks begin at multiples of
// KT_HALF_BAND_OUT of the stream, so that a sample has one value whatever the part. Two blocks of the filter go back
// side by side, as the inverse transform is of half the size.
//
// Of a sound above the octaves only leakage and rounding are left, so the transforms' roots are exact: with products of
// roots golden_gpu.py's chirp_linear is off by 2.3e-4, now by 6.6e-5.
//
// The transforms are those of the second pass without a window. A block makes some frames of one octave: its samples
// pass through a ring, the table of the tuning is in shared memory, and each octave has rows of its own, so that the
// sum of a frame has one order whatever the order of the blocks.
#include "kernels/cuda/cqt.h"
#include "kernels/cuda/frame.cuh"

enum {
    HALVE_POINTS  = KT_HALF_BAND_N_FFT / 2,
    HALVE_THREADS = HALVE_POINTS / 8,
    HALVE_SIDE    = 2,                       // blocks of the filter side by side
    HALVE_RUN     = 8,                       // times, so that the roots are computed once
    HALVE_EACH    = HALVE_RUN * HALVE_SIDE,  // blocks of the filter per block of threads
    RUN_FRAMES    = 32,
    SUM_THREADS   = 128
};

typedef kt_fft<float, HALVE_POINTS, true>     whole_fft_t;
typedef kt_fft<float, HALVE_POINTS / 2, true> half_fft_t;
static_assert(half_fft_t::THREADS * HALVE_SIDE == HALVE_THREADS, "all threads transform back");

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

// Number of the first one of them in the stream.
__device__ __forceinline__ int64_t
octave_begin(const kt_cqt_launch &cqt, const kt_cuda_cqt_part_t &part, uint32_t octave)
{
    return (int64_t)((uint64_t)part.first * (cqt.hop >> octave)) - cqt.reach[octave];
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

// Number of the filter's block that value `at` of an octave is in.
__device__ __forceinline__ int64_t
halve_block(int64_t at)
{
    return at / KT_HALF_BAND_OUT - (at % KT_HALF_BAND_OUT < 0 ? 1 : 0);
}

// What a block of kt_cqt_halve_kernel keeps in shared memory.
struct kt_halve_workspace {
    kt_complex<float> cell[HALVE_POINTS + HALVE_POINTS / whole_fft_t::GAP_AFTER];
    kt_complex<float> bin[HALVE_SIDE][KT_HALF_BAND_BINS];
};

// Bins of a block of the filter, whose first sample is in[from]; samples that the part does not have are zeros.
__device__ __forceinline__ void
halve_forward(whole_fft_t &fft, kt_halve_workspace &own, kt_complex<float> *bin, const float *response, const float *in,
              int64_t from, uint64_t samples, unsigned t)
{
    kt_complex<float> z[8];
    auto              take = [&](unsigned k, float re, float im) {
        if (k < KT_HALF_BAND_BINS)
            bin[k] = {re * (0.5F * response[k]), im * (0.5F * response[k])};
    };
#pragma unroll
    for (unsigned i = 0; i < 8; i++) {
        const uint64_t at = (uint64_t)from + 2 * (t + i * HALVE_THREADS);
        z[i]              = {at < samples ? in[at] : 0, at + 1 < samples ? in[at + 1] : 0};
    }
    fft.run(z, own.cell, t);
    kt_real_spectrum<float, HALVE_POINTS>(z, own.cell, t, fft.real, take);
}

// From the bins of every second sample to those of complex samples (even, odd), real and imaginary part exchanged: so
// the forward transform is the inverse one.
__device__ __forceinline__ void
halve_pack(kt_complex<float> x[8], const kt_complex<float> *bin, kt_complex<float> root, unsigned t)
{
    const kt_complex<float> sixteenth = {0.92387953f, -0.38268343f};
    kt_complex<float>       w[8]      = {root, kt_times(root, sixteenth)};
#pragma unroll
    for (unsigned i = 2; i < 8; i++)
        w[i] = i < 4 ? kt_eighth(w[i - 2]) : kt_quarter(w[i - 4]);
#pragma unroll
    for (unsigned i = 0; i < 8; i++) {
        const unsigned          k = t + i * half_fft_t::THREADS;
        const kt_complex<float> a = bin[k], b = bin[HALVE_POINTS / 2 - k];
        const float             sr = a.re + b.re, si = a.im - b.im, dr = a.re - b.re, di = a.im + b.im;
        x[i] = {si + fmaf(dr, w[i].re, di * w[i].im), sr - fmaf(di, w[i].re, -dr * w[i].im)};
    }
}

// One block per HALVE_EACH blocks of the filter (x) of a part (y).
__global__ void
__launch_bounds__(HALVE_THREADS) kt_cqt_halve_kernel(const __grid_constant__ kt_cqt_launch cqt, uint32_t octave)
{
    __shared__ kt_halve_workspace own;
    const kt_cuda_cqt_part_t      part = cqt.parts[blockIdx.y];
    const uint64_t                n = octave_samples(cqt, part, octave), above = octave_samples(cqt, part, octave - 1);
    const int64_t                 begin    = octave_begin(cqt, part, octave);
    const int64_t                 first    = halve_block(begin) + (int64_t)blockIdx.x * HALVE_EACH;
    const int64_t                 end      = ((int64_t)part.samples + (1 << octave) - 1) >> octave;
    const float                  *in       = octave_at(cqt, part, octave - 1);
    float                        *out      = octave_at(cqt, part, octave);
    const float                  *response = ((const kt_gpu_cqt_table_t *)((const char *)cqt.in + part.in))->response;
    const unsigned                side = threadIdx.x / half_fft_t::THREADS, t = threadIdx.x % half_fft_t::THREADS;
    whole_fft_t                   whole;
    half_fft_t                    half;
    whole.prepare(threadIdx.x);
    half.prepare(t);
    for (unsigned run = 0; run < HALVE_RUN; run++) {
        kt_complex<float> x[8] = {};
        const int64_t     at   = (first + run * HALVE_SIDE) * KT_HALF_BAND_OUT;
        if (at >= begin + (int64_t)n)
            return;
        if (at < end && at + HALVE_SIDE * KT_HALF_BAND_OUT > 0) {
            for (unsigned i = 0; i < HALVE_SIDE; i++) {
                const int64_t from = 2 * (at + i * KT_HALF_BAND_OUT) - KT_HALF_BAND_LEAD;
                halve_forward(whole, own, own.bin[i], response, in, from - octave_begin(cqt, part, octave - 1), above,
                              threadIdx.x);
            }
            __syncthreads();
            halve_pack(x, own.bin[side], half.real, t);
            half.run(x, own.cell + side * (sizeof own.cell / sizeof *own.cell / HALVE_SIDE), t);
        }
        // Outside of the stream is nothing.
        const int64_t from = at + side * KT_HALF_BAND_OUT - KT_HALF_BAND_LEAD / 2;
#pragma unroll
        for (unsigned i = 0; i < 8; i++) {
            const unsigned k        = 2 * (t + i * half_fft_t::THREADS);
            const float    value[2] = {x[i].im, x[i].re};
            if (k < KT_HALF_BAND_LEAD / 2 || k >= KT_HALF_BAND_LEAD / 2 + KT_HALF_BAND_OUT)
                continue;
            for (unsigned odd = 0; odd < 2; odd++)
                if (const int64_t here = from + k + odd; here >= begin && here < begin + (int64_t)n)
                    out[here - begin] = here >= 0 && here < end ? value[odd] : 0;
        }
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
__launch_bounds__(POINTS / 8, 3072 / POINTS) kt_cqt_kernel(const __grid_constant__ kt_cqt_launch cqt)
{
    typedef kt_fft<float, POINTS, true> fft_t;
    const unsigned                      begin = blockIdx.x * RUN_FRAMES, octave = blockIdx.z, hop = cqt.hop >> octave;
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
    ring.arrive();
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
        if (f + 1 < frames)
            ring.fill(pcm, f + 1, hop, me);
        kt_real_spectrum<float, POINTS>(z, cells, me.t, fft.real, take);
        __syncthreads();
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
        ring.arrive();
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
kt_cuda_cqt(const kt_cuda_cqt_t *self, cudaStream_t stream)
{
    const uint32_t points = self->n_fft / 2;
    const uint32_t shared = (uint32_t)((sizeof(kt_cqt_workspace) + 15) / 16 * 16) + cells_bytes(points) +
                            2 * points * (uint32_t)sizeof(float);
    kt_cqt_launch cqt = {*self, {}};
    if (!kt_cuda_is_fused(self->n_fft) || self->n > UINT16_MAX)
        return KT_EINVAL;
    if (self->n == 0 || self->longest == 0)
        return KT_OK;
    for (uint32_t octave = 0; octave < KT_CQT_OCTAVES; octave++)
        cqt.reach[octave] = kt_gpu_cqt_reach(self->n_fft, octave);
    for (uint32_t octave = 1; octave < KT_CQT_OCTAVES; octave++) {
        // One more: a part's first and last block are cut.
        const uint64_t blocks =
            kt_gpu_cqt_samples(self->n_fft, self->hop, octave, self->longest) / KT_HALF_BAND_OUT + 2;
        KT_LAUNCH(kt_cqt_halve_kernel, dim3((unsigned)((blocks + HALVE_EACH - 1) / HALVE_EACH), self->n),
                  dim3(HALVE_THREADS), 0, stream, cqt, octave);
    }
    const dim3 grid((self->longest + RUN_FRAMES - 1) / RUN_FRAMES, self->n, KT_CQT_OCTAVES);
    KT_LAUNCH_BY_POINTS(kt_cqt_kernel, self->n_fft, grid, shared, stream, cqt);
    KT_LAUNCH(kt_cqt_sum_kernel, dim3((self->rows + SUM_THREADS - 1) / SUM_THREADS), dim3(SUM_THREADS), 0, stream, cqt);
    return kt_launched();
}
