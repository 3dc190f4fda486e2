// Kernels whose barriers and warp exchanges don't come together.
#include "cases.h"

__global__ void
branch(int *out)
{
    __shared__ int row[64];
    row[threadIdx.x] = 1;
    if (threadIdx.x < 32)
        __syncthreads();
    out[threadIdx.x] = row[threadIdx.x];
}

void
barrier_in_a_branch(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(branch, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
leaves_early(int *out, int n)
{
    if ((int)threadIdx.x >= n)
        return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

void
barrier_after_a_return(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(leaves_early, 1, 64, 0, nullptr, out, 60);
    run_it();
    cudaFree(out);
}

__global__ void
two_places(int *out)
{
    if (threadIdx.x < 32) {
        out[threadIdx.x] = 1;
        __syncthreads();
    } else {
        out[threadIdx.x] = 2;
        __syncthreads();
    }
}

void
barriers_at_two_places(void)
{
    int *out = device_memory<int>(64);
    KT_LAUNCH(two_places, 1, 64, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
barrier_and_shuffle(int *out)
{
    int value = (int)threadIdx.x;
    if (threadIdx.x == 5)
        __syncthreads();
    else
        value = __shfl_sync(0xffffffffu, value, 0);
    out[threadIdx.x] = value;
}

void
barrier_against_shuffle(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(barrier_and_shuffle, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
shuffles(int *out, unsigned mask, int lanes, int source)
{
    int value = (int)threadIdx.x;
    if ((int)threadIdx.x < lanes)
        value = __shfl_sync(mask, value, source);
    out[threadIdx.x] = value;
}

void
mask_without_the_caller(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(shuffles, 1, 32, 0, nullptr, out, 0xffffu, 17, 0);
    run_it();
    cudaFree(out);
}

void
mask_without_the_source(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(shuffles, 1, 32, 0, nullptr, out, 0xffffu, 16, 20);
    run_it();
    cudaFree(out);
}

__global__ void
shuffles_with_the_gone(int *out)
{
    if (threadIdx.x >= 24)
        return;
    out[threadIdx.x] = __shfl_down_sync(0xffffffffu, (int)threadIdx.x, 8);
}

void
mask_with_a_lane_that_left(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(shuffles_with_the_gone, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
lanes_disagree(int *out)
{
    unsigned mask    = threadIdx.x < 16 ? 0xffffffffu : 0x0fffffffu;
    int      value   = threadIdx.x < 28 ? __shfl_xor_sync(mask, (int)threadIdx.x, 1) : 0;
    out[threadIdx.x] = value;
}

void
mask_of_lanes_that_disagree(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(lanes_disagree, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
sum_of_warp(int *out)
{
    int sum = 1;
    for (int d = 16; d; d >>= 1)
        sum += __shfl_down_sync(0xffffffffu, sum, d);
    out[threadIdx.x] = sum;
}

void
mask_for_a_short_warp(void)
{
    int *out = device_memory<int>(48);
    KT_LAUNCH(sum_of_warp, 1, 48, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
waits_for_nobody(int *flag)
{
    while (atomicAdd(flag, 0) == 0)
        ;
}

void
spin_for_ever(void)
{
    int *flag = device_copy(std::vector<int>(1, 0));
    KT_LAUNCH(waits_for_nobody, 1, 32, 0, nullptr, flag);
    run_it();
    cudaFree(flag);
}

// Lane 0 waits for 1, 1 for 2, 2 for 0.
__global__ void
a_ring(int *out)
{
    if (threadIdx.x < 3)
        __syncwarp(1u << threadIdx.x | 1u << (threadIdx.x + 1) % 3);
    out[threadIdx.x] = 1;
}

void
lanes_wait_for_each_other(void)
{
    int *out = device_memory<int>(32);
    KT_LAUNCH(a_ring, 1, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}
