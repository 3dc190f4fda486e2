// Spectral peaks in cents: a block makes a few frames, one after the other, in float as the other power spectra of
// single partials (chroma.cu). Frames overlap by half and are few, five per second, so a frame's samples are read where
// they are, without a ring.
//
// Where there is a peak is one bit; then a thread takes the peak whose number is its own, so that the logarithms, in
// double, are those of some forty peaks and not of all bins. Counts are whole units, added by atomics: sums that do not
// depend on an order.
#include "kernels/cuda/cents.h"
#include "kernels/cuda/frame.cuh"

// MASKS: of at most 2048 bins. RUN_FRAMES: for which the roots of the transform, in double, are made once.
enum { MASKS = 64, WARPS_MOST = 16, RUN_FRAMES = 8 };

static constexpr unsigned FULL_WARP = 0xffffffffu;

struct kt_cents_workspace {
    double   sum[WARPS_MOST];
    float    largest[WARPS_MOST];
    uint32_t peaks[MASKS];  // bit i of word w: bin first + 32 w + i
};

static __host__ __device__ constexpr uint32_t
cells_bytes(uint32_t points)
{
    return (points + points / 16) * (uint32_t)sizeof(kt_complex<float>);
}

struct kt_cents_peak {
    double cents, weight;  // above A4; loudness
};

// peak_at of kernels/audio/cents.c.
__device__ __forceinline__ kt_cents_peak
peak_at(const kt_cents_shape_t &shape, const float *power, unsigned k)
{
    const double before = log2((double)power[k - 1] + KT_CENTS_FLOOR), at = log2((double)power[k] + KT_CENTS_FLOOR),
                 after = log2((double)power[k + 1] + KT_CENTS_FLOOR);
    const double curve = before - 2 * at + after, shift = curve < 0 ? (before - after) / (2 * curve) : 0;
    const double top = at - (before - after) * shift / 4, hz = (k + shift) * shape.rate_hz / shape.n_fft;
    return {KT_CENTS * log2(hz / 440), exp2(KT_CENTS_STEVENS * top)};
}

// The bin of the frame's peak of this number. There are more.
__device__ __forceinline__ unsigned
peak_of_number(const kt_cents_workspace &own, unsigned number)
{
    unsigned word = 0, left = number;
    for (unsigned n; left >= (n = (unsigned)__popc(own.peaks[word])); word++)
        left -= n;
    unsigned bits = own.peaks[word];
    for (; left; left--)
        bits &= bits - 1;
    return 32 * word + (unsigned)__ffs((int)bits) - 1;
}

__device__ __forceinline__ void
count(uint64_t *to, double cents, unsigned n, double weight)
{
    const double   at    = __dsub_rn(cents, __dmul_rn(floor(__ddiv_rn(cents, n)), n));
    const unsigned i     = min((unsigned)at, n - 1);
    const double   units = fmin(weight, KT_GPU_CENTS_MOST) / KT_GPU_CENTS_UNIT;
    atomicAdd((unsigned long long *)to + i, (unsigned long long)(units + 0.5));
}

// The largest power of a bin that may be a peak, the same in every thread. Begins and ends with a barrier.
__device__ __forceinline__ float
largest_power(kt_cents_workspace &own, const kt_cents_shape_t &shape, const float *power, const kt_thread &me)
{
    float largest = 0;
    __syncthreads();
    for (unsigned k = shape.first + me.t; k + 1 < shape.bins; k += me.threads)
        largest = power[k] > largest ? power[k] : largest;
    for (int d = 16; d; d >>= 1)
        largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, d));
    if (me.lane == 0)
        own.largest[me.warp] = largest;
    __syncthreads();
    for (unsigned w = 0; w < me.warps; w++)
        largest = fmaxf(largest, own.largest[w]);
    return largest;
}

__device__ __forceinline__ double
sum_of_all(kt_cents_workspace &own, double sum, const kt_thread &me)
{
    for (int d = 16; d; d >>= 1)
        sum += __shfl_xor_sync(FULL_WARP, sum, d);
    if (me.lane == 0)
        own.sum[me.warp] = sum;
    __syncthreads();
    sum = 0;
    for (unsigned w = 0; w < me.warps; w++)
        sum += own.sum[w];
    return sum;
}

// Counts the peaks of a power spectrum and returns their number, the same in every thread. Begins with a barrier;
// `power` may be written after the next one.
__device__ __forceinline__ unsigned
count_peaks(const kt_cuda_cents_t &of, kt_cents_workspace &own, const float *power, const kt_thread &me)
{
    enum { EACH = 2 };  // peaks of a thread at most: of a quarter of the bins every other one
    const kt_cents_shape_t &shape = of.shape;
    const float             least = fmaxf(largest_power(own, shape, power, me) * KT_CENTS_RANGE, KT_CENTS_FLOOR);
    const unsigned          words = (shape.bins - 1 - shape.first + 31) / 32;
    for (unsigned w = me.warp; w < words; w += me.warps) {
        const unsigned k = shape.first + 32 * w + me.lane;
        const bool     is_peak =
            k + 1 < shape.bins && power[k] > least && power[k] > power[k - 1] && power[k] >= power[k + 1];
        const unsigned bits = __ballot_sync(FULL_WARP, is_peak);
        if (me.lane == 0)
            own.peaks[w] = bits;
    }
    __syncthreads();
    unsigned n = 0;
    for (unsigned w = 0; w < words; w++)
        n += (unsigned)__popc(own.peaks[w]);

    kt_cents_peak peak[EACH] = {};
    double        sum        = 0;
#pragma unroll
    for (unsigned i = 0; i < EACH; i++)
        if (me.t + i * me.threads < n) {
            peak[i] = peak_at(shape, power, shape.first + peak_of_number(own, me.t + i * me.threads));
            sum += peak[i].weight;
        }
    sum                = sum_of_all(own, sum, me);
    const double scale = sum > 0 ? 1 / sqrt(sum) : 0;
#pragma unroll
    for (unsigned i = 0; i < EACH; i++)
        if (me.t + i * me.threads < n) {
            double weight = peak[i].weight * scale;
            count(of.counts->deviation, peak[i].cents + KT_CENTS_SEMITONE / 2.0, KT_CENTS_SEMITONE, weight);
            count(of.counts->own, peak[i].cents + KT_CENTS_A4, KT_CENTS, weight);
            for (unsigned h = 0; h < KT_CENTS_HARMONICS; h++, weight *= KT_CENTS_SHARE)
                count(of.counts->all, peak[i].cents + KT_CENTS_A4 - shape.harmonic[h], KT_CENTS, weight);
        }
    return n;
}

template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8) kt_cents_kernel(const __grid_constant__ kt_cuda_cents_t of)
{
    typedef kt_fft<float, POINTS> fft_t;
    const kt_thread               me    = kt_thread_here();
    kt_complex<float>            *cells = (kt_complex<float> *)kt_shared;
    float                        *power = (float *)(kt_shared + cells_bytes(POINTS) / 2);
    kt_cents_workspace           &own   = *(kt_cents_workspace *)(kt_shared + cells_bytes(POINTS));
    const unsigned                begin = blockIdx.x * RUN_FRAMES, end = min(begin + RUN_FRAMES, of.frames);
    kt_window<float>              window;
    fft_t                         fft;
    window.prepare(me.t, of.shape.n_fft);
    fft.prepare(me.t);
    for (unsigned f = begin; f < end; f++) {
        const kt_ring     frame = {(float *)of.pcm + (size_t)f * of.shape.hop, ~0u};
        kt_complex<float> z[8];
        auto              take = [&](unsigned k, float re, float im) {
            const float r = 0.25F * re, i = 0.25F * im;
            if (k < of.shape.bins)
                power[k] = fmaf(r, r, i * i);
        };
        window.template load<fft_t::THREADS>(frame, 0, me.t, z);
        fft.run(z, cells, me.t);
        kt_real_spectrum<float, POINTS>(z, cells, me.t, fft.real, take);
        const unsigned n = count_peaks(of, own, power, me);
        if (me.t == 0)
            of.peaks[f] = n;
    }
}

extern "C" kt_err_t
kt_cuda_cents(const kt_cuda_cents_t *self, cudaStream_t stream)
{
    const uint32_t points = self->shape.n_fft / 2, shared = cells_bytes(points) + sizeof(kt_cents_workspace);
    if (!kt_gpu_cents_has(&self->shape) || self->frames > INT32_MAX || self->shape.bins > points / 2)
        return KT_EINVAL;
    if (self->frames == 0)
        return KT_OK;
    const dim3 blocks(self->frames / RUN_FRAMES + (self->frames % RUN_FRAMES != 0));
    if (points == 4096)
        KT_LAUNCH(kt_cents_kernel<4096>, blocks, dim3(points / 8), shared, stream, *self);
    else
        KT_LAUNCH(kt_cents_kernel<2048>, blocks, dim3(points / 8), shared, stream, *self);
    return kt_launched();
}
