// Rows of one frame from its magnitudes in shared memory: each function is run by one warp, or by all threads where its
// comment says so. The sums of a frame are computed by every thread over its own bins and reduced once (kt_sums).
#pragma once

#include "kernels/cuda/frame.cuh"

#define KT_FULL_WARP 0xffffffffu

template <typename T>
__device__ __forceinline__ T
kt_warp_sum(T x)
{
    for (int d = 16; d; d >>= 1)
        x += __shfl_xor_sync(KT_FULL_WARP, x, d);
    return x;
}

__device__ __forceinline__ float
kt_warp_max(float x)
{
    for (int d = 16; d; d >>= 1)
        x = fmaxf(x, __shfl_xor_sync(KT_FULL_WARP, x, d));
    return x;
}

// --- sums over all bins, all samples ---------------------------------------------------------------------------------

// Moments in double: the bandwidth is a difference of squares, and a rounded sum would show. Powers and logarithms in
// float over the thread's own few bins, in double from there. The logarithm's whole part is an integer sum.
struct kt_sums {
    double   magnitude, first, second, squares;
    float    power, log2, largest;
    int      exponent;
    unsigned crossings;

    __device__ __forceinline__ void add(unsigned k, float m)
    {
        const double   s = m, ks = s * k;
        const float    p    = fmaxf(1e-10F, m * m);
        const unsigned bits = __float_as_uint(p);
        magnitude += s;
        first += ks;
        second = fma(ks, (double)k, second);
        power += p;
        exponent += (int)(bits >> 23) - 127;
        log2 += log2f(__uint_as_float((bits & 0x007fffffU) | 0x3f800000U));
        largest = fmaxf(largest, m);
    }

    // Within 1e-10 a sample counts as zero, and zero as positive.
    __device__ __forceinline__ static bool is_negative(float x)
    {
        return !(x >= -1e-10F && x <= 1e-10F) && __float_as_uint(x) >> 31;
    }

    // Samples begin .. begin + n of the run, from shared or global memory.
    template <typename Samples>
    __device__ __forceinline__ void add_wave(const Samples &samples, unsigned begin, unsigned n,
                                             const kt_cuda_run_t &run, const kt_thread &me)
    {
        for (unsigned i = me.t; i < n; i += me.threads) {
            const float x = samples.at(begin + i);
            squares       = fma((double)x, (double)x, squares);
            if (i > 0 && begin + i > run.real_begin && begin + i < run.real_end)
                crossings += is_negative(x) != is_negative(samples.at(begin + i - 1));
        }
    }

    // Into the warp's place in `partial`; the largest magnitude behind the sums.
    __device__ __forceinline__ void reduce(double *partial, const kt_thread &me) const
    {
        const double all[KT_SUMS] = {kt_warp_sum(magnitude),
                                     kt_warp_sum(first),
                                     kt_warp_sum(second),
                                     kt_warp_sum((double)power),
                                     kt_warp_sum((double)exponent + (double)log2),
                                     kt_warp_sum(squares),
                                     (double)kt_warp_sum(crossings)};
        const float  top          = kt_warp_max(largest);
        if (me.lane == 0) {
#pragma unroll
            for (int i = 0; i < KT_SUMS; i++)
                partial[me.warp * (KT_SUMS + 1) + i] = all[i];
            partial[me.warp * (KT_SUMS + 1) + KT_SUMS] = top;
        }
    }
};

// The frame's sums: lane i holds that of kind i % 8, which is the largest magnitude at KT_SUMS. By a whole warp.
struct kt_totals {
    double mine;

    __device__ __forceinline__ kt_totals(const double *partial, unsigned lane, unsigned warps)
    {
        static_assert(KT_SUMS + 1 == 8, "a quarter of a warp holds all kinds");
        const unsigned which = lane % 8;
        mine                 = 0;
        for (unsigned w = lane / 8; w < warps; w += 4)
            join(which, partial[w * 8 + which]);
        for (int d = 8; d < 32; d *= 2)
            join(which, __shfl_xor_sync(KT_FULL_WARP, mine, d));
    }

    __device__ __forceinline__ void join(unsigned which, double other)
    {
        mine = which == KT_SUMS ? fmax(mine, other) : mine + other;
    }

    __device__ __forceinline__ double of(int which) const
    {
        return __shfl_sync(KT_FULL_WARP, mine, which);
    }
};

// --- rolloff ---------------------------------------------------------------------------------------------------------

// Each lane sums a stretch of neighbouring bins (an odd number of them: no two lanes in one bank), a scan finds the
// stretch in which 85 % are reached, its lane the bin.
__device__ __forceinline__ void
kt_rolloff(const kt_cuda_tables_t &plan, const float *x, unsigned lane, float *out)
{
    const unsigned stretch = (plan.bins + 31) / 32 | 1, begin = lane * stretch;
    const unsigned end = begin + stretch < plan.bins ? begin + stretch : plan.bins;
    float          own = 0;
    for (unsigned k = begin; k < end; k++)
        own += x[k];
    float upto = own;
    for (unsigned d = 1; d < 32; d *= 2) {
        const float before = __shfl_up_sync(KT_FULL_WARP, upto, d);
        upto += lane >= d ? before : 0;
    }
    const float threshold = 0.85F * __shfl_sync(KT_FULL_WARP, upto, 31), before = __shfl_up_sync(KT_FULL_WARP, upto, 1);
    const unsigned reached = __ballot_sync(KT_FULL_WARP, upto >= threshold);
    if ((int)lane != __ffs((int)reached) - 1)
        return;
    float    sum = lane ? before : 0;
    unsigned k   = begin;
    for (unsigned i = begin; i + 1 < end; i++) {  // to the end without a jump: the reads do not wait for the sums
        sum += x[i];
        k += sum < threshold;
    }
    *out = (float)(k * plan.bin_hz);
}

// --- contrast --------------------------------------------------------------------------------------------------------

// Floats that are not negative are ordered as their bits; the complement turns "largest" into "smallest".
__device__ __forceinline__ unsigned
kt_key(float x, unsigned flip)
{
    return __float_as_uint(x) ^ flip;
}

// A sum, the smallest, the largest of a warp: one instruction from compute capability 8.0 on.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
__device__ __forceinline__ unsigned
kt_warp_count(unsigned x)
{
    return kt_warp_sum(x);
}

__device__ __forceinline__ unsigned
kt_warp_least(unsigned x)
{
    for (int d = 16; d; d >>= 1)
        x = min(x, __shfl_xor_sync(KT_FULL_WARP, x, d));
    return x;
}

__device__ __forceinline__ unsigned
kt_warp_most(unsigned x)
{
    return ~kt_warp_least(~x);
}
#else
__device__ __forceinline__ unsigned
kt_warp_count(unsigned x)
{
    return __reduce_add_sync(KT_FULL_WARP, x);
}

__device__ __forceinline__ unsigned
kt_warp_least(unsigned x)
{
    return __reduce_min_sync(KT_FULL_WARP, x);
}

__device__ __forceinline__ unsigned
kt_warp_most(unsigned x)
{
    return __reduce_max_sync(KT_FULL_WARP, x);
}
#endif

// The keys of a band, shared by the lanes of a warp: in registers, KEYS per lane, where they fit, because a selection
// reads each a dozen times; else in shared memory. `visit` sees the lane's keys; KT_NO_KEY is above all limits.
#define KT_NO_KEY 0xffffffffu

template <int KEYS> struct kt_keys_held {
    unsigned key[KEYS];

    __device__ __forceinline__ kt_keys_held(const float *x, unsigned count, unsigned flip, unsigned lane)
    {
#pragma unroll
        for (unsigned r = 0; r < KEYS; r++)
            key[r] = lane + 32 * r < count ? kt_key(x[lane + 32 * r], flip) : KT_NO_KEY;
    }

    template <typename Visit> __device__ __forceinline__ void each(Visit visit) const
    {
#pragma unroll
        for (int r = 0; r < KEYS; r++)
            visit(key[r]);
    }
};

struct kt_keys_shared {
    const float *x;
    unsigned     count, flip, lane;

    template <typename Visit> __device__ __forceinline__ void each(Visit visit) const
    {
        for (unsigned i = lane; i < count; i += 32)
            visit(kt_key(x[i], flip));
    }
};

// Mean of the n smallest keys' values without sorting: the n-th is found by halving the range of bit patterns between
// smallest and largest, most often within a dozen counts, and everything up to it is summed.
template <typename Keys>
__device__ __forceinline__ float
kt_mean_of_least(const Keys &keys, unsigned n, unsigned flip)
{
    unsigned low = 0x7fffffffU, high = 0, found = 0, below = 0;
    float    sum = 0;
    keys.each([&](unsigned key) {
        low  = min(low, key);
        high = key == KT_NO_KEY ? high : max(high, key);
    });
    low  = kt_warp_least(low);
    high = kt_warp_most(high);
    if (n == 1)
        return __uint_as_float(low ^ flip);
    while (low < high && found != n) {  // the n-th smallest key is in [low, high]
        const unsigned middle = low + (high - low) / 2;
        unsigned       mine   = 0;
        keys.each([&](unsigned key) { mine += key <= middle; });
        found = kt_warp_count(mine);
        if (found < n)
            low = middle + 1;
        else
            high = middle;
    }
    const unsigned end = found == n ? high + 1 : high;  // either all n are below, or `high` is one of several alike
    keys.each([&](unsigned key) {
        sum += key < end ? __uint_as_float(key ^ flip) : 0;
        below += key < end;
    });
    below = kt_warp_count(below);
    return (kt_warp_sum(sum) + (float)(n - below) * __uint_as_float(high ^ flip)) / (float)n;
}

// Mean of the n smallest (or largest) of count values.
__device__ __forceinline__ float
kt_extreme_mean(const float *x, unsigned count, unsigned n, bool largest, unsigned lane)
{
    const unsigned flip = largest ? 0x7fffffffU : 0;
    if (count <= 32)
        return kt_mean_of_least(kt_keys_held<1>(x, count, flip, lane), n, flip);
    if (count <= 4 * 32)
        return kt_mean_of_least(kt_keys_held<4>(x, count, flip, lane), n, flip);
    if (count <= 14 * 32)
        return kt_mean_of_least(kt_keys_held<14>(x, count, flip, lane), n, flip);
    return kt_mean_of_least(kt_keys_shared{x, count, flip, lane}, n, flip);
}

// --- mel -------------------------------------------------------------------------------------------------------------

// One thread a band, neighbouring bands in one warp as they are of like length. Returns the largest it made.
__device__ __forceinline__ float
kt_mel(const kt_cuda_tables_t &plan, const uint32_t *band, const float *weight, const float *x, float *out,
       const kt_thread &me)
{
    float top = 0;
    for (unsigned i = me.t; i < plan.n_mels; i += me.threads) {
        const unsigned first = band[2 * i] & 0xffffU, count = band[2 * i] >> 16;
        const float   *w = weight + band[2 * i + 1], *bin = x + first;
        float          even = 0, odd = 0;
        for (unsigned j = 0; j + 1 < count; j += 2) {
            even = fmaf(bin[j] * bin[j], w[j], even);
            odd  = fmaf(bin[j + 1] * bin[j + 1], w[j + 1], odd);
        }
        if (count % 2)
            even = fmaf(bin[count - 1] * bin[count - 1], w[count - 1], even);
        out[i] = even + odd;
        top    = fmaxf(top, even + odd);
    }
    return top;
}

// --- peaks for the tuning --------------------------------------------------------------------------------------------

// librosa's parabola through a peak and its neighbours, by its widths of float; no fusing, so that magnitudes and
// peaks are those of kt_spectral_peaks_add bit by bit.
__device__ __forceinline__ kt_gpu_peak_t
kt_peak_at(const kt_cuda_tables_t &plan, unsigned k, float before, float at, float after)
{
    const float  sum = __fadd_rn(after, before), difference = __fsub_rn(after, before);
    const double a = (double)sum - 2.0 * at, b = 0.5 * (double)difference;
    const float  shift = fabs(b) >= fabs(a) ? 0 : (float)(-b / a);
    return {__fadd_rn(at, __fmul_rn(__fmul_rn(0.5F, difference / 2), shift)),
            (float)(__dmul_rn((double)k + (double)shift, plan.rate_hz) / plan.n_fft)};
}

// By one warp: bins of peaks into `list` in their order, room in the output by one atomic addition, then the peaks.
__device__ __forceinline__ void
kt_peaks(const kt_cuda_tables_t &plan, const float *x, bool of_power, float top, uint16_t *list, uint64_t row,
         const kt_cuda_peaks_t &out, unsigned lane)
{
    const float threshold = 0.1F * (of_power ? __fmul_rn(top, top) : top);
    unsigned    count = 0, first = 0;
    for (unsigned from = plan.pitch_begin; from < plan.pitch_end; from += 32) {
        const unsigned k      = from + lane;
        bool           is_one = false;
        if (k < plan.pitch_end) {
            const float scale = of_power ? x[k] : 1, at = x[k] * scale;
            const float before = x[k - 1] * (of_power ? x[k - 1] : 1), after = x[k + 1] * (of_power ? x[k + 1] : 1);
            is_one = at > threshold && at > before && at >= after;
        }
        const unsigned found = __ballot_sync(KT_FULL_WARP, is_one);
        if (is_one)
            list[count + (unsigned)__popc(found & ((1U << lane) - 1))] = (uint16_t)k;
        count += (unsigned)__popc(found);
    }
    if (lane == 0)
        first = count ? atomicAdd(out.used, count) : 0;
    first = __shfl_sync(KT_FULL_WARP, first, 0);
    __syncwarp();
    count = first >= out.capacity ? 0 : min(count, out.capacity - first);
    if (lane == 0)
        out.slice[row] = {first, count};
    for (unsigned i = lane; i < count; i += 32) {
        const unsigned k      = list[i];
        const float    before = x[k - 1], at = x[k], after = x[k + 1];
        out.peak[first + i] = of_power ? kt_peak_at(plan, k, before * before, at * at, after * after)
                                       : kt_peak_at(plan, k, before, at, after);
    }
}
