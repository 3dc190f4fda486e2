// Samples of a run in shared memory, and the spectrum of one frame of them: the first steps of both passes.
//
// A run's samples pass through a ring of n_fft, so each is read from global memory once per run; of the frames only the
// hop is new. The window is not a table: the eight samples of a thread are an eighth of a turn apart, so two roots per
// thread (for even and odd samples) are the whole window, in registers.
#pragma once

#include "kernels/cuda/fft.cuh"
#include "kernels/cuda/tables.h"

#include <cuda_pipeline_primitives.h>

// A thread's position in its block.
struct kt_thread {
    unsigned t, threads, lane, warp, warps;
};

__device__ __forceinline__ kt_thread
kt_thread_here(void)
{
    return {threadIdx.x, blockDim.x, threadIdx.x % 32, threadIdx.x / 32, blockDim.x / 32};
}

// The block's run, read from global memory by one warp and shared. Ends with a barrier.
__device__ __forceinline__ const kt_cuda_run_t &
kt_run_here(const kt_cuda_run_t *run, unsigned char *to, unsigned t)
{
    static_assert(sizeof(kt_cuda_run_t) == 40, "a run is ten words");
    if (t < sizeof *run / sizeof(uint32_t))
        ((uint32_t *)to)[t] = ((const uint32_t *)run)[t];
    __syncthreads();
    return *(const kt_cuda_run_t *)to;
}

struct kt_ring {
    float   *sample;
    unsigned mask;  // n_fft - 1

    __device__ __forceinline__ float at(unsigned i) const
    {
        return sample[i & mask];
    }

    // What frame f needs and the frame before did not bring, on its way until arrive: no thread waits for global memory
    // meanwhile, and no register holds a sample (from sm_80 on; older devices copy at once). It replaces samples of the
    // frame before, so the block's threads have read them, behind a barrier.
    __device__ __forceinline__ void fill(const float *pcm, unsigned f, unsigned hop, const kt_thread &me) const
    {
        const unsigned n = mask + 1, count = f == 0 || hop > n ? n : hop, from = f * hop + n - count;
        for (unsigned i = me.t; i < count; i += me.threads)
            __pipeline_memcpy_async(&sample[(from + i) & mask], &pcm[from + i], sizeof *sample);
        __pipeline_commit();
    }

    // The thread's own samples are there; those of the others behind the next barrier.
    __device__ __forceinline__ static void arrive(void)
    {
        __pipeline_wait_prior(0);
    }
};

// Twice the periodic Hann window: 1 - cos. Cosine and sine of the thread's first even and odd sample; the others are
// eighths of a turn away.
template <typename T> struct kt_window {
    kt_complex<T> first[2];  // cos, sin

    __device__ __forceinline__ void prepare(unsigned t, unsigned n_fft)
    {
        for (unsigned odd = 0; odd < 2; odd++)
            first[odd] = kt_root<T>(2 * t + odd, n_fft);
    }

    // The cosine i eighths further: the real part of the root turned as often.
    __device__ __forceinline__ T cosine(unsigned odd, unsigned i) const
    {
        const kt_complex<T> root = i & 1 ? kt_eighth(first[odd]) : first[odd];
        const T             part = i & 2 ? root.im : root.re;
        return i & 4 ? -part : part;
    }

    // The thread's eight complex values of the frame that begins at `begin`: even samples real, odd ones imaginary.
    template <int THREADS>
    __device__ __forceinline__ void load(const kt_ring &ring, unsigned begin, unsigned t, kt_complex<T> x[8]) const
    {
#pragma unroll
        for (unsigned i = 0; i < 8; i++) {
            const unsigned at   = begin + 2 * (t + i * THREADS);
            const T        even = ring.at(at), odd = ring.at(at + 1);
            x[i] = {fma(-cosine(0, i), even, even), fma(-cosine(1, i), odd, odd)};
        }
    }
};

// In float 1 - cos loses its digits at both ends of a frame, so there it is 2 sin^2 of half the angle: from the frame's
// begin for the first four of a thread's samples, from its end for the others, and every sum has terms of one sign.
template <> struct kt_window<float> {
    kt_complex<float> head[2], tail[2];  // cos, sin of half the angle of the first sample; of an eighth of pi less that

    __device__ __forceinline__ void prepare(unsigned t, unsigned n_fft)
    {
        for (unsigned odd = 0; odd < 2; odd++) {
            const float half = (float)(2 * t + odd) / (float)n_fft;  // exact: n_fft is a power of two
            head[odd]        = {cospif(half), sinpif(half)};
            tail[odd]        = {cospif(0.125f - half), sinpif(0.125f - half)};
        }
    }

    __device__ __forceinline__ float twice_hann(unsigned odd, unsigned i) const
    {
        constexpr float TURN[4][2] = {
            {1, 0}, {0.92387953f, 0.38268343f}, {0.70710678f, 0.70710678f}, {0.38268343f, 0.92387953f}};
        const unsigned           steps = i < 4 ? i : 7 - i;
        const kt_complex<float> &from  = i < 4 ? head[odd] : tail[odd];
        const float              sine  = fmaf(from.im, TURN[steps][0], from.re * TURN[steps][1]);
        return 2 * sine * sine;
    }

    template <int THREADS>
    __device__ __forceinline__ void load(const kt_ring &ring, unsigned begin, unsigned t, kt_complex<float> x[8]) const
    {
#pragma unroll
        for (unsigned i = 0; i < 8; i++) {
            const unsigned at = begin + 2 * (t + i * THREADS);
            x[i]              = {ring.at(at) * twice_hann(0, i), ring.at(at + 1) * twice_hann(1, i)};
        }
    }
};

// From the transform of even and odd samples to that of the frame; visit(k, re, im) gets each frequency once, four
// times too large (two by the window). The second half of `cells` is free for what it writes. Begins with a barrier.
template <typename T, int POINTS, typename Visit>
__device__ __forceinline__ void
kt_real_spectrum(const kt_complex<T> x[8], kt_complex<T> *cells, unsigned t, kt_complex<T> root, Visit &visit)
{
    typedef kt_fft<T, POINTS> fft;
    const kt_complex<T>       sixteenth = {(T)0.92387953251128675613, (T)-0.38268343236508977173};
    __syncthreads();
#pragma unroll
    for (unsigned i = 0; i < 4; i++)
        cells[fft::place(t + i * fft::THREADS)] = x[i + 4];
    __syncthreads();
#pragma unroll
    for (unsigned i = 0; i < 4; i++, root = kt_times(root, sixteenth)) {
        const unsigned      k = t + i * fft::THREADS;
        const kt_complex<T> a = x[i], b = k == 0 ? a : cells[fft::place(POINTS / 2 - k)];
        const T             er = a.re + b.re, ei = a.im - b.im, dr = a.re - b.re, di = a.im + b.im;
        const T             tr = fma(di, root.re, dr * root.im), ti = fma(di, root.im, -dr * root.re);
        visit(k, er + tr, ei + ti);
        visit(POINTS - k, er - tr, ti - ei);
    }
    if (t == 0)
        visit((unsigned)POINTS / 2, 2 * x[4].re, -2 * x[4].im);
}

// NumPy's |re + i im| in float, rounding by rounding, as the reference: on a flat spectrum the last bits decide where
// there are peaks.
__device__ __forceinline__ float
kt_magnitude(float re, float im)
{
    const float larger = fmaxf(fabsf(re), fabsf(im)), smaller = fminf(fabsf(re), fabsf(im));
    const float ratio = larger > 0 ? __fdiv_rn(smaller, larger) : 0;
    return __fsqrt_rn(fmaf(ratio, ratio, 1)) * larger;
}
