// The run-time's questions about devices. The figures are the profile's; the name says what it is.
#include "internal.h"

#include <cstdio>
#include <cstring>

using namespace cudasim;

extern "C" cudaError_t
cudaGetDeviceCount(int *count)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    *count = 0;
    if (!enter("cudaGetDeviceCount", &refused) && (devices.empty() || !devices[current_device()].sticky))
        return refused;
    *count = (int)devices.size();
    return cudaSuccess;
}

extern "C" cudaError_t
cudaSetDevice(int device)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    enter("cudaSetDevice", &refused);
    if (device < 0 || device >= (int)devices.size())
        return fail(devices.empty() ? cudaErrorNoDevice : cudaErrorInvalidDevice);
    choose_device(device);
    return devices[device].sticky ? fail((cudaError_t)devices[device].sticky) : cudaSuccess;
}

extern "C" cudaError_t
cudaGetDevice(int *device)
{
    *device = current_device();
    return cudaSuccess;
}

extern "C" cudaError_t
cudaSetDeviceFlags(unsigned)
{
    return cudaSuccess;
}

extern "C" cudaError_t
cudaInitDevice(int device, unsigned, unsigned)
{
    CUDASIM_ENTER("cudaInitDevice");
    return device >= 0 && device < (int)devices.size() ? cudaSuccess : fail(cudaErrorInvalidDevice);
}

extern "C" cudaError_t
cudaGetDeviceProperties(cudaDeviceProp *prop, int device)
{
    CUDASIM_ENTER("cudaGetDeviceProperties");
    if (device < 0 || device >= (int)devices.size())
        return fail(cudaErrorInvalidDevice);
    cudaDeviceProp p = {};
    snprintf(p.name, sizeof p.name, "Simulated GPU (CPU)");
    memcpy(p.uuid.bytes, "kithara-sim-gpu0", sizeof p.uuid.bytes);
    p.uuid.bytes[15]             = (char)(p.uuid.bytes[15] + device);
    p.totalGlobalMem             = devices[device].limit;
    p.sharedMemPerBlock          = SHARED_DEFAULT;
    p.sharedMemPerBlockOptin     = profile().shared_most;
    p.sharedMemPerMultiprocessor = profile().shared_most + 1024;
    p.totalConstMem              = 64 << 10;
    p.regsPerBlock               = 65536;
    p.warpSize                   = 32;
    p.maxThreadsPerBlock         = MAX_THREADS;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
    p.maxThreadsDim[2]                      = 64;
    p.maxGridSize[0]                        = 2147483647;
    p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    p.major                             = profile().major;
    p.minor                             = profile().minor;
    p.multiProcessorCount               = profile().processors;
    p.maxThreadsPerMultiProcessor       = profile().threads_most;
    p.maxBlocksPerMultiProcessor        = profile().blocks_most;
    p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = p.memoryPoolsSupported = 1;
    p.pciBusID                                                                              = device + 1;
    p.asyncEngineCount                                                                      = 2;
    p.memoryBusWidth                                                                        = profile().bus_bits;
    p.l2CacheSize                                                                           = (int)profile().l2_bytes;
    *prop                                                                                   = p;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    cudaDeviceProp p;
    cudaError_t    error = cudaGetDeviceProperties(&p, device);
    if (error != cudaSuccess)
        return error;
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)p.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    case cudaDevAttrWarpSize: *value = p.warpSize; break;
    case cudaDevAttrClockRate: *value = 1000000; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrIntegrated: *value = 0; break;
    case cudaDevAttrAsyncEngineCount: *value = p.asyncEngineCount; break;
    case cudaDevAttrUnifiedAddressing: *value = 1; break;
    case cudaDevAttrPciBusId: *value = p.pciBusID; break;
    case cudaDevAttrPciDeviceId:
    case cudaDevAttrPciDomainId: *value = 0; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = p.maxThreadsPerMultiProcessor; break;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio: *value = profile().floats_per_double; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMemoryPoolsSupported: *value = 1; break;
    default: return fail(cudaErrorInvalidValue);
    }
    return cudaSuccess;
}

extern "C" cudaError_t
cudaDeviceGetPCIBusId(char *id, int size, int device)
{
    CUDASIM_ENTER("cudaDeviceGetPCIBusId");
    if (device < 0 || device >= (int)devices.size())
        return fail(cudaErrorInvalidDevice);
    snprintf(id, (size_t)size, "0000:%02X:00.0", (unsigned)device + 1);
    return cudaSuccess;
}

extern "C" cudaError_t
cudaDeviceSynchronize(void)
{
    CUDASIM_ENTER("cudaDeviceSynchronize");
    stream_synchronise(current_device());
    return fail((cudaError_t)devices[current_device()].sticky);
}

// Frees the device's memory, and an error that sticks with it.
extern "C" cudaError_t
cudaDeviceReset(void)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    enter("cudaDeviceReset", &refused);
    if (devices.empty())
        return refused;
    stream_synchronise(current_device());
    memory_free_device(current_device());
    devices[current_device()].sticky = devices[current_device()].xid = 0;
    cudaGetLastError();
    return cudaSuccess;
}

extern "C" cudaError_t
cudaDriverGetVersion(int *version)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    enter("cudaDriverGetVersion", &refused);
    *version = devices.empty() ? 0 : CUDART_VERSION;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    CUDASIM_ENTER("cudaMemGetInfo");
    size_t used  = memory_used(current_device());
    *total_bytes = devices[current_device()].limit;
    *free_bytes  = *total_bytes > used ? *total_bytes - used : 0;
    return cudaSuccess;
}
