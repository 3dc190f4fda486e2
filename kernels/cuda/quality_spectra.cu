// Facts of spectra: one thread block per frame, with the transform of the second pass (chroma.cu), in float. The powers
// stay in shared memory, where the samples were.
#include "kernels/cuda/quality.h"
#include "kernels/cuda/rows.cuh"

enum { OFFSET_BINS = 3, LOWEST_BIN = 8, REACH = 5, WARPS_MOST = 8 };  // as kernels/audio/spectrum_facts.c

struct kt_spectrum_workspace {
    double   sum[WARPS_MOST], total[WARPS_MOST], harmonics[WARPS_MOST], pitch;
    float    largest[WARPS_MOST];
    unsigned peak[WARPS_MOST];
};

// Position of a peak under a Hann window (kt_peak_position).
__device__ __forceinline__ double
peak_position(unsigned k, double before, double at, double after)
{
    const double alpha = sqrt(fmax(before, after) / at), off = (2 * alpha - 1) / (alpha + 1);
    return (double)k + (after > before ? off : -off);
}

// Sums of all bins and of those above the offset, the largest bin (of equal ones the lowest): by warps.
__device__ __forceinline__ void
sum_bins(kt_spectrum_workspace &own, const float *power, unsigned bins, const kt_thread &me)
{
    double   sum = 0, total = 0;
    float    largest = -1;
    unsigned peak    = LOWEST_BIN;
    for (unsigned k = me.t; k < bins; k += me.threads) {
        const float p = power[k];
        sum += p;
        total += k >= OFFSET_BINS ? p : 0;
        if (k >= LOWEST_BIN && k + 1 < bins && p > largest) {
            largest = p;
            peak    = k;
        }
    }
    for (int d = 16; d; d >>= 1) {
        const float    p     = __shfl_xor_sync(KT_FULL_WARP, largest, d);
        const unsigned k     = __shfl_xor_sync(KT_FULL_WARP, peak, d);
        const bool     other = p > largest || (p == largest && k < peak);
        largest              = other ? p : largest;
        peak                 = other ? k : peak;
    }
    sum   = kt_warp_sum(sum);
    total = kt_warp_sum(total);
    if (me.lane == 0) {
        own.sum[me.warp]     = sum;
        own.total[me.warp]   = total;
        own.largest[me.warp] = largest;
        own.peak[me.warp]    = peak;
    }
}

// By one thread: the position of the largest bin, if it may be a pitch; else 0.
__device__ __forceinline__ double
candidate(const kt_spectrum_workspace &own, const float *power, double total, unsigned warps)
{
    float    largest = own.largest[0];
    unsigned peak    = own.peak[0];
    for (unsigned w = 1; w < warps; w++)
        if (own.largest[w] > largest || (own.largest[w] == largest && own.peak[w] < peak)) {
            largest = own.largest[w];
            peak    = own.peak[w];
        }
    if (!(largest > 0.1 * total))
        return 0;
    const double bin = peak_position(peak, power[peak - 1], power[peak], power[peak + 1]);
    return bin >= LOWEST_BIN ? bin : 0;
}

// The power of a thread's harmonics (kt_harmonic_bins).
__device__ __forceinline__ double
harmonics_of(const float *power, unsigned bins, double bin, const kt_thread &me)
{
    const unsigned half = (unsigned)(bin / 2) - 1, reach = min(half, (unsigned)REACH);
    double         sum = 0;
    for (unsigned h = 1 + me.t;; h += me.threads) {
        const double   at    = round(bin * h);
        const unsigned first = (unsigned)at - reach, last = (unsigned)at + reach;
        if (!(at + reach < bins))
            return sum;
        for (unsigned k = first; k <= last; k++)
            sum += power[k];
    }
}

__device__ __forceinline__ double
total_of(const double *of_warps, unsigned warps)
{
    double sum = 0;
    for (unsigned w = 0; w < warps; w++)
        sum += of_warps[w];
    return sum;
}

// Frame x of piece y.
template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8) kt_spectra_kernel(const __grid_constant__ kt_cuda_spectra_t of)
{
    enum { N_FFT = 2 * POINTS, BINS = POINTS + 1, BANDS = POINTS / KT_SPECTRUM_BAND };
    typedef kt_fft<float, POINTS> fft_t;
    __shared__ kt_complex<float>     cells[POINTS + POINTS / fft_t::GAP_AFTER];
    __shared__ float                 samples[N_FFT];
    __shared__ kt_spectrum_workspace own;
    const kt_thread                  me    = kt_thread_here();
    const kt_cuda_piece_t           &piece = of.source.pieces[blockIdx.y];
    const uint32_t                   rate  = of.source.rate_hz;
    const uint64_t frame = kt_spectrum_next(piece.first, rate, N_FFT) + blockIdx.x, start = frame * rate / 4;
    const uint64_t end   = piece.first + piece.frames / KT_BLOCK_SAMPLES * KT_BLOCK_SAMPLES;
    const unsigned used  = of.source.channels < 2 ? 1 : 2;
    const size_t   place = (size_t)blockIdx.y * of.places + blockIdx.x;
    if (start + N_FFT > end)
        return;

    // What the transform has read is free for the powers.
    const float      *x = piece.planes + (frame % used) * of.source.stride + ((int64_t)start - (int64_t)piece.first);
    float            *power = samples;
    kt_complex<float> z[8];
    kt_window<float>  window;
    fft_t             fft;
    const kt_ring     ring = {samples, N_FFT - 1};
    window.prepare(me.t, N_FFT);
    fft.prepare(me.t);
    for (unsigned i = me.t; i < N_FFT; i += me.threads)
        samples[i] = x[i];
    __syncthreads();
    window.template load<fft_t::THREADS>(ring, 0, me.t, z);
    fft.run(z, cells, me.t);
    const float factor = (float)(1 / (0.375 * N_FFT));  // the mean square of the window
    auto        take   = [&](unsigned k, float re, float im) {
        const float r = 0.25F * re, i = 0.25F * im;
        power[k] = fmaf(r, r, i * i) * factor;
    };
    kt_real_spectrum<float, POINTS>(z, cells, me.t, fft.real, take);
    __syncthreads();

    sum_bins(own, power, BINS, me);
    __syncthreads();
    const double total = total_of(own.total, me.warps);
    if (me.t == 0)
        own.pitch = candidate(own, power, total, me.warps);
    __syncthreads();
    const double bin       = own.pitch;
    const double harmonics = kt_warp_sum(bin > 0 ? harmonics_of(power, BINS, bin, me) : 0.0);
    if (me.lane == 0)
        own.harmonics[me.warp] = harmonics;
    for (unsigned b = me.t; b < BANDS; b += me.threads) {
        const float *p              = power + b * KT_SPECTRUM_BAND;
        of.bands[place * BANDS + b] = ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
    }
    __syncthreads();
    if (me.t > 0)
        return;
    const bool sounds = total_of(own.sum, me.warps) >= KT_SPECTRUM_SILENCE * POINTS;
    const bool tonal  = sounds && bin > 0 && total_of(own.harmonics, me.warps) >= 0.9 * total;
    of.facts[place]   = {tonal ? bin : 0, sounds, 0};
}

extern "C" kt_err_t
kt_cuda_spectra(const kt_cuda_spectra_t *self, cudaStream_t stream)
{
    const kt_cuda_source_t &source = self->source;
    if (source.channels == 0 || source.n > UINT16_MAX || source.before + 1 < self->n_fft || source.rate_hz == 0)
        return KT_EINVAL;
    if (!kt_cuda_is_fused(self->n_fft) || (self->n_fft & (self->n_fft - 1)))
        return KT_EINVAL;
    if (source.n == 0)
        return KT_OK;
    KT_LAUNCH_BY_POINTS(kt_spectra_kernel, self->n_fft, dim3(self->places, source.n), 0, stream, *self);
    return kt_launched();
}
