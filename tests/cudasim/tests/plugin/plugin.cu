// A kernel in a shared object, as the node loads them: its shared memory is the object's own, on each thread.
#include "kernels/cuda/launch.h"

__global__ void
reverse(float *data)
{
    __shared__ float row[64];
    float           *more = (float *)kt_shared;
    row[threadIdx.x]      = data[threadIdx.x];
    more[threadIdx.x]     = 1;
    __syncthreads();
    data[threadIdx.x] = row[63 - threadIdx.x] + more[threadIdx.x ^ 1];
}

// 0: the numbers are right.
extern "C" int
plugin_run(int dynamic_floats)
{
    float host[64], *device = nullptr;
    for (int i = 0; i < 64; i++)
        host[i] = (float)i;
    if (cudaMalloc(&device, sizeof host) || cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice))
        return 1;
    KT_LAUNCH(reverse, 1, 64, (size_t)dynamic_floats * sizeof(float), nullptr, device);
    if (cudaMemcpy(host, device, sizeof host, cudaMemcpyDeviceToHost))
        return 2;
    cudaFree(device);
    for (int i = 0; i < 64; i++)
        if (host[i] != (float)(64 - i))
            return 3;
    return 0;
}
