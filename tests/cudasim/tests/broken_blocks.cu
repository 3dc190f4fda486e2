// Kernels whose blocks, and launches whose streams, use the same global memory with nothing between them.
#include "cases.h"

__global__ void
neighbours(float *values)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    values[i]        = values[(i + blockDim.x) % (gridDim.x * blockDim.x)] + 1;
}

void
blocks_read_what_another_wrote(void)
{
    float *values = device_copy(std::vector<float>(128, 1.f));
    KT_LAUNCH(neighbours, 4, 32, 0, nullptr, values);
    run_it();
    cudaFree(values);
}

__global__ void
write_one(unsigned *out)
{
    if (threadIdx.x == 0)
        out[blockIdx.x / 2] = blockIdx.x;
}

void
blocks_write_one_word(void)
{
    unsigned *out = device_memory<unsigned>(4);
    KT_LAUNCH(write_one, 8, 32, 0, nullptr, out);
    run_it();
    cudaFree(out);
}

__global__ void
count_and_read(unsigned *count, unsigned *out)
{
    if (threadIdx.x == 0) {
        out[blockIdx.x] = *count;
        atomicAdd(count, 1u);
    }
}

void
blocks_atomic_and_plain(void)
{
    unsigned *count = device_copy(std::vector<unsigned>(1, 0)), *out = device_memory<unsigned>(8);
    KT_LAUNCH(count_and_read, 8, 32, 0, nullptr, count, out);
    run_it();
    cudaFree(count);
    cudaFree(out);
}

__global__ void
last_without_a_fence(unsigned *parts, unsigned *done, unsigned *out)
{
    if (threadIdx.x)
        return;
    parts[blockIdx.x] = blockIdx.x;
    if (atomicInc(done, gridDim.x - 1) < gridDim.x - 1)
        return;
    *out = 0;
    for (unsigned i = 0; i < gridDim.x; i++)
        *out += parts[i];
}

void
blocks_last_without_a_fence(void)
{
    unsigned *parts = device_memory<unsigned>(8), *done = device_copy(std::vector<unsigned>(1, 0));
    unsigned *out = device_memory<unsigned>(1);
    KT_LAUNCH(last_without_a_fence, 8, 32, 0, nullptr, parts, done, out);
    run_it();
    cudaFree(parts);
    cudaFree(done);
    cudaFree(out);
}

// Through a place of its own of the scratch memory.
__global__ void
through_scratch(float *scratch, const float *in, float *out)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    scratch[i]       = 2 * in[i];
    __syncthreads();
    out[i] = scratch[blockIdx.x * blockDim.x + blockDim.x - 1 - threadIdx.x];
}

enum { BLOCKS = 64, N = BLOCKS * 32 };

static void
two_streams(bool one_scratch)
{
    cudaStream_t stream[2];
    float       *in = device_copy(std::vector<float>(N, 1.f)), *out[2], *scratch[2];
    for (int s = 0; s < 2; s++) {
        EXPECT(cudaStreamCreateWithFlags(&stream[s], cudaStreamNonBlocking) == cudaSuccess);
        out[s]     = device_memory<float>(N);
        scratch[s] = s == 0 || !one_scratch ? device_memory<float>(N) : scratch[0];
    }
    for (int s = 0; s < 2; s++)
        KT_LAUNCH(through_scratch, BLOCKS, 32, 0, stream[s], scratch[s], in, out[s]);
    run_it();
    for (int s = 0; s < 2; s++) {
        EXPECT(host_copy(out[s], N) == std::vector<float>(N, 2.f));
        EXPECT(cudaStreamDestroy(stream[s]) == cudaSuccess);
        cudaFree(out[s]);
        if (s == 0 || !one_scratch)
            cudaFree(scratch[s]);
    }
    cudaFree(in);
}

void
streams_share_scratch(void)
{
    two_streams(true);
}

void
right_streams_side_by_side(void)
{
    two_streams(false);
}

void
streams_copy_into_input_in_use(void)
{
    cudaStream_t stream[2];
    float       *in = device_copy(std::vector<float>(N, 1.f)), *out = device_memory<float>(N);
    float       *scratch = device_memory<float>(N), *next;
    EXPECT(cudaMallocHost(&next, N * sizeof *next) == cudaSuccess);
    for (int i = 0; i < N; i++)
        next[i] = 1;
    for (auto &s : stream)
        EXPECT(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess);
    KT_LAUNCH(through_scratch, BLOCKS, 32, 0, stream[0], scratch, in, out);
    EXPECT(cudaMemcpyAsync(in, next, N * sizeof *next, cudaMemcpyHostToDevice, stream[1]) == cudaSuccess);
    run_it();
    for (auto &s : stream)
        EXPECT(cudaStreamDestroy(s) == cudaSuccess);
    EXPECT(cudaFreeHost(next) == cudaSuccess);
    cudaFree(in);
    cudaFree(out);
    cudaFree(scratch);
}

__global__ void
write_a_byte(unsigned char *out)
{
    if (threadIdx.x == 0)
        out[blockIdx.x] = (unsigned char)blockIdx.x;
}

void
right_bytes_of_one_word(void)
{
    unsigned char *out = device_memory<unsigned char>(16);
    KT_LAUNCH(write_a_byte, 16, 32, 0, nullptr, out);
    const auto bytes = host_copy(out, 16);
    for (int i = 0; i < 16; i++)
        EXPECT(bytes[i] == i);
    cudaFree(out);
}
