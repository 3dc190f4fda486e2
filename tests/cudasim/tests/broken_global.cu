// Kernels that use global, local and host memory wrongly.
#include "cases.h"

#include <cassert>

__global__ void
fill(float *out, int n, float value)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        out[i] = value;
}

__global__ void
copy_shifted(float *out, const float *in, int shift)
{
    out[threadIdx.x] = in[(int)threadIdx.x + shift];
}

void
global_read_past_the_end(void)
{
    float *in = device_copy(std::vector<float>(33, 1.f)), *out = device_memory<float>(32);
    KT_LAUNCH(copy_shifted, 1, 32, 0, nullptr, out, in, 2);
    run_it();
    cudaFree(in);
    cudaFree(out);
}

void
global_write_past_the_end(void)
{
    float *out = device_memory<float>(1000);
    KT_LAUNCH(fill, 4, 256, 0, nullptr, out, 1001, 1.f);
    run_it();
    cudaFree(out);
}

void
global_write_before_the_beginning(void)
{
    float *out = device_memory<float>(64);
    KT_LAUNCH(fill, 1, 32, 0, nullptr, out - 1, 32, 1.f);
    run_it();
    cudaFree(out);
}

__global__ void
count_all(unsigned *bins, int n)
{
    atomicAdd(&bins[threadIdx.x % n], 1u);
}

void
global_atomic_past_the_end(void)
{
    unsigned *bins = device_copy(std::vector<unsigned>(16, 0));
    KT_LAUNCH(count_all, 1, 64, 0, nullptr, bins, 17);
    run_it();
    cudaFree(bins);
}

void
global_null(void)
{
    KT_LAUNCH(fill, 1, 32, 0, nullptr, (float *)nullptr, 32, 1.f);
    run_it();
}

void
global_use_after_free(void)
{
    float *out = device_memory<float>(32);
    cudaFree(out);
    KT_LAUNCH(fill, 1, 32, 0, nullptr, out, 32, 1.f);
    run_it();
}

void
global_freed_in_stream_order(void)
{
    cudaStream_t stream;
    float       *out = nullptr;
    cudaStreamCreate(&stream);
    cudaMallocAsync(&out, 32 * sizeof(float), stream);
    cudaFreeAsync(out, stream);
    KT_LAUNCH(fill, 1, 32, 0, stream, out, 32, 1.f);
    cudaStreamSynchronize(stream);
}

// A stream that doesn't wait for the default one: cudaFree comes while the kernel may not have begun.
void
global_freed_too_early(void)
{
    cudaStream_t streams[2];
    float       *out = device_memory<float>(32);
    cudaStreamCreateWithFlags(&streams[0], cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&streams[1], cudaStreamNonBlocking);
    cudaEvent_t event;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    KT_LAUNCH(fill, 1, 32, 0, streams[0], out, 32, 1.f);
    cudaFreeAsync(out, streams[1]);
    cudaStreamSynchronize(streams[1]);
    cudaStreamSynchronize(streams[0]);
}

void
global_uninitialised(void)
{
    float *in = device_memory<float>(32), *out = device_memory<float>(32);
    KT_LAUNCH(fill, 1, 32, 0, nullptr, in, 31, 1.f);
    KT_LAUNCH(copy_shifted, 1, 32, 0, nullptr, out, in, 0);
    run_it();
    cudaFree(in);
    cudaFree(out);
}

__global__ void
wide(float4 *out, const float *in)
{
    out[threadIdx.x] = *(const float4 *)(in + 4 * threadIdx.x + 1);
}

void
global_misaligned(void)
{
    float  *in  = device_copy(std::vector<float>(32, 1.f));
    float4 *out = device_memory<float4>(4);
    KT_LAUNCH(wide, 1, 4, 0, nullptr, out, in);
    run_it();
    cudaFree(in);
    cudaFree(out);
}

void
global_of_another_device(void)
{
    float *out = device_memory<float>(32);
    cudaSetDevice(1);
    KT_LAUNCH(fill, 1, 32, 0, nullptr, out, 32, 1.f);
    run_it();
    cudaSetDevice(0);
    cudaFree(out);
}

void
host_pointer_in_a_kernel(void)
{
    std::vector<float> out(32);
    KT_LAUNCH(fill, 1, 32, 0, nullptr, out.data(), 32, 1.f);
    run_it();
}

__device__ __noinline__ int
read_of(int *const *slot)
{
    return **slot;
}

__global__ void
lends_local(int *out)
{
    __shared__ int *slot;
    int             mine[2] = {(int)threadIdx.x, 1};
    if (threadIdx.x == 0)
        slot = mine;
    __syncthreads();
    out[threadIdx.x] = read_of(&slot) + mine[1];
}

void
local_of_another_thread(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(lends_local, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
local_array(int *out, int n)
{
    int row[4] = {1, 2, 3, 4};
    for (int i = 0; i < n; i++)
        row[i] += (int)threadIdx.x;
    out[threadIdx.x] = row[threadIdx.x % 4];
}

void
local_index_too_large(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(local_array, 1, 32, 0, nullptr, out, 5);
    run_it();
    cudaFree(out);
}

__device__ __noinline__ int
deep(int n, volatile int *seen)
{
    volatile int frame[64];
    frame[n % 64] = n;
    *seen         = frame[n % 64];
    return n ? deep(n - 1, seen) + frame[n % 64] : 0;
}

__global__ void
recursion(int *out, int n)
{
    int seen         = 0;
    out[threadIdx.x] = deep(n, &seen);
}

void
stack_too_deep(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(recursion, 1, 32, 0, nullptr, out, 1 << 20);
    run_it();
    cudaFree(out);
}

__global__ void
traps(int *out)
{
    if (threadIdx.x == 7)
        __trap();
    out[threadIdx.x] = 1;
}

void
trap_in_a_kernel(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(traps, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
asserts(int *out)
{
    assert(threadIdx.x < 7);
    out[threadIdx.x] = 1;
}

void
assert_in_a_kernel(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(asserts, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}
