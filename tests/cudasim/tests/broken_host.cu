// Host code that doesn't wait, frees wrongly or requests the impossible.
#include "cases.h"
#include "tests/cudasim/cudasim.h"

#include <cstring>
#include <cufft.h>

__global__ void
twice(float *out, const float *in, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        out[i] = 2 * in[i];
}

__global__ void
ones(float *out)
{
    out[threadIdx.x] = 1;
}

static volatile float sink;

void
host_reads_device_memory(void)
{
    float *in = device_copy(std::vector<float>(32, 1.f));
    sink      = in[3];
    cudaFree(in);
}

void
host_writes_device_memory(void)
{
    float *in = device_copy(std::vector<float>(32, 1.f));
    memset(in, 0, 32 * sizeof *in);
    cudaFree(in);
}

struct Transfer {
    cudaStream_t stream;
    float       *host, *device, *out;
    size_t       n;
    explicit Transfer(size_t count) : n(count)
    {
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        cudaMallocHost(&host, n * sizeof(float));
        device = device_memory<float>(n);
        out    = device_memory<float>(n);
        for (size_t i = 0; i < n; i++)
            host[i] = (float)i;
    }
    ~Transfer()
    {
        cudaStreamSynchronize(stream);
        cudaFreeHost(host);
        cudaFree(device);
        cudaFree(out);
        cudaStreamDestroy(stream);
    }
    void up(void)
    {
        cudaMemcpyAsync(device, host, n * sizeof(float), cudaMemcpyHostToDevice, stream);
    }
    void down(void)
    {
        cudaMemcpyAsync(host, out, n * sizeof(float), cudaMemcpyDeviceToHost, stream);
    }
    void compute(cudaStream_t where)
    {
        KT_LAUNCH(twice, (unsigned)((n + 255) / 256), 256, 0, where, out, device, (int)n);
    }
};

void
host_reads_before_synchronising(void)
{
    Transfer t(4096);
    t.up();
    t.compute(t.stream);
    t.down();
    sink = t.host[17];
}

void
host_reuses_pinned_buffer(void)
{
    Transfer t(4096);
    t.up();
    t.host[5] = 100;
    t.compute(t.stream);
}

void
host_reuses_small_pinned_buffer(void)
{
    Transfer t(4096);
    t.n = 8;
    t.up();
    t.host[5] = 100;
    t.compute(t.stream);
}

void
host_frees_pinned_buffer_in_use(void)
{
    Transfer t(4096);
    float   *host;
    cudaMallocHost(&host, 4096);
    memset(host, 0, 4096);
    cudaMemcpyAsync(t.device, host, 4096, cudaMemcpyHostToDevice, t.stream);
    cudaFreeHost(host);
    (void)cudaGetLastError();
    cudaStreamSynchronize(t.stream);
}

void
stream_without_its_event(void)
{
    Transfer     t(256);
    cudaStream_t other;
    cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
    t.up();
    t.compute(other);
    cudaStreamSynchronize(other);
}

// The event is recorded before the copy that it is meant to follow.
void
stream_waits_for_the_event_before(void)
{
    Transfer     t(256);
    cudaStream_t other;
    cudaEvent_t  event;
    cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
    cudaEventCreate(&event);
    cudaEventRecord(event, t.stream);
    t.up();
    cudaStreamWaitEvent(other, event, 0);
    t.compute(other);
    cudaStreamSynchronize(other);
}

void
stream_of_another_copy(void)
{
    Transfer a(256), b(256);
    a.up();
    b.up();
    KT_LAUNCH(twice, 1, 256, 0, a.stream, a.out, b.device, 256);
    cudaStreamSynchronize(a.stream);
}

void
free_twice(void)
{
    float *p = device_memory<float>(32);
    cudaFree(p);
    cudaFree(p);
}

void
free_async_twice(void)
{
    cudaStream_t stream;
    float       *p = device_memory<float>(32);
    cudaStreamCreate(&stream);
    cudaFreeAsync(p, stream);
    cudaFreeAsync(p, stream);
    cudaStreamSynchronize(stream);
}

void
free_of_the_middle(void)
{
    float *p = device_memory<float>(32);
    cudaFree(p + 4);
    cudaFree(p);
}

void
free_of_host_memory(void)
{
    void *p = malloc(32);
    cudaFree(p);
    free(p);
}

void
launch_of_too_many_threads(void)
{
    float *out = device_memory<float>(2048);
    KT_LAUNCH(ones, 1, 1025, 0, nullptr, out);
    EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
    cudaFree(out);
}

void
launch_of_too_much_shared_memory(void)
{
    float *out = device_memory<float>(32);
    KT_LAUNCH(ones, 1, 32, 48 * 1024 + 4, nullptr, out);
    EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
    cudaFree(out);
}

void
launch_of_too_many_registers(void)
{
    float *out = device_memory<float>(1024);
    cudasim_set_resources("ones", 64, 0);
    KT_LAUNCH(ones, 1, 1024, 0, nullptr, out);
    EXPECT(cudaGetLastError() == cudaSuccess);
    cudasim_set_resources("ones", 65, 0);
    KT_LAUNCH(ones, 1, 1024, 0, nullptr, out);
    EXPECT(cudaGetLastError() == cudaErrorLaunchOutOfResources);
    cudasim_set_resources(nullptr, 0, 0);
    EXPECT(cudaDeviceSynchronize() == cudaSuccess);
    cudaFree(out);
}

void
launch_of_too_much_memory_of_both_kinds(void)
{
    float    *out  = device_memory<float>(32);
    const int most = 227 << 10;
    EXPECT(cudaFuncSetAttribute(ones, cudaFuncAttributeMaxDynamicSharedMemorySize, most) == cudaSuccess);
    cudasim_set_resources("ones", 32, 4);
    KT_LAUNCH(ones, 1, 32, most, nullptr, out);
    EXPECT(cudaGetLastError() == cudaErrorLaunchOutOfResources);
    cudasim_set_resources(nullptr, 0, 0);
    cudaFree(out);
}

void
launch_of_no_blocks(void)
{
    float *out = device_memory<float>(32);
    KT_LAUNCH(ones, 0, 32, 0, nullptr, out);
    EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
    cudaFree(out);
}

void
copy_of_the_wrong_kind(void)
{
    std::vector<float> in(32);
    float             *p = device_memory<float>(32);
    EXPECT(cudaMemcpy(p, in.data(), 128, cudaMemcpyDeviceToHost) != cudaSuccess);
    cudaFree(p);
}

void
copy_past_the_end(void)
{
    std::vector<float> in(33);
    float             *p = device_memory<float>(32);
    EXPECT(cudaMemcpy(p, in.data(), 132, cudaMemcpyHostToDevice) != cudaSuccess);
    cudaFree(p);
}

void
leak_of_device_memory(void)
{
    (void)device_memory<float>(32);
}

void
leak_of_pinned_memory(void)
{
    float *host;
    EXPECT(cudaMallocHost(&host, 128) == cudaSuccess);
}

// The plan's work area is still in use on the first stream.
void
handle_on_two_streams(void)
{
    enum { POINTS = 64 };
    float        *in  = device_memory<float>(POINTS);
    cufftComplex *out = device_memory<cufftComplex>(POINTS);
    cudaStream_t  stream[2];
    cufftHandle   plan;
    EXPECT(cufftPlan1d(&plan, POINTS, CUFFT_R2C, 1) == CUFFT_SUCCESS);
    cudaMemset(in, 0, POINTS * sizeof *in);
    cudaDeviceSynchronize();
    for (int i = 0; i < 2; i++) {
        EXPECT(cudaStreamCreateWithFlags(&stream[i], cudaStreamNonBlocking) == cudaSuccess);
        EXPECT(cufftSetStream(plan, stream[i]) == CUFFT_SUCCESS);
        EXPECT(cufftExecR2C(plan, in, out) == CUFFT_SUCCESS);
    }
    for (int i = 0; i < 2; i++) {
        cudaStreamSynchronize(stream[i]);
        cudaStreamDestroy(stream[i]);
    }
    cufftDestroy(plan);
    cudaFree(in);
    cudaFree(out);
}
