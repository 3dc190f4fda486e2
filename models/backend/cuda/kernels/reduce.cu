// Pooling, reductions, normalisation, tags and histograms. One thread reduces one value or row in a fixed order, sums in
// double; a histogram is one block, which counts in integers.
#include "models/backend/cuda/kernels/grid.cuh"
#include "models/backend/cuda/kernels/launch_call.h"

#include <math.h>

__device__ __forceinline__ float
kt_pool(const kt_pool_call_t &call, const float *x, const int64_t *place)
{
    int64_t begin[3], end[3], size = 1;
    float   most = -INFINITY;
    double  sum  = 0;
#pragma unroll
    for (int i = 0; i < 3; i++) {
        const int64_t from = place[i] * call.stride[i] - call.before[i];
        int64_t       to   = from + call.kernel[i];
        to                 = to < call.in[i] + call.after[i] ? to : call.in[i] + call.after[i];
        begin[i]           = from > 0 ? from : 0;
        end[i]             = to < call.in[i] ? to : call.in[i];
        size *= call.include_pad ? to - from : end[i] - begin[i];
    }
    for (int64_t z = begin[0]; z < end[0]; z++)
        for (int64_t y = begin[1]; y < end[1]; y++)
            for (int64_t at = begin[2]; at < end[2]; at++) {
                const float value = x[(z * call.in[1] + y) * call.in[2] + at];
                most              = value > most ? value : most;
                sum += (double)value;
            }
    return call.maximum ? most : (float)(sum / (double)size);
}

__global__ void
kt_pool_kernel(kt_pool_call_t call)
{
    const int64_t out = call.out[0] * call.out[1] * call.out[2], in = call.in[0] * call.in[1] * call.in[2];
    KT_EACH(i, call.count)
    {
        const int64_t at       = i % out;
        const int64_t place[3] = {at / call.out[2] / call.out[1], at / call.out[2] % call.out[1], at % call.out[2]};
        call.y[i]              = kt_pool(call, call.x + i / out * in, place);
    }
}

extern "C" void
kt_launch_pool(const kt_pool_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_pool_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_reduce_kernel(kt_reduce_call_t call)
{
    KT_EACH(i, call.kept.count)
    {
        const float *x    = call.x + kt_offset(i, call.kept.rank, call.kept.dims, call.kept.strides);
        double       sum  = 0;
        float        most = -INFINITY;
        for (int64_t k = 0; k < call.reduced.count; k++) {
            const float value = x[kt_offset(k, call.reduced.rank, call.reduced.dims, call.reduced.strides)];
            sum += (double)value;
            most = value > most ? value : most;
        }
        call.y[i] = call.op == KT_OP_RMAX    ? most
                    : call.op == KT_OP_RMEAN ? (float)(sum / (double)call.reduced.count)
                                             : (float)sum;
    }
}

extern "C" void
kt_launch_reduce(const kt_reduce_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_reduce_kernel, kt_grid(call->kept.count), dim3(THREADS), 0, stream, *call);
}

__device__ __forceinline__ void
kt_softmax_row(const kt_rows_call_t &call, const float *x, float *y)
{
    float  most = -INFINITY;
    double sum  = 0;
    for (int64_t i = 0; i < call.size; i++)
        most = x[i * call.inner] > most ? x[i * call.inner] : most;
    for (int64_t i = 0; i < call.size; i++)
        sum += (double)expf(x[i * call.inner] - most);
    for (int64_t i = 0; i < call.size; i++)
        y[i * call.inner] = (float)((double)expf(x[i * call.inner] - most) / sum);
}

__device__ __forceinline__ void
kt_l2_row(const kt_rows_call_t &call, const float *x, float *y)
{
    double sum = 0;
    for (int64_t i = 0; i < call.size; i++)
        sum += (double)x[i * call.inner] * (double)x[i * call.inner];
    const double norm = sqrt(sum) > (double)call.epsilon ? sqrt(sum) : (double)call.epsilon;
    for (int64_t i = 0; i < call.size; i++)
        y[i * call.inner] = (float)((double)x[i * call.inner] / norm);
}

__device__ __forceinline__ void
kt_layer_norm_row(const kt_rows_call_t &call, const float *x, float *y)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < call.size; i++)
        sum += (double)x[i];
    const double mean = sum / (double)call.size;
    for (int64_t i = 0; i < call.size; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double factor = 1 / sqrt(squares / (double)call.size + (double)call.epsilon);
    for (int64_t i = 0; i < call.size; i++)
        y[i] = (float)(((double)x[i] - mean) * factor * (call.scale ? (double)call.scale[i] : 1) +
                       (call.shift ? (double)call.shift[i] : 0));
}

__global__ void
kt_rows_kernel(kt_rows_call_t call)
{
    KT_EACH(i, call.rows)
    {
        const int64_t at = i / call.inner * call.size * call.inner + i % call.inner;
        if (call.op == KT_OP_SOFTMAX)
            kt_softmax_row(call, call.x + at, call.y + at);
        else if (call.op == KT_OP_L2NORM)
            kt_l2_row(call, call.x + at, call.y + at);
        else
            kt_layer_norm_row(call, call.x + at, call.y + at);
    }
}

extern "C" void
kt_launch_rows(const kt_rows_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_rows_kernel, kt_grid(call->rows), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_tags_kernel(kt_tags_call_t call)
{
    KT_EACH(i, call.count)
    {
        const int64_t m = i % call.outputs;
        const float  *x = call.x + i / call.outputs * call.depth, *w = call.w + m * call.depth;
        double        none = 1;
        float         most = call.floor ? call.floor[m] : 0;
        for (int64_t k = 0; k < call.depth; k++) {
            none *= 1 - (double)w[k] * (double)x[k];
            most = w[k] * x[k] > most ? w[k] * x[k] : most;
        }
        call.y[i] = call.op == KT_OP_NOISYOR ? (float)(1 - none) : most;
    }
}

extern "C" void
kt_launch_tags(const kt_tags_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_tags_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

enum { BINS = 512 };

// The three upper bits of a colour of 0..255.
__device__ __forceinline__ int
kt_bin(float value)
{
    return value >= 255 ? 7 : value > 0 ? (int)value >> 5 : 0;
}

__global__ void
kt_histogram_kernel(kt_histogram_call_t call)
{
    __shared__ unsigned counts[BINS];
    const int64_t       picture = (int64_t)blockIdx.x;
    const float *red = call.x + (picture / call.frames * 3 * call.frames + picture % call.frames) * call.pixels,
                *green = red + call.frames * call.pixels, *blue = green + call.frames * call.pixels;
    for (unsigned i = threadIdx.x; i < BINS; i += THREADS)
        counts[i] = 0;
    __syncthreads();
    for (int64_t p = threadIdx.x; p < call.pixels; p += THREADS)
        atomicAdd(&counts[kt_bin(red[p]) << 6 | kt_bin(green[p]) << 3 | kt_bin(blue[p])], 1U);
    __syncthreads();
    for (unsigned i = threadIdx.x; i < BINS; i += THREADS)
        call.y[picture * BINS + i] = (float)counts[i];
}

extern "C" void
kt_launch_histogram(const kt_histogram_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_histogram_kernel, dim3((unsigned)call->pictures), dim3(THREADS), 0, stream, *call);
}
