// The complex transform of one frame, in registers and shared memory: POINTS values by POINTS/8 threads, eight values a
// thread, self-sorting (Stockham), so that no pass reorders.
//
// Radix 8 because it is the largest whose values and twiddles stay in registers, in double too: 1024 points are three
// radix-8 passes and one of radix 2, with three exchanges through shared memory instead of nine, and 4096 are four of
// radix 8 with as many. A pass of radix 8 is
// three of radix 2 with the twiddles w^4, w^2 and w; each butterfly a + wb, a - wb is six fused multiply-adds, and a
// thread keeps one root a pass (the others are its squares and eighths of a turn), so no table is read at all.
//
// One frame makes one transform: real samples are the even and odd part of half as many complex values. (Two frames as
// real and imaginary part would save the last step, but then a frame's last bits would depend on its neighbour's
// samples, and a NaN would spread to it.)
//
// In shared memory a gap of one value follows every 128 bytes, one row of banks: the first pass writes with stride 8,
// which without the gap would hit one bank group.
#pragma once

#include "kernels/cuda/launch.h"

template <typename T> struct __align__(2 * sizeof(T)) kt_complex
{
    T re, im;
};

template <typename T>
__device__ __forceinline__ kt_complex<T>
                           kt_times(kt_complex<T> a, kt_complex<T> b)
{
    return {fma(-a.im, b.im, a.re * b.re), fma(a.im, b.re, a.re * b.im)};
}

// Times -i: a quarter of a turn.
template <typename T>
__device__ __forceinline__ kt_complex<T>
                           kt_quarter(kt_complex<T> a)
{
    return {a.im, -a.re};
}

// exp(-2 pi i part / whole). Double on the way: the last bits of a float root would be in every frame.
template <typename T>
__device__ __forceinline__ kt_complex<T>
                           kt_root(unsigned part, unsigned whole)
{
    const double angle = 2.0 * (double)part / (double)whole;
    return {(T)cospi(angle), (T)-sinpi(angle)};
}

// a + wb and a - wb.
template <typename T>
__device__ __forceinline__ void
kt_step(kt_complex<T> &a, kt_complex<T> &b, kt_complex<T> w)
{
    const kt_complex<T> sum = {fma(-w.im, b.im, fma(w.re, b.re, a.re)), fma(w.im, b.re, fma(w.re, b.im, a.im))};
    b                       = {fma((T)2, a.re, -sum.re), fma((T)2, a.im, -sum.im)};
    a                       = sum;
}

// The same with w = 1.
template <typename T>
__device__ __forceinline__ void
kt_step_plain(kt_complex<T> &a, kt_complex<T> &b)
{
    const kt_complex<T> difference = {a.re - b.re, a.im - b.im};
    a                              = {a.re + b.re, a.im + b.im};
    b                              = difference;
}

template <typename T>
__device__ __forceinline__ void
kt_swap(kt_complex<T> &a, kt_complex<T> &b)
{
    const kt_complex<T> kept = a;
    a                        = b;
    b                        = kept;
}

// Four values with twiddles w^r; w2 is w squared. In and out in natural order.
template <typename T>
__device__ __forceinline__ void
kt_fft4(kt_complex<T> &x0, kt_complex<T> &x1, kt_complex<T> &x2, kt_complex<T> &x3, kt_complex<T> w, kt_complex<T> w2)
{
    kt_step(x0, x2, w2);
    kt_step(x1, x3, w2);
    kt_step(x0, x1, w);
    kt_step(x2, x3, kt_quarter(w));
    kt_swap(x1, x2);
}

// w times an eighth of a turn.
template <typename T>
__device__ __forceinline__ kt_complex<T>
                           kt_eighth(kt_complex<T> w)
{
    const T half = (T)0.70710678118654752440;
    return {half * (w.re + w.im), half * (w.im - w.re)};
}

// Two interleaved results of four, even and odd frequencies, to the natural order of eight.
template <typename T>
__device__ __forceinline__ void
kt_interleave(kt_complex<T> x[8])
{
    const kt_complex<T> x1 = x[1], x2 = x[2], x3 = x[3];
    x[1] = x[4], x[2] = x1, x[4] = x2, x[3] = x[5], x[5] = x[6], x[6] = x3;
}

// A root and its powers. exact: each from its angle, else by multiplication, which saves registers and costs a float
// some last bits.
template <typename T, bool exact> struct kt_roots {
    kt_complex<T> first, second, fourth;

    __device__ __forceinline__ void prepare(unsigned part, unsigned whole)
    {
        first = kt_root<T>(part, whole);
        if (exact) {
            second = kt_root<T>(part, whole / 2);
            fourth = kt_root<T>(part, whole / 4);
        }
    }
};

template <typename T, bool exact>
__device__ __forceinline__ void
kt_fft8(kt_complex<T> x[8], const kt_roots<T, exact> &root)
{
    const kt_complex<T> w = root.first, w2 = exact ? root.second : kt_times(w, w),
                        w4 = exact ? root.fourth : kt_times(w2, w2);
#pragma unroll
    for (int r = 0; r < 4; r++)
        kt_step(x[r], x[r + 4], w4);
    kt_fft4(x[0], x[1], x[2], x[3], w, w2);
    kt_fft4(x[4], x[5], x[6], x[7], kt_eighth(w), kt_quarter(w2));
    kt_interleave(x);
}

// w = 1: the first pass.
template <typename T>
__device__ __forceinline__ void
kt_fft8_plain(kt_complex<T> x[8])
{
    const kt_complex<T> one = {1, 0}, eighth = kt_eighth(one);
#pragma unroll
    for (int r = 0; r < 4; r++)
        kt_step_plain(x[r], x[r + 4]);
    kt_step_plain(x[0], x[2]);
    kt_step_plain(x[1], x[3]);
    kt_step_plain(x[0], x[1]);
    x[3] = kt_quarter(x[3]);
    kt_step_plain(x[2], x[3]);
    kt_swap(x[1], x[2]);
    x[6] = kt_quarter(x[6]);
    x[7] = kt_quarter(x[7]);
    kt_step_plain(x[4], x[6]);
    kt_step_plain(x[5], x[7]);
    kt_step(x[4], x[5], eighth);
    kt_step(x[6], x[7], kt_quarter(eighth));
    kt_swap(x[5], x[6]);
    kt_interleave(x);
}

// One thread's roots: of the second and third radix-8 pass, of the last one (only if exact), and of the step from
// complex to real.
template <typename T, int POINTS, bool exact = false> struct kt_fft {
    enum { THREADS = POINTS / 8, GAP_AFTER = 128 / (int)sizeof(kt_complex<T>) };
    kt_roots<T, exact> second, third;
    kt_complex<T>      last, real;

    __device__ __forceinline__ static unsigned place(unsigned i)
    {
        return i + i / GAP_AFTER;
    }

    __device__ __forceinline__ void prepare(unsigned t)
    {
        second.prepare(t % 8, 64);
        third.prepare(t % 64, 512);
        if (exact)
            last = kt_root<T>(t, POINTS);
        real = kt_root<T>(t, 2 * POINTS);
    }

    // Eight values to `first` + s * stride, and from there the eight of the next pass. The first barrier waits for
    // threads that still read the values of the pass before.
    __device__ __forceinline__ static void exchange(kt_complex<T> x[8], kt_complex<T> *cells, unsigned t,
                                                    unsigned first, unsigned stride)
    {
        __syncthreads();
#pragma unroll
        for (int s = 0; s < 8; s++)
            cells[place(first + (unsigned)s * stride)] = x[s];
        __syncthreads();
#pragma unroll
        for (int s = 0; s < 8; s++)
            x[s] = cells[place(t + (unsigned)s * THREADS)];
    }

    // The passes that remain after those of radix 8, on values that the thread already holds.
    __device__ __forceinline__ void finish(kt_complex<T> x[8])
    {
        const kt_complex<T> w = exact ? last : kt_times(real, real), eighth = kt_eighth(w);
        if (POINTS == 256 || POINTS == 2048) {
            const kt_complex<T> w2 = kt_times(w, w);
            kt_fft4(x[0], x[2], x[4], x[6], w, w2);
            kt_fft4(x[1], x[3], x[5], x[7], eighth, kt_quarter(w2));
        }
        if (POINTS == 4096) {
            kt_roots<T, false> root;
            root.first = w;
            kt_fft8(x, root);
        }
        if (POINTS == 1024) {
            kt_step(x[0], x[4], w);
            kt_step(x[1], x[5], eighth);
            kt_step(x[2], x[6], kt_quarter(w));
            kt_step(x[3], x[7], kt_quarter(eighth));
        }
    }

    // In: x[i] is value t + i * THREADS. Out: the same of the frequencies.
    __device__ __forceinline__ void run(kt_complex<T> x[8], kt_complex<T> *cells, unsigned t)
    {
        kt_fft8_plain(x);
        exchange(x, cells, t, 8 * t, 1);
        kt_fft8(x, second);
        exchange(x, cells, t, t / 8 * 64 + t % 8, 8);
        if (POINTS > 256)
            kt_fft8(x, third);
        if (POINTS > 512)
            exchange(x, cells, t, t / 64 * 512 + t % 64, 64);
        finish(x);
    }
};
