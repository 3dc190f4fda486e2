// Rows of a whole segment: decibels of mel (whose floor hangs on the segment's largest value), MFCC, onset envelope,
// contrast. One block per tile of up to 256 rows, in steps of eight: decibels of eight rows into shared memory beside
// the last row of the step before, then cosine sums (one thread per row and coefficient) and rises (one warp per row).
// Mel is read once and its decibels are never read back; sums and logarithms are in double, because a contrast or a
// high coefficient may be far smaller than what it is the difference of.
#include "kernels/cuda/rows.cuh"

enum { THREADS = 128, KT_TOP_DB = 80 };

// 10 log10(max(1e-10, x)); NaN stays NaN.
__device__ __forceinline__ double
kt_decibel(float x)
{
    return isnan(x) ? (double)x : 10 * log10((double)fmaxf(1e-10F, x));
}

__device__ __forceinline__ double
kt_lowest(const uint32_t *maxima, uint64_t segment, unsigned which)
{
    return kt_decibel(__uint_as_float(maxima[segment * KT_CUDA_MAXIMA + which])) - KT_TOP_DB;
}

__device__ __forceinline__ double
kt_at_least(double db, double low)
{
    return db < low ? low : db;
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
kt_cosines(const kt_cuda_tables_t &plan, const float *dct, const float *db, unsigned rows, uint64_t row, float *mfcc,
           unsigned t)
{
    for (unsigned i = t; i < rows * plan.n_mfcc; i += THREADS) {
        const unsigned r = i / plan.n_mfcc, c = i % plan.n_mfcc;
        double         sum = 0;
        for (unsigned m = 0; m < plan.n_mels; m++)
            sum = fma((double)dct[m * plan.n_mfcc + c], (double)db[r * KT_SEGMENT_STRIDE(plan.n_mels) + m], sum);
        mfcc[(row + r) * plan.n_mfcc + c] = (float)sum;
    }
}

__device__ __forceinline__ void
kt_tile_contrast(const kt_cuda_tile_t &tile, const kt_cuda_segment_rows_t &rows, unsigned t)
{
    const double   low_peak   = kt_lowest(rows.maxima, tile.segment, 1);
    const double   low_valley = kt_lowest(rows.maxima, tile.segment, 2);
    const uint64_t first      = (tile.row + tile.first) * KT_BANDS;
    for (uint64_t i = first + t; i < first + (uint64_t)tile.count * KT_BANDS; i += THREADS)
        rows.contrast[i] = (float)(kt_at_least(kt_decibel(rows.peak[i]), low_peak) -
                                   kt_at_least(kt_decibel(rows.valley[i]), low_valley));
}

// The tile's mel rows from `first` on, `count` of them, as decibels into shared memory and out.
__device__ __forceinline__ void
kt_tile_decibels(const kt_cuda_tables_t &plan, const kt_cuda_segment_rows_t &rows, uint64_t first, unsigned count,
                 double low, float *db, bool store, unsigned t)
{
    for (unsigned i = t; i < count * plan.n_mels; i += THREADS) {
        const float value = (float)kt_at_least(kt_decibel(rows.mel[first * plan.n_mels + i]), low);
        db[i / plan.n_mels * KT_SEGMENT_STRIDE(plan.n_mels) + i % plan.n_mels] = value;
        if (store && rows.mel_db)
            rows.mel_db[first * plan.n_mels + i] = value;
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
    const double low = kt_lowest(rows.maxima, tile.segment, 0);
    for (unsigned i = me.t; plan.segment_dct && rows.mfcc && i < plan.n_mels * plan.n_mfcc; i += THREADS)
        ((float *)(kt_shared + plan.segment_dct))[i] = plan.dct[i];
    if (tile.first > 0)
        kt_tile_decibels(plan, rows, tile.row + tile.first - 1, 1, low, halo, false, me.t);
    for (unsigned i = me.t; tile.first == 0 && rows.onset && i < min(shift, tile.rows); i += THREADS)
        rows.onset[tile.row + i] = 0;
    for (unsigned r = 0; r < tile.count; r += KT_SEGMENT_STEP) {
        const unsigned some = min((unsigned)KT_SEGMENT_STEP, tile.count - r), first = tile.first + r;
        kt_tile_decibels(plan, rows, tile.row + first, some, low, db, true, me.t);
        __syncthreads();
        if (rows.mfcc)
            kt_cosines(plan, dct, db, some, tile.row + first, rows.mfcc, me.t);
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
