// A thread per value: operators of one and of two values, per channel, and those that move values.
#include "models/backend/cuda/kernels/grid.cuh"
#include "models/backend/cuda/kernels/launch_call.h"

// min and max that pass a NaN on.
__device__ __forceinline__ float
kt_limit(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

__device__ __forceinline__ float
kt_unary(const kt_unary_call_t &call, float x)
{
    switch (call.op) {
    case KT_OP_RELU: return x < 0 ? 0 : x;
    case KT_OP_CLIP: return kt_limit(x, call.low, call.high);
    case KT_OP_SIGMOID: return 1 / (1 + expf(-x));
    case KT_OP_TANH: return tanhf(x);
    case KT_OP_SILU: return x / (1 + expf(-x));
    case KT_OP_GELU: return x * (1 + erff(x * 0.70710678118654752f)) / 2;
    case KT_OP_HSIGMOID: return kt_limit(fmaf(call.alpha, x, call.beta), 0, 1);
    case KT_OP_HSWISH: return x * kt_limit(x + 3, 0, 6) / 6;
    case KT_OP_EXP: return expf(x);
    case KT_OP_LOG: return logf(x);
    case KT_OP_SQRT: return sqrtf(x);
    case KT_OP_POW: return powf(x, call.exponent);
    default: return fmaf(call.alpha, x, call.beta);  // KT_OP_AFFINE
    }
}

__global__ void
kt_unary_kernel(kt_unary_call_t call)
{
    KT_EACH(i, call.count)
    call.y[i] = kt_unary(call, call.x[i]);
}

extern "C" void
kt_launch_unary(const kt_unary_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_unary_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_channel_kernel(kt_channel_call_t call)
{
    KT_EACH(i, call.count)
    {
        const int64_t c = i / call.inner % call.size;
        const float   x = call.x[i];
        if (call.op == KT_OP_SCALE)
            call.y[i] = fmaf(x, call.factor[c], call.shift[c]);
        else
            call.y[i] = x > 0 ? x : call.factor[c] * x;
    }
}

extern "C" void
kt_launch_channel(const kt_channel_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_channel_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_pair_kernel(kt_pair_call_t call)
{
    KT_EACH(i, call.count)
    {
        const float a = call.a[kt_offset(i, call.rank, call.dims, call.stride_a)],
                    b = call.b[kt_offset(i, call.rank, call.dims, call.stride_b)];
        call.y[i]     = call.op == KT_OP_ADD   ? a + b
                        : call.op == KT_OP_SUB ? a - b
                        : call.op == KT_OP_MUL ? a * b
                                               : a / b;
    }
}

extern "C" void
kt_launch_pair(const kt_pair_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_pair_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_copy_kernel(kt_copy_call_t call)
{
    KT_EACH(i, call.count)
    call.y[kt_offset(i, call.rank, call.dims, call.to)] = call.x[kt_offset(i, call.rank, call.dims, call.from)];
}

extern "C" void
kt_launch_copy(const kt_copy_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_copy_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_pad_kernel(kt_pad_call_t call)
{
    KT_EACH(i, call.count)
    {
        const int64_t row  = i / call.inner;
        int64_t       from = row % call.size_out - call.before;
        if (call.reflect)
            from = from < 0 ? -from : from >= call.size_in ? 2 * (call.size_in - 1) - from : from;
        const bool inside = from >= 0 && from < call.size_in;
        call.y[i] = inside ? call.x[(row / call.size_out * call.size_in + from) * call.inner + i % call.inner] : 0;
    }
}

extern "C" void
kt_launch_pad(const kt_pad_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_pad_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_band_kernel(kt_band_call_t call)
{
    const int64_t wide = 2 * call.width + 1;
    KT_EACH(i, call.count)
    {
        const int64_t row = i / wide, at = row % call.size + i % wide - call.width;
        call.y[i] = at >= 0 && at < call.size ? call.x[row * call.size + at] : 0;
    }
}

extern "C" void
kt_launch_band(const kt_band_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_band_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}
