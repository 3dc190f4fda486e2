// Rows of a whole segment: MFCC and onset envelope of the decibels of mel (whose floor hangs on the segment's largest
// value), bands of mel, contrast. One block per tile of up to 256 rows, in steps of eight: decibels of eight rows into
// shared memory beside the last row of the step before, then cosine sums (one thread per row and coefficient) and rises
// (one warp per row). Mel is read once and its decibels are never read back; cosine sums and logarithms are in pairs of
// floats, because a contrast or a high coefficient may be far smaller than what it is the difference of. In double they
// would take ten times as long as all else where doubles are slow, and where they are fast accesses of shared memory
// take as long as either.
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/twofloat.cuh"
#include "kernels/gpu/derived.h"

enum { THREADS = 128, KT_TOP_DB = 80 };

// 10 log10(max(1e-10, x)) within 5e-9; NaN stays NaN. Of the mantissa m, 0.7 to 1.4: 2 artanh((m - 1) / (m + 1)).
__device__ __forceinline__ kt_twofloat
kt_decibel(float x)
{
    // 10 log10(2), its upper part short enough for exact multiples, and 20 / ln(10).
    const float       high = 3.009765625F, low = 5.3433113e-4F;
    const kt_twofloat scale(8.685889638065035);
    x = x < 1e-10F ? 1e-10F : x;
    if (!(x < INFINITY))
        return x;
    const uint32_t bits     = __float_as_uint(x) - 0x3f3504f3U;  // of the square root of a half
    const float    exponent = (float)((int32_t)bits >> 23);
    const float    m        = __uint_as_float((bits & 0x007fffffU) + 0x3f3504f3U);
    const float    top = __fsub_rn(m, 1), bottom = __fadd_rn(m, 1), rest = __fsub_rn(m, __fsub_rn(bottom, 1));
    const float    ratio    = __fdiv_rn(top, bottom);
    const float    more     = __fdiv_rn(fmaf(-ratio, rest, fmaf(-ratio, bottom, top)), bottom);
    const float    s2       = __fmul_rn(ratio, ratio);
    float          tail     = fmaf(s2, 1.0F / 13, 1.0F / 11);
    tail                    = fmaf(s2, tail, 1.0F / 9);
    tail                    = fmaf(s2, tail, 1.0F / 7);
    tail                    = fmaf(s2, tail, 1.0F / 5);
    tail                    = fmaf(s2, tail, 1.0F / 3);
    const kt_twofloat first = scale * kt_twofloat(ratio, more);
    const float       lower = fmaf(exponent, low, fmaf(__fmul_rn(scale.hi, ratio), __fmul_rn(s2, tail), first.lo));
    return kt_twofloat_sum(__fmul_rn(exponent, high), first.hi, lower);
}

__device__ __forceinline__ kt_twofloat
kt_lowest(const uint32_t *maxima, uint64_t segment, unsigned which)
{
    return kt_decibel(__uint_as_float(maxima[segment * KT_CUDA_MAXIMA + which])) - kt_twofloat(KT_TOP_DB);
}

__device__ __forceinline__ kt_twofloat
kt_at_least(kt_twofloat db, kt_twofloat low)
{
    return db.hi < low.hi || (db.hi == low.hi && db.lo < low.lo) ? low : db;
}

// Row r of the segment against row r - 1 gives the envelope at r - 1 + shift.
__device__ __forceinline__ void
kt_rise(const kt_cuda_tables_t &plan, const kt_cuda_tile_t &tile, const float *before, const float *now, unsigned r,
        float *onset, unsigned lane)
{
    const unsigned shift = 1 + plan.n_fft / (2 * plan.hop);
    double         sum   = 0;
    for (unsigned i = lane; i < plan.n_mels; i += 32)
        sum += fmax(0.0, (double)(now[i] - before[i]));
    sum = kt_warp_sum(sum);
    if (lane == 0 && r - 1 + shift < tile.rows)
        onset[tile.row + r - 1 + shift] = (float)(sum / plan.n_mels);
}

__device__ __forceinline__ void
kt_cosines(const kt_cuda_tables_t &plan, const float *dct, const float *db, unsigned count, uint64_t row,
           const kt_cuda_segment_rows_t &rows, unsigned t)
{
    for (unsigned i = t; i < count * plan.n_mfcc; i += THREADS) {
        const unsigned r = i / plan.n_mfcc, c = i % plan.n_mfcc;
        kt_twofloat    sum = 0;
        for (unsigned m = 0; m < plan.n_mels; m++) {
            const float a = dct[m * plan.n_mfcc + c], x = db[r * KT_SEGMENT_STRIDE(plan.n_mels) + m];
            const float product = __fmul_rn(a, x);
            sum                 = kt_twofloat_sum(sum.hi, product, __fadd_rn(sum.lo, fmaf(a, x, -product)));
        }
        rows.mfcc[(row + r) * rows.mfcc_floats + c] = sum.hi;
    }
}

__device__ __forceinline__ void
kt_tile_contrast(const kt_cuda_tile_t &tile, const kt_cuda_segment_rows_t &rows, unsigned t)
{
    const kt_twofloat low_peak   = kt_lowest(rows.maxima, tile.segment, 1);
    const kt_twofloat low_valley = kt_lowest(rows.maxima, tile.segment, 2);
    const uint64_t    first      = tile.row + tile.first;
    for (unsigned i = t; i < tile.count * KT_BANDS; i += THREADS) {
        const uint64_t    at = first * KT_BANDS + i;
        const kt_twofloat db =
            kt_at_least(kt_decibel(rows.peak[at]), low_peak) - kt_at_least(kt_decibel(rows.valley[at]), low_valley);
        rows.contrast[(first + i / KT_BANDS) * rows.contrast_floats + i % KT_BANDS] = db.hi;
    }
}

// Of four neighbouring mel bands of one row, by the first of four lanes.
__device__ __forceinline__ float
kt_band_sum(float power)
{
    const float pair = power + __shfl_xor_sync(KT_FULL_WARP, power, 1);
    return pair + __shfl_xor_sync(KT_FULL_WARP, pair, 2);
}

// The tile's mel rows from `first` on, `count` of them, as decibels into shared memory, and their bands out. Whole
// warps go round, as lanes exchange values.
__device__ __forceinline__ void
kt_tile_decibels(const kt_cuda_tables_t &plan, const float *mel, unsigned count, kt_twofloat low, float *db,
                 float *bands, unsigned t)
{
    const unsigned n = count * plan.n_mels;
    for (unsigned at = 0; at < n; at += THREADS) {
        const unsigned i     = at + t;
        const float    power = i < n ? mel[i] : 0;
        if (i < n)
            db[i / plan.n_mels * KT_SEGMENT_STRIDE(plan.n_mels) + i % plan.n_mels] =
                kt_at_least(kt_decibel(power), low).hi;
        const float band = bands ? kt_band_sum(power) : 0;
        if (bands && i < n && i % KT_DERIVED_MELS == 0)
            bands[i / KT_DERIVED_MELS] = band;
    }
}

__global__ void
__launch_bounds__(THREADS)
    kt_segments_kernel(const __grid_constant__ kt_cuda_tables_t       plan, const kt_cuda_tile_t *__restrict__ tiles,
                       const __grid_constant__ kt_cuda_segment_rows_t rows)
{
    const kt_thread      me     = kt_thread_here();
    const kt_cuda_tile_t tile   = tiles[blockIdx.x];
    const unsigned       stride = KT_SEGMENT_STRIDE(plan.n_mels);
    float               *halo = (float *)kt_shared, *db = halo + stride;
    const float         *dct   = plan.segment_dct ? (float *)(kt_shared + plan.segment_dct) : plan.dct;
    const unsigned       shift = 1 + plan.n_fft / (2 * plan.hop);
    if (rows.contrast)
        kt_tile_contrast(tile, rows, me.t);
    if (!rows.mel)
        return;
    const kt_twofloat low = kt_lowest(rows.maxima, tile.segment, 0);
    for (unsigned i = me.t; plan.segment_dct && rows.mfcc && i < plan.n_mels * plan.n_mfcc; i += THREADS)
        ((float *)(kt_shared + plan.segment_dct))[i] = plan.dct[i];
    if (tile.first > 0)
        kt_tile_decibels(plan, rows.mel + (tile.row + tile.first - 1) * plan.n_mels, 1, low, halo, NULL, me.t);
    for (unsigned i = me.t; tile.first == 0 && rows.onset && i < min(shift, tile.rows); i += THREADS)
        rows.onset[tile.row + i] = 0;
    for (unsigned r = 0; r < tile.count; r += KT_SEGMENT_STEP) {
        const unsigned some = min((unsigned)KT_SEGMENT_STEP, tile.count - r), first = tile.first + r;
        const uint64_t at = (tile.row + first) * plan.n_mels;
        kt_tile_decibels(plan, rows.mel + at, some, low, db, rows.bands ? rows.bands + at / KT_DERIVED_MELS : NULL,
                         me.t);
        __syncthreads();
        if (rows.mfcc)
            kt_cosines(plan, dct, db, some, tile.row + first, rows, me.t);
        for (unsigned i = me.warp; rows.onset && i < some; i += me.warps)
            if (first + i > 0)
                kt_rise(plan, tile, db + i * stride - stride, db + i * stride, first + i, rows.onset, me.lane);
        __syncthreads();
        for (unsigned i = me.t; i < plan.n_mels; i += THREADS)
            halo[i] = db[(some - 1) * stride + i];
        __syncthreads();
    }
}

// Maxima of rows that the first pass did not make. One block per tile.
__global__ void
__launch_bounds__(THREADS)
    kt_maxima_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_tile_t *__restrict__ tiles,
                     const float *__restrict__ mel, const float *__restrict__ peak, const float *__restrict__ valley,
                     uint32_t *__restrict__ maxima)
{
    const kt_thread      me   = kt_thread_here();
    const kt_cuda_tile_t tile = tiles[blockIdx.x];
    for (unsigned which = 0; which < KT_CUDA_MAXIMA; which++) {
        const float   *x     = which == 0 ? mel : which == 1 ? peak : valley;
        const unsigned width = which == 0 ? plan.n_mels : (unsigned)KT_BANDS;
        float          most  = 0;
        x                    = x ? x + (tile.row + tile.first) * width : NULL;
        for (unsigned i = me.t; x && i < tile.count * width; i += THREADS)
            most = fmaxf(most, x[i]);
        most = kt_warp_max(most);
        if (me.lane == 0 && most > 0)
            atomicMax(maxima + (uint64_t)tile.segment * KT_CUDA_MAXIMA + which, __float_as_uint(most));
    }
}

extern "C" kt_err_t
kt_cuda_segments(const kt_cuda_plan_t *self, const kt_cuda_tile_t *tiles, size_t n, const kt_cuda_segment_rows_t *rows,
                 cudaStream_t stream)
{
    if (n > INT32_MAX)
        return KT_EINVAL;
    if (n == 0)
        return KT_OK;
    KT_LAUNCH(kt_segments_kernel, dim3((unsigned)n), dim3(THREADS), self->tables.segment_bytes, stream, self->tables,
              tiles, *rows);
    return kt_launched();
}

extern "C" kt_err_t
kt_cuda_maxima(const kt_cuda_plan_t *self, const kt_cuda_tile_t *tiles, size_t n, const float *mel, const float *peak,
               const float *valley, uint32_t *maxima, cudaStream_t stream)
{
    if (n > INT32_MAX)
        return KT_EINVAL;
    if (n == 0)
        return KT_OK;
    KT_LAUNCH(kt_maxima_kernel, dim3((unsigned)n), dim3(THREADS), 0, stream, self->tables, tiles, mel, peak, valley,
              maxima);
    return kt_launched();
}
