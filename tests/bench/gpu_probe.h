// Is there a GPU to test on? A program that is linked to the static run-time gets the same error from it without a
// driver and with one that is too old, so the driver's library is asked for first.
#pragma once

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdbool.h>

// cudaErrorNoDevice: no driver is installed, or it has no device. Another error: the driver is there and fails.
static inline cudaError_t
gpu_probe(int *devices)
{
#ifndef KT_CUDA_SIM
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    *devices     = 0;
    if (!driver)
        return cudaErrorNoDevice;
#endif
    const cudaError_t error = cudaGetDeviceCount(devices);
    return error == cudaSuccess && *devices == 0 ? cudaErrorNoDevice : error;
}
