#include "tests/bench/gpu_ceilings.h"

#include "kernels/cuda/launch.h"

#include <stdint.h>

extern "C" void gpu_must(bool holds, const char *what);

enum { REPEATS = 8, CHAINS = 8 };

// Independent chains of fused multiply-adds in each thread; the result is written, so that nothing is dropped.
template <typename T>
__global__ void
kt_chains_kernel(T *out, unsigned turns)
{
    T value[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        value[i] = (T)(threadIdx.x + i);
    for (unsigned turn = 0; turn < turns; turn++)
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            value[i] = fma(value[i], (T)0.999, (T)0.001);
    T sum = 0;
    for (int i = 0; i < CHAINS; i++)
        sum += value[i];
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__global__ void
kt_one_kernel(unsigned *out)
{
    *out = 1;
}

struct Clock {
    cudaEvent_t begin, end;

    Clock()
    {
        gpu_must(cudaEventCreate(&begin) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess, "events");
    }
    ~Clock()
    {
        (void)cudaEventDestroy(begin);
        (void)cudaEventDestroy(end);
    }
    // Seconds of one run: the mean of REPEATS after one that warms up.
    template <typename RUN> double seconds(RUN run)
    {
        float ms = 0;
        run();
        gpu_must(cudaEventRecord(begin, nullptr) == cudaSuccess, "event");
        for (int i = 0; i < REPEATS; i++)
            run();
        gpu_must(cudaEventRecord(end, nullptr) == cudaSuccess && cudaEventSynchronize(end) == cudaSuccess &&
                     cudaEventElapsedTime(&ms, begin, end) == cudaSuccess,
                 "event");
        return ms * 1e-3 / REPEATS;
    }
};

static double
rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

template <typename T>
static double
operations(Clock &clock, bool small)
{
    const unsigned threads = small ? 32 : 256, blocks = small ? 1 : 2048, turns = small ? 4 : 4096;
    T             *out = nullptr;
    gpu_must(cudaMalloc((void **)&out, (size_t)threads * blocks * sizeof *out) == cudaSuccess, "memory");
    const double s = clock.seconds([&] { KT_LAUNCH(kt_chains_kernel<T>, dim3(blocks), dim3(threads), 0, nullptr, out, turns); });
    gpu_must(cudaFree(out) == cudaSuccess, "memory");
    return rate(2.0 * CHAINS * turns * threads * blocks, s);
}

static double
memory_rate(Clock &clock, size_t bytes)
{
    char *from = nullptr, *to = nullptr;
    gpu_must(cudaMalloc((void **)&from, bytes) == cudaSuccess && cudaMalloc((void **)&to, bytes) == cudaSuccess &&
                 cudaMemset(from, 0, bytes) == cudaSuccess,
             "memory");
    const double s = clock.seconds(
        [&] { gpu_must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, nullptr) == cudaSuccess, "copy"); });
    gpu_must(cudaFree(from) == cudaSuccess && cudaFree(to) == cudaSuccess, "memory");
    return rate(2.0 * (double)bytes, s);
}

static void
bus_rates(Clock &clock, size_t bytes, double *to_device, double *to_host)
{
    char *host = nullptr, *device = nullptr;
    gpu_must(cudaHostAlloc((void **)&host, bytes, cudaHostAllocDefault) == cudaSuccess &&
                 cudaMalloc((void **)&device, bytes) == cudaSuccess,
             "memory");
    for (size_t i = 0; i < bytes; i++)
        host[i] = (char)i;
    double s = clock.seconds(
        [&] { gpu_must(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, nullptr) == cudaSuccess, "copy"); });
    *to_device = rate((double)bytes, s);
    s          = clock.seconds(
        [&] { gpu_must(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, nullptr) == cudaSuccess, "copy"); });
    *to_host = rate((double)bytes, s);
    gpu_must(cudaFreeHost(host) == cudaSuccess && cudaFree(device) == cudaSuccess, "memory");
}

static double
launch_seconds(Clock &clock)
{
    unsigned *out = nullptr;
    gpu_must(cudaMalloc((void **)&out, sizeof *out) == cudaSuccess, "memory");
    const double s = clock.seconds([&] {
        KT_LAUNCH(kt_one_kernel, dim3(1), dim3(1), 0, nullptr, out);
        gpu_must(cudaStreamSynchronize(nullptr) == cudaSuccess, "launch");
    });
    gpu_must(cudaFree(out) == cudaSuccess, "memory");
    return s;
}

extern "C" void
gpu_ceilings(bool small, gpu_ceilings_t *out)
{
    static const double COPIES[GPU_CEILING_COPIES] = {0.5e6, 8e6, 64e6};
    Clock               clock;
    *out                = {};
    out->memory_bytes_s = memory_rate(clock, small ? 4096 : (size_t)1 << 30);
    for (int i = 0; i < GPU_CEILING_COPIES; i++) {
        out->copy_bytes[i] = small ? 1024.0 * (i + 1) : COPIES[i];
        bus_rates(clock, (size_t)out->copy_bytes[i], &out->to_device_bytes_s[i], &out->to_host_bytes_s[i]);
    }
    out->fp32_s    = operations<float>(clock, small);
    out->fp64_s    = operations<double>(clock, small);
    out->launch_us = launch_seconds(clock) * 1e6;
}
