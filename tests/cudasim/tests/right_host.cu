// Host code that is right, and the simulator's own counters and faults.
#include "cases.h"
#include "tests/cudasim/cudasim.h"

#include <cmath>
#include <cublas_v2.h>
#include <cufft.h>

__global__ void
scale(float *out, const float *in, int n, float by)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        out[i] = by * in[i];
}

// Two slots, each with its pinned buffer and stream: a slot is used again after its event.
void
right_pipeline(void)
{
    const int    n = 3000;
    cudaStream_t streams[2];
    cudaEvent_t  done[2];
    float       *pinned[2], *in[2], *out[2];
    for (int s = 0; s < 2; s++) {
        cudaStreamCreateWithFlags(&streams[s], cudaStreamNonBlocking);
        cudaEventCreateWithFlags(&done[s], cudaEventDisableTiming);
        cudaMallocHost(&pinned[s], n * sizeof(float));
        in[s] = device_memory<float>(n), out[s] = device_memory<float>(n);
    }
    for (int i = 0; i < 7; i++) {
        int s = i % 2;
        EXPECT(cudaEventSynchronize(done[s]) == cudaSuccess);
        for (int j = 0; i >= 2 && j < n; j += 100)
            EXPECT(pinned[s][j] == 2 * (float)(j + i - 2));
        for (int j = 0; j < n; j++)
            pinned[s][j] = (float)(j + i);
        cudaMemcpyAsync(in[s], pinned[s], n * sizeof(float), cudaMemcpyHostToDevice, streams[s]);
        KT_LAUNCH(scale, 12, 256, 0, streams[s], out[s], in[s], n, 2.f);
        cudaMemcpyAsync(pinned[s], out[s], n * sizeof(float), cudaMemcpyDeviceToHost, streams[s]);
        EXPECT(cudaEventRecord(done[s], streams[s]) == cudaSuccess);
    }
    for (int s = 0; s < 2; s++) {
        EXPECT(cudaStreamSynchronize(streams[s]) == cudaSuccess);
        EXPECT(pinned[s][1] == 2 * (float)(1 + (s ? 5 : 6)));
        cudaStreamDestroy(streams[s]);
        cudaEventDestroy(done[s]);
        cudaFreeHost(pinned[s]);
        cudaFree(in[s]);
        cudaFree(out[s]);
    }
}

void
right_stream_order_allocation(void)
{
    cudaStream_t a, b;
    cudaEvent_t  ready;
    float       *x = nullptr, *y = nullptr, *host;
    cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
    cudaEventCreate(&ready);
    cudaMallocHost(&host, 64 * sizeof(float));
    cudaMallocAsync(&x, 64 * sizeof(float), a);
    cudaMallocAsync(&y, 64 * sizeof(float), a);
    cudaMemsetAsync(x, 0, 64 * sizeof(float), a);
    KT_LAUNCH(scale, 1, 64, 0, a, y, x, 64, 3.f);
    cudaEventRecord(ready, a);
    cudaStreamWaitEvent(b, ready, 0);
    cudaMemcpyAsync(host, y, 64 * sizeof(float), cudaMemcpyDeviceToHost, b);
    cudaFreeAsync(x, a);
    cudaFreeAsync(y, b);
    EXPECT(cudaStreamSynchronize(b) == cudaSuccess);
    EXPECT(host[63] == 0);
    cudaStreamSynchronize(a);
    cudaFreeHost(host);
}

// The default stream waits for all that came before, and all that comes after waits for it.
void
right_default_stream(void)
{
    cudaStream_t a, b;
    cudaStreamCreate(&a);
    cudaStreamCreate(&b);
    float *x = device_copy(std::vector<float>(64, 1.f)), *y = device_memory<float>(64), *z = device_memory<float>(64);
    KT_LAUNCH(scale, 1, 64, 0, a, y, x, 64, 3.f);
    KT_LAUNCH(scale, 1, 64, 0, nullptr, z, y, 64, 2.f);
    KT_LAUNCH(scale, 1, 64, 0, b, x, z, 64, 5.f);
    EXPECT(cudaStreamSynchronize(b) == cudaSuccess);
    EXPECT(host_copy(x, 64)[5] == 30);
    cudaFree(x);
    cudaFree(y);
    cudaFree(z);
}

void
right_events_are_polled(void)
{
    cudaStream_t s;
    cudaEvent_t  begin, end;
    float        ms = -1;
    cudaStreamCreate(&s);
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    float *x = device_copy(std::vector<float>(64, 1.f)), *y = device_memory<float>(64);
    cudaEventRecord(begin, s);
    KT_LAUNCH(scale, 1, 64, 0, s, y, x, 64, 3.f);
    cudaEventRecord(end, s);
    int asked = 0;
    while (cudaEventQuery(end) == cudaErrorNotReady && asked < 1000)
        asked++;
    EXPECT(asked < 1000 && cudaStreamQuery(s) == cudaSuccess);
    EXPECT(cudaEventElapsedTime(&ms, begin, end) == cudaSuccess && ms >= 0);
    cudaFree(x);
    cudaFree(y);
}

void
right_pitched_copy(void)
{
    size_t             pitch;
    float             *p;
    std::vector<float> in(7 * 5), out(7 * 5);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = (float)i;
    EXPECT(cudaMallocPitch((void **)&p, &pitch, 7 * sizeof(float), 5) == cudaSuccess && pitch >= 7 * sizeof(float));
    EXPECT(cudaMemcpy2D(p, pitch, in.data(), 28, 28, 5, cudaMemcpyHostToDevice) == cudaSuccess);
    EXPECT(cudaMemcpy2D(out.data(), 28, p, pitch, 28, 5, cudaMemcpyDefault) == cudaSuccess);
    EXPECT(in == out);
    cudaFree(p);
}

// As after an XID: every call fails until the device is reset.
void
right_sticky_error(void)
{
    float *p = device_memory<float>(64);
    cudasim_break_device(0, cudaErrorECCUncorrectable, 48);
    EXPECT(cudaMemset(p, 0, 256) == cudaErrorECCUncorrectable);
    EXPECT(cudaDeviceSynchronize() == cudaErrorECCUncorrectable);
    EXPECT(cudaGetLastError() == cudaErrorECCUncorrectable && cudaGetLastError() == cudaErrorECCUncorrectable);
    EXPECT(cudaDeviceReset() == cudaSuccess && cudaGetLastError() == cudaSuccess);
    p = device_memory<float>(64);
    EXPECT(cudaMemset(p, 0, 256) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess);
    EXPECT(cudaFree(p) == cudaSuccess);
}

__global__ void
read_three_times(float *out, const float *in)
{
    __shared__ float row[64];
    row[threadIdx.x] = 0;
    for (int i = 0; i < 3; i++) {
        row[threadIdx.x] += in[threadIdx.x];
        __syncthreads();
    }
    out[64 * blockIdx.x + threadIdx.x] = row[threadIdx.x];
}

void
right_traffic(void)
{
    cudasim_counters_t c;
    float             *x = device_copy(std::vector<float>(64, 1.f)), *y = device_memory<float>(128);
    KT_LAUNCH(read_three_times, 2, 64, 0, nullptr, y, x);
    KT_LAUNCH(read_three_times, 1, 64, 0, nullptr, y, x);
    EXPECT(cudaDeviceSynchronize() == cudaSuccess);
    cudasim_counters("read_three_times", &c);
    EXPECT(c.launches == 2 && c.blocks == 3 && c.threads == 192 && c.barriers == 9);
    EXPECT(c.read_bytes == 3 * 3 * 256 && c.distinct_read_bytes == 2 * 256);
    EXPECT(c.written_bytes == 3 * 256 && c.distinct_written_bytes == 3 * 256);
    cudaFree(x);
    cudaFree(y);
}

// Column `stride` of a square in shared memory, from rows of 32: each lane's own word, and one of global memory.
template <unsigned STRIDE>
__global__ void
read_column(float *out, const float *in)
{
    __shared__ float square[32 * STRIDE];
    for (unsigned row = 0; row < 32; row++)
        square[row * STRIDE + threadIdx.x] = in[row * 32 + threadIdx.x];
    __syncthreads();
    out[2 * threadIdx.x] = square[threadIdx.x * STRIDE];
}

// A double of each lane, all of one row.
__global__ void
read_doubles(double *out)
{
    __shared__ double row[32];
    row[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = row[31 - threadIdx.x];
}

void
right_banks(void)
{
    cudasim_counters_t c;
    float             *x = device_copy(std::vector<float>(1024, 1.f)), *y = device_memory<float>(64);
    double            *z = device_memory<double>(32);
    cudasim_count_banks(true);
    KT_LAUNCH(read_column<32>, 1, 32, 0, nullptr, y, x);
    KT_LAUNCH(read_column<33>, 1, 32, 0, nullptr, y, x);
    KT_LAUNCH(read_doubles, 1, 32, 0, nullptr, z);
    EXPECT(cudaDeviceSynchronize() == cudaSuccess);
    cudasim_count_banks(false);
    cudasim_counters("read_column<32>", &c);
    EXPECT(c.shared_least == 33 && c.shared_turns == 32 + 32);  // rows in 32, the column in 32 instead of 1
    EXPECT(c.sectors == 32 * 4 + 8 && c.sectors_least == 32 * 4 + 4);
    cudasim_counters("read_column<33>", &c);
    EXPECT(c.shared_least == 33 && c.shared_turns == 33);
    cudasim_counters("read_doubles", &c);
    EXPECT(c.shared_least == 4 && c.shared_turns == 4);  // half a warp at a time
    cudaFree(x);
    cudaFree(y);
    cudaFree(z);
}

void
right_faults(void)
{
    float *p = nullptr, *q = nullptr;
    size_t free_bytes, total_bytes;
    cudasim_fail("cudaMalloc", 2, cudaErrorMemoryAllocation);
    EXPECT(cudaMalloc(&p, 64) == cudaSuccess && cudaMalloc(&q, 64) == cudaErrorMemoryAllocation && !q);
    EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess);
    cudasim_set_memory(1000);
    EXPECT(cudaMalloc(&q, 937) == cudaErrorMemoryAllocation && cudaMalloc(&q, 936) == cudaSuccess);
    EXPECT(cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess && !free_bytes && total_bytes == 1000);
    cudasim_set_memory((size_t)4 << 30);
    (void)cudaGetLastError();
    cudasim_fail("cudaLaunchKernel", 1, cudaErrorLaunchOutOfResources);
    KT_LAUNCH(scale, 1, 16, 0, nullptr, q, p, 16, 1.f);
    EXPECT(cudaGetLastError() == cudaErrorLaunchOutOfResources);
    cudaFree(p);
    cudaFree(q);
    cudasim_break_after("cudaDeviceSynchronize", 2, cudaErrorLaunchFailure, 79);
    EXPECT(cudaDeviceSynchronize() == cudaSuccess && cudaDeviceSynchronize() == cudaErrorLaunchFailure);
    EXPECT(cudaDeviceSynchronize() == cudaErrorLaunchFailure && cudasim_device_xid(0) == 79);
}

void
right_fourier(void)
{
    for (int n : {1, 2, 7, 30, 64, 1000}) {
        int                half = n / 2 + 1;
        std::vector<float> in(2 * n);
        for (int i = 0; i < 2 * n; i++)
            in[i] = (float)((i * 37) % 101) - 50;
        float      *x = device_copy(in), *back = device_memory<float>(2 * n);
        float2     *y = device_memory<float2>(2 * half);
        cufftHandle forward, inverse;
        EXPECT(cufftPlan1d(&forward, n, CUFFT_R2C, 2) == CUFFT_SUCCESS);
        EXPECT(cufftPlanMany(&inverse, 1, &n, nullptr, 1, 0, nullptr, 1, 0, CUFFT_C2R, 2) == CUFFT_SUCCESS);
        EXPECT(cufftExecR2C(forward, x, y) == CUFFT_SUCCESS && cufftExecC2R(inverse, y, back) == CUFFT_SUCCESS);
        auto spectrum = host_copy(y, 2 * half);
        auto again    = host_copy(back, 2 * n);
        for (int k : {0, half / 2, half - 1}) {
            double re = 0, im = 0;
            for (int i = 0; i < n; i++) {
                re += in[n + i] * cos(2 * M_PI * k * i / n);
                im -= in[n + i] * sin(2 * M_PI * k * i / n);
            }
            EXPECT(std::fabs(spectrum[half + k].x - re) < 1e-2 && std::fabs(spectrum[half + k].y - im) < 1e-2);
        }
        for (int i = 0; i < 2 * n; i++)
            EXPECT(std::fabs(again[i] / (float)n - in[i]) < 1e-3f);
        cufftDestroy(forward);
        cufftDestroy(inverse);
        cudaFree(x);
        cudaFree(y);
        cudaFree(back);
    }
}

// c = 2 a b^T + c, column-major; then a times a vector.
void
right_products(void)
{
    const int          m = 5, n = 3, k = 4;
    const float        two = 2, one = 1, zero = 0;
    std::vector<float> a(m * k), b(n * k), c(m * n, 1.f);
    for (int i = 0; i < m * k; i++)
        a[i] = (float)(i % 7);
    for (int i = 0; i < n * k; i++)
        b[i] = (float)(i % 5);
    float         *x = device_copy(a), *y = device_copy(b), *z = device_copy(c), *v = device_memory<float>(m);
    cublasHandle_t handle;
    EXPECT(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
    EXPECT(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_T, m, n, k, &two, x, m, y, n, &one, z, m) ==
           CUBLAS_STATUS_SUCCESS);
    EXPECT(cublasSgemv(handle, CUBLAS_OP_N, m, k, &one, x, m, y, 1, &zero, v, 1) == CUBLAS_STATUS_SUCCESS);
    auto product = host_copy(z, m * n), vector = host_copy(v, m);
    for (int i = 0; i < m; i++) {
        float row = 0;
        for (int p = 0; p < k; p++)
            row += a[p * m + i] * b[p];
        EXPECT(vector[i] == row);
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++)
                sum += a[p * m + i] * b[p * n + j];
            EXPECT(product[j * m + i] == 2 * sum + 1);
        }
    }
    cublasDestroy(handle);
    cudaFree(x);
    cudaFree(y);
    cudaFree(z);
    cudaFree(v);
}
