// Kernels that use shared memory wrongly.
#include "cases.h"

#include <cuda_pipeline_primitives.h>

__global__ void
no_barrier(float *out)
{
    __shared__ float row[64];
    row[threadIdx.x] = (float)threadIdx.x;
    out[threadIdx.x] = row[63 - threadIdx.x];
}

void
race_read_after_write(void)
{
    float *out = device_memory<float>(64);
    KT_LAUNCH(no_barrier, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

// The barrier at the end of the loop is missing: a fast warp overwrites what a slow one still reads.
__global__ void
no_second_barrier(float *out)
{
    __shared__ float row[128];
    float            sum = 0;
    for (int i = 0; i < 3; i++) {
        row[threadIdx.x] = (float)i;
        __syncthreads();
        sum += row[127 - threadIdx.x];
    }
    out[threadIdx.x] = sum;
}

void
race_write_after_read(void)
{
    float *out = device_memory<float>(128);
    KT_LAUNCH(no_second_barrier, 1, 128, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
all_write_one(int *out)
{
    __shared__ int flag;
    if (threadIdx.x % 32 == 0)
        flag = (int)threadIdx.x;
    __syncthreads();
    out[threadIdx.x] = flag;
}

void
race_two_writers(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(all_write_one, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
counts_and_reads(int *out)
{
    __shared__ int count;
    if (threadIdx.x == 0)
        count = 0;
    __syncthreads();
    if (threadIdx.x == 0 || threadIdx.x == 32)
        atomicAdd(&count, 1);
    if (threadIdx.x == 70)
        out[0] = count;
}

void
race_atomic_and_plain(void)
{
    int *out = device_memory<int>(1);
    KT_LAUNCH(counts_and_reads, 1, 96, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

// Lane 33 waits for lane 32, but not for lane 0, whose atomic came before.
__global__ void
counts_of_two_warps(int *out)
{
    __shared__ int count;
    if (threadIdx.x == 0)
        count = 0;
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        atomicAdd(&count, 1);
    __syncwarp();
    if (threadIdx.x == 33)
        out[0] = count;
}

void
race_with_an_atomic_before(void)
{
    int *out = device_memory<int>(1);
    KT_LAUNCH(counts_of_two_warps, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

template <int N, class T>
__device__ T
neighbour(T value)
{
    __shared__ T row[N];
    row[threadIdx.x] = value;
    return row[(threadIdx.x + 32) % N];
}

template <int N>
__global__ void
uses_template(double *out)
{
    out[threadIdx.x] = neighbour<N, double>((double)threadIdx.x);
}

void
race_in_template(void)
{
    double *out = device_memory<double>(64);
    KT_LAUNCH((uses_template<64>), 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
lanes_without_syncwarp(int *out)
{
    __shared__ int row[32];
    row[threadIdx.x] = (int)threadIdx.x;
    out[threadIdx.x] = row[threadIdx.x ^ 1];
}

void
warp_without_syncwarp(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(lanes_without_syncwarp, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

// A shuffle brings the lanes together, but orders no memory.
__global__ void
lanes_with_shuffle(int *out)
{
    __shared__ int row[32];
    row[threadIdx.x] = (int)threadIdx.x;
    int other        = __shfl_xor_sync(0xffffffffu, (int)threadIdx.x, 1);
    out[threadIdx.x] = row[other];
}

void
warp_synchronised_by_shuffle_alone(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(lanes_with_shuffle, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
halves(int *out)
{
    __shared__ int row[32];
    row[threadIdx.x] = (int)threadIdx.x;
    __syncwarp(threadIdx.x < 16 ? 0xffffu : 0xffff0000u);
    out[threadIdx.x] = row[31 - threadIdx.x];
}

void
warp_half_synchronised(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(halves, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
index_too_large(int *out, int shift)
{
    __shared__ int row[64];
    row[threadIdx.x + shift] = 1;
    __syncthreads();
    out[threadIdx.x] = row[threadIdx.x];
}

void
shared_index_too_large(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(index_too_large, 1, 64, 0, nullptr, out, 1);
    run_it();
    cudaFree(out);
}

__global__ void
column_too_large(int *out, int columns)
{
    __shared__ int tile[4][8];
    if (threadIdx.x == 0)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < columns; x++)
                tile[y][x] = x;
    __syncthreads();
    out[threadIdx.x] = tile[threadIdx.x / 8][threadIdx.x % 8];
}

void
shared_second_index_too_large(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(column_too_large, 1, 32, 0, nullptr, out, 9);
    run_it();
    cudaFree(out);
}

__device__ __noinline__ void
store(int *where, int value)
{
    *where = value;
}

// As far as the dynamic memory, of which the launch requests none.
__global__ void
pointer_too_far(int *out)
{
    __shared__ int row[64];
    long           far = (int *)kt_shared - row;
    store(row + (long)threadIdx.x + far, 1);
    __syncthreads();
    row[threadIdx.x] = (int)threadIdx.x;
    out[threadIdx.x] = row[threadIdx.x];
}

void
shared_pointer_too_far(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(pointer_too_far, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
dynamic_row(int *out)
{
    int *row         = (int *)kt_shared;
    row[threadIdx.x] = (int)threadIdx.x;
    __syncthreads();
    out[threadIdx.x] = row[threadIdx.x];
}

void
shared_dynamic_too_far(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(dynamic_row, 1, 64, 63 * sizeof(int), nullptr, out);
    run_it();
    cudaFree(out);
}

void
shared_dynamic_not_asked_for(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(dynamic_row, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
never_written(float *out)
{
    __shared__ float sums[8];
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = 1;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < 8; i++)
        sum += sums[i];
    out[threadIdx.x] = sum;
}

void
shared_uninitialised(void)
{
    float *out = device_memory<float>(64);
    KT_LAUNCH(never_written, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
counts_on(int *out)
{
    __shared__ int count;
    if (blockIdx.x == 0 && threadIdx.x == 0)
        count = 0;
    __syncthreads();
    if (threadIdx.x == 0)
        count += 1;
    __syncthreads();
    out[blockIdx.x] = count;
}

void
shared_of_the_block_before(void)
{
    int *out = device_memory<int>(4);
    KT_LAUNCH(counts_on, 4, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

// Samples come by asynchronous copies; what is missing depends on the case.
template <bool WAITS, bool BARRIER>
__global__ void
copies(float *out, const float *in)
{
    __shared__ float row[64];
    __pipeline_memcpy_async(&row[threadIdx.x], &in[threadIdx.x], sizeof *row);
    __pipeline_commit();
    if (WAITS)
        __pipeline_wait_prior(0);
    if (BARRIER)
        __syncthreads();
    out[threadIdx.x] = row[63 - threadIdx.x];
}

// The next samples set out while others still read the last ones.
template <bool BARRIER>
__global__ void
copies_ahead(float *out, const float *in)
{
    __shared__ float row[64];
    float            sum = 0;
    row[threadIdx.x]     = in[threadIdx.x];
    __syncthreads();
    for (unsigned i = 1; i < 4; i++) {
        sum += row[63 - threadIdx.x];
        if (BARRIER)
            __syncthreads();
        __pipeline_memcpy_async(&row[threadIdx.x], &in[64 * i + threadIdx.x], sizeof *row);
        __pipeline_commit();
        sum += 1;  // work that needs no sample
        __pipeline_wait_prior(0);
        __syncthreads();
    }
    out[threadIdx.x] = sum;
}

template <class KERNEL>
static std::vector<float>
run_copies(KERNEL kernel)
{
    std::vector<float> samples(256);
    for (size_t i = 0; i < samples.size(); i++)
        samples[i] = (float)i;
    float *in = device_copy(samples), *out = device_memory<float>(64);
    KT_LAUNCH(kernel, 1, 64, 0, nullptr, out, in);
    run_it();
    std::vector<float> got(64, -1.F);
    (void)cudaMemcpy(got.data(), out, 64 * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(in);
    cudaFree(out);
    return got;
}

void
copy_without_a_wait(void)
{
    (void)run_copies(copies<false, true>);
}

void
copy_seen_without_a_barrier(void)
{
    (void)run_copies(copies<true, false>);
}

void
copy_over_what_others_read(void)
{
    (void)run_copies(copies_ahead<false>);
}

void
right_copies_ahead(void)
{
    const std::vector<float> got = run_copies(copies_ahead<true>);
    for (int i = 0; i < 64; i++)
        EXPECT(got[i] == (float)(3 * (63 - i) + 64 + 128 + 3));
}
