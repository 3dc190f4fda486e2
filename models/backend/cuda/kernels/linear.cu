// Convolutions that cuDNN does not take, matrix products and the LSTM: one thread a value (an LSTM: one block an item),
// sums in float in a fixed order. Written to be right; none is tiled.
#include "models/backend/cuda/kernels/grid.cuh"
#include "models/backend/cuda/kernels/launch_call.h"

// Where tap k of an axis reads for output `place`: -1 outside.
__device__ __forceinline__ int64_t
kt_source(const kt_conv_call_t &call, int axis, int64_t place, int64_t k)
{
    if (!call.transposed) {
        const int64_t at = place * call.stride[axis] - call.before[axis] + k * call.dilation[axis];
        return at >= 0 && at < call.in[axis] ? at : -1;
    }
    const int64_t distance = place + call.before[axis] - k;
    if (distance < 0 || distance % call.stride[axis] != 0)
        return -1;
    return distance / call.stride[axis] < call.in[axis] ? distance / call.stride[axis] : -1;
}

// Sum over one channel's kernel at one output place.
__device__ __forceinline__ float
kt_window(const kt_conv_call_t &call, const float *x, const float *w, const int64_t *place, float sum)
{
    for (int64_t kz = 0; kz < call.kernel[0]; kz++) {
        const int64_t z = kt_source(call, 0, place[0], kz);
        for (int64_t ky = 0; ky < call.kernel[1] && z >= 0; ky++) {
            const int64_t y = kt_source(call, 1, place[1], ky);
            for (int64_t kx = 0; kx < call.kernel[2] && y >= 0; kx++) {
                const int64_t at = kt_source(call, 2, place[2], kx);
                if (at >= 0)
                    sum = fmaf(x[(z * call.in[1] + y) * call.in[2] + at],
                               w[(kz * call.kernel[1] + ky) * call.kernel[2] + kx], sum);
            }
        }
    }
    return sum;
}

__global__ void
kt_conv_kernel(kt_conv_call_t call)
{
    const int64_t out = call.out[0] * call.out[1] * call.out[2], in = call.in[0] * call.in[1] * call.in[2],
                  taps = call.kernel[0] * call.kernel[1] * call.kernel[2], per_group = call.outputs / call.groups,
                  depth = call.channels / call.groups;
    KT_EACH(i, call.count)
    {
        const int64_t at = i % out, o = i / out % call.outputs, n = i / out / call.outputs,
                      first    = o / per_group * depth;
        const int64_t place[3] = {at / call.out[2] / call.out[1], at / call.out[2] % call.out[1], at % call.out[2]};
        float         sum      = call.bias ? call.bias[o] : 0;
        for (int64_t c = 0; c < depth; c++) {
            const int64_t filter = call.transposed ? (first + c) * per_group + o % per_group : o * depth + c;
            sum = kt_window(call, call.x + (n * call.channels + first + c) * in, call.w + filter * taps, place, sum);
        }
        if (call.residual)
            sum += call.residual[i];
        if (call.limited)
            sum = sum < 0 ? 0 : sum > call.high ? call.high : sum;
        call.y[i] = sum;
    }
}

extern "C" void
kt_launch_conv(const kt_conv_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_conv_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__global__ void
kt_matmul_kernel(kt_matmul_call_t call)
{
    KT_EACH(i, call.count)
    {
        const int64_t p = i % call.columns, row = i / call.columns, n = row / call.rows;
        const float  *a = call.a + row * call.depth, *b = call.b + n * call.depth * call.columns + p * call.per_column;
        float         sum = 0;
        for (int64_t k = 0; k < call.depth; k++)
            sum = fmaf(a[k], b[k * call.per_row], sum);
        call.y[i] = sum;
    }
}

extern "C" void
kt_launch_matmul(const kt_matmul_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_matmul_kernel, kt_grid(call->count), dim3(THREADS), 0, stream, *call);
}

__device__ __forceinline__ float
kt_dot(const float *a, const float *b, int64_t n, float sum)
{
    for (int64_t i = 0; i < n; i++)
        sum = fmaf(a[i], b[i], sum);
    return sum;
}

__device__ __forceinline__ float
kt_sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

// A block per item, a thread per unit; a step reads all of the one before, hence the barrier.
__global__ void
kt_lstm_kernel(kt_lstm_call_t call)
{
    const int64_t n = (int64_t)blockIdx.x, size = call.size;
    const float  *h = call.h + n * size, *x = call.x + n * call.steps * call.inputs;
    float        *y = call.y + n * call.steps * size, *c = call.c_out + n * size;
    for (int64_t unit = threadIdx.x; unit < size; unit += THREADS)
        c[unit] = call.c[n * size + unit];
    for (int64_t t = 0; t < call.steps; t++, x += call.inputs, h = y, y += size) {
        for (int64_t unit = threadIdx.x; unit < size; unit += THREADS) {
            float gates[4];  // i, f, g, o
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const int64_t row = k * size + unit;
                gates[k]          = kt_dot(call.r + row * size, h, size,
                                           kt_dot(call.w + row * call.inputs, x, call.inputs, call.b[row]));
            }
            const float state = kt_sigmoid(gates[1]) * c[unit] + kt_sigmoid(gates[0]) * tanhf(gates[2]);
            c[unit]           = state;
            y[unit]           = kt_sigmoid(gates[3]) * tanhf(state);
        }
        __syncthreads();
    }
    for (int64_t unit = threadIdx.x; unit < size; unit += THREADS)
        call.h_out[n * size + unit] = h[unit];
}

extern "C" void
kt_launch_lstm(const kt_lstm_call_t *call, cudaStream_t stream)
{
    KT_LAUNCH(kt_lstm_kernel, dim3((unsigned)call->items), dim3(THREADS), 0, stream, *call);
}
