// Statistics of columns: one kernel makes columns of the rows, as keys that order like the values; in the other one a
// block sorts one column and reads all ranks, exactly.
//
// The sort is by digits of eight bits, the lowest first, in global memory: a column of ten minutes (103 KB) and its
// copy do not fit the shared memory of most devices, and lie in the L2 cache of all of them. Each warp has a run of the
// column and goes through it in order, 32 keys at a time, so that equal digits keep their order.
#include "kernels/cuda/columns.h"
#include "kernels/cuda/launch.h"

enum {
    THREADS    = 256,
    WARPS      = THREADS / 32,
    DIGIT_BITS = 8,
    DIGITS     = 1 << DIGIT_BITS,
    PASSES     = 32 / DIGIT_BITS,  // even: the keys end where they began
    WIDE       = KT_GPU_ITEM_COLUMNS,
    FRAMES_MAX = 1 << 26
};
static_assert(DIGITS == THREADS && WIDE == 8, "a thread per digit, two loads of 16 bytes per frame");

static constexpr unsigned FULL_WARP = 0xffffffffu;

// The bits of a float as a number of the same order: negative ones turned over, positive ones above them.
__device__ __forceinline__ unsigned
key_of(float value)
{
    const unsigned bits = __float_as_uint(value);
    return bits ^ ((0u - (bits >> 31)) | 0x80000000u);
}

__device__ __forceinline__ double
value_of(unsigned key)
{
    return (double)__uint_as_float(key ^ (((key >> 31) - 1u) | 0x80000000u));
}

// A thread per frame (x) of an item (y).
__global__ void
__launch_bounds__(THREADS) kt_columns_kernel(const __grid_constant__ kt_cuda_columns_t of)
{
    const size_t frame = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (frame >= of.frames)
        return;
    const float4 *row = (const float4 *)(of.rows + blockIdx.y * of.item_floats + frame * of.frame_floats);
    const float4  low = row[0], high = row[1];
    const float   value[] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    uint32_t     *key     = of.keys + (size_t)blockIdx.y * WIDE * of.frames + frame;
#pragma unroll
    for (unsigned c = 0; c < WIDE; c++)
        key[(size_t)c * of.frames] = key_of(value[c]);
}

struct kt_column_workspace {
    unsigned count[WARPS][DIGITS];  // of each warp's run; then where its next key of the digit goes
    unsigned before[WARPS];
    double   partial[WARPS];
};

__device__ __forceinline__ unsigned
digit_of(unsigned key, unsigned pass)
{
    return key >> (pass * DIGIT_BITS) & (DIGITS - 1);
}

// Counts to places: by digit, then by warp.
__device__ __forceinline__ void
count_to_place(kt_column_workspace &own)
{
    const unsigned digit = threadIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    unsigned       all = 0;
    for (unsigned w = 0; w < WARPS; w++)
        all += own.count[w][digit];
    unsigned upto = all;
    for (unsigned d = 1; d < 32; d *= 2) {
        const unsigned below = __shfl_up_sync(FULL_WARP, upto, d);
        upto += lane >= d ? below : 0;
    }
    if (lane == 31)
        own.before[warp] = upto;
    __syncthreads();
    unsigned place = upto - all;
    for (unsigned w = 0; w < warp; w++)
        place += own.before[w];
    for (unsigned w = 0; w < WARPS; w++) {
        const unsigned count = own.count[w][digit];
        own.count[w][digit]  = place;
        place += count;
    }
}

__device__ __forceinline__ void
sort_pass(kt_column_workspace &own, const uint32_t *from, uint32_t *to, unsigned n, unsigned pass)
{
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, run = (n + THREADS - 1) / THREADS * 32;
    const unsigned begin = min(warp * run, n), end = min(begin + run, n);
    for (unsigned w = 0; w < WARPS; w++)
        own.count[w][threadIdx.x] = 0;
    __syncthreads();
    for (unsigned i = begin + lane; i < end; i += 32)
        atomicAdd(&own.count[warp][digit_of(from[i], pass)], 1U);
    __syncthreads();
    count_to_place(own);
    __syncthreads();
    for (unsigned i = begin; i < end; i += 32) {
        const bool     exists = i + lane < end;
        const unsigned key = exists ? from[i + lane] : 0, digit = exists ? digit_of(key, pass) : (unsigned)DIGITS;
        const unsigned same = __match_any_sync(FULL_WARP, digit), below = __popc(same & ((1U << lane) - 1));
        const unsigned place = exists ? own.count[warp][digit] : 0;
        __syncwarp();
        if (exists && below == 0)
            own.count[warp][digit] = place + __popc(same);
        __syncwarp();
        if (exists)
            to[place + below] = key;
    }
    __syncthreads();
}

// Sum over the column, the same in every thread: of values, or of squared distances from `centre`.
__device__ __forceinline__ double
sum_about(kt_column_workspace &own, const uint32_t *sorted, unsigned n, double centre, bool squared)
{
    double sum = 0;
    for (unsigned i = threadIdx.x; i < n; i += THREADS) {
        const double x = value_of(sorted[i]) - centre;
        sum += squared ? x * x : x;
    }
    for (int d = 16; d; d >>= 1)
        sum += __shfl_xor_sync(FULL_WARP, sum, d);
    __syncthreads();  // the sum before is read
    if (threadIdx.x % 32 == 0)
        own.partial[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (unsigned w = 0; w < WARPS; w++)
        sum += own.partial[w];
    return sum;
}

// As value_at_rank of kernels/audio/columns_ref.c, to the last bit: nothing is fused.
__device__ __forceinline__ double
value_at_rank(const uint32_t *sorted, unsigned n, double rank)
{
    const unsigned below = (unsigned)rank;
    const double   part = __dadd_rn(rank, -(double)below), low = value_of(sorted[below]);
    return below + 1 < n && part > 0 ? __dadd_rn(low, __dmul_rn(part, value_of(sorted[below + 1]) - low)) : low;
}

__global__ void
__launch_bounds__(THREADS) kt_column_kernel(const __grid_constant__ kt_cuda_columns_t of)
{
    __shared__ kt_column_workspace own;
    const unsigned                 n = of.frames, end = of.quantiles - 1;
    const size_t                   column = blockIdx.x;
    uint32_t                      *keys = of.keys + column * n, *other = of.other + column * n;
    for (unsigned pass = 0; pass < PASSES; pass += 2) {
        sort_pass(own, keys, other, n, pass);
        sort_pass(own, other, keys, n, pass + 1);
    }
    const double mean = sum_about(own, keys, n, 0, false) / n, m2 = sum_about(own, keys, n, mean, true);
    for (unsigned q = threadIdx.x; q <= end; q += THREADS)
        of.quantile[column * of.quantiles + q] =
            (float)value_at_rank(keys, n, __dmul_rn((double)q / end, (double)(n - 1)));
    if (threadIdx.x == 0)
        of.moments[column] = {mean, m2, value_of(keys[0]), value_of(keys[n - 1]),
                              value_at_rank(keys, n, 0.5 * (double)(n - 1))};
}

extern "C" kt_err_t
kt_cuda_columns(const kt_cuda_columns_t *self, cudaStream_t stream)
{
    const unsigned items = (self->columns + WIDE - 1) / WIDE;
    if (self->frames == 0 || self->frames > FRAMES_MAX || self->quantiles < 2 || items > UINT16_MAX)
        return KT_EINVAL;
    if (self->columns == 0)
        return KT_OK;
    KT_LAUNCH(kt_columns_kernel, dim3((self->frames + THREADS - 1) / THREADS, items), dim3(THREADS), 0, stream, *self);
    KT_LAUNCH(kt_column_kernel, dim3(self->columns), dim3(THREADS), 0, stream, *self);
    return kt_launched();
}
