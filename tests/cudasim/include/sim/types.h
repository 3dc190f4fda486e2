// Types and enumerations of the CUDA run-time that Kithara uses; values are CUDA's own.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum cudaError {
    cudaSuccess                      = 0,
    cudaErrorInvalidValue            = 1,
    cudaErrorMemoryAllocation        = 2,
    cudaErrorInitializationError     = 3,
    cudaErrorInvalidConfiguration    = 9,
    cudaErrorInvalidPitchValue       = 12,
    cudaErrorInvalidSymbol           = 13,
    cudaErrorInvalidDevicePointer    = 17,
    cudaErrorInvalidMemcpyDirection  = 21,
    cudaErrorInsufficientDriver      = 35,
    cudaErrorDevicesUnavailable      = 46,
    cudaErrorInvalidDeviceFunction   = 98,
    cudaErrorNoDevice                = 100,
    cudaErrorInvalidDevice           = 101,
    cudaErrorNoKernelImageForDevice  = 209,
    cudaErrorECCUncorrectable        = 214,
    cudaErrorInvalidResourceHandle   = 400,
    cudaErrorNotReady                = 600,
    cudaErrorIllegalAddress          = 700,
    cudaErrorLaunchOutOfResources    = 701,
    cudaErrorLaunchTimeout           = 702,
    cudaErrorAssert                  = 710,
    cudaErrorHostMemoryNotRegistered = 713,
    cudaErrorMisalignedAddress       = 716,
    cudaErrorLaunchFailure           = 719,
    cudaErrorNotSupported            = 801,
    cudaErrorSystemNotReady          = 802,
    cudaErrorUnknown                 = 999
} cudaError_t;

typedef enum cudaMemcpyKind {
    cudaMemcpyHostToHost     = 0,
    cudaMemcpyHostToDevice   = 1,
    cudaMemcpyDeviceToHost   = 2,
    cudaMemcpyDeviceToDevice = 3,
    cudaMemcpyDefault        = 4
} cudaMemcpyKind;

typedef enum cudaDeviceAttr {
    cudaDevAttrMaxThreadsPerBlock               = 1,
    cudaDevAttrMaxSharedMemoryPerBlock          = 8,
    cudaDevAttrWarpSize                         = 10,
    cudaDevAttrClockRate                        = 13,
    cudaDevAttrMultiProcessorCount              = 16,
    cudaDevAttrIntegrated                       = 18,
    cudaDevAttrAsyncEngineCount                 = 40,
    cudaDevAttrUnifiedAddressing                = 41,
    cudaDevAttrPciBusId                         = 33,
    cudaDevAttrPciDeviceId                      = 34,
    cudaDevAttrPciDomainId                      = 50,
    cudaDevAttrMaxThreadsPerMultiProcessor      = 39,
    cudaDevAttrComputeCapabilityMajor           = 75,
    cudaDevAttrComputeCapabilityMinor           = 76,
    cudaDevAttrSingleToDoublePrecisionPerfRatio = 87,
    cudaDevAttrMaxSharedMemoryPerBlockOptin     = 97,
    cudaDevAttrMemoryPoolsSupported             = 115
} cudaDeviceAttr;

typedef enum cudaFuncAttribute {
    cudaFuncAttributeMaxDynamicSharedMemorySize    = 8,
    cudaFuncAttributePreferredSharedMemoryCarveout = 9
} cudaFuncAttribute;

typedef enum cudaMemPoolAttr {
    cudaMemPoolAttrReleaseThreshold   = 4,
    cudaMemPoolAttrReservedMemCurrent = 5,
    cudaMemPoolAttrReservedMemHigh    = 6,
    cudaMemPoolAttrUsedMemCurrent     = 7,
    cudaMemPoolAttrUsedMemHigh        = 8
} cudaMemPoolAttr;

#define cudaHostAllocDefault 0u
#define cudaHostAllocPortable 1u
#define cudaHostAllocMapped 2u
#define cudaHostAllocWriteCombined 4u
#define cudaHostRegisterDefault 0u
#define cudaStreamDefault 0u
#define cudaStreamNonBlocking 1u
#define cudaEventDefault 0u
#define cudaEventBlockingSync 1u
#define cudaEventDisableTiming 2u
#define cudaEventWaitDefault 0u
#define cudaDeviceScheduleAuto 0u
#define cudaDeviceScheduleBlockingSync 4u
#define cudaStreamLegacy ((cudaStream_t)0x1)
#define cudaStreamPerThread ((cudaStream_t)0x2)
#define CUDART_VERSION 13000

typedef struct CUstream_st        *cudaStream_t;
typedef struct CUevent_st         *cudaEvent_t;
typedef struct CUmemPoolHandle_st *cudaMemPool_t;
typedef void (*cudaHostFn_t)(void *user);
typedef struct CUuuid_st {
    char bytes[16];
} cudaUUID_t;

typedef struct cudaDeviceProp {
    char       name[256];
    cudaUUID_t uuid;
    size_t     totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor, totalConstMem;
    int        regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
    int        major, minor, multiProcessorCount, maxThreadsPerMultiProcessor, maxBlocksPerMultiProcessor;
    int        integrated, canMapHostMemory, concurrentKernels, ECCEnabled, pciBusID, pciDeviceID, pciDomainID;
    int        asyncEngineCount, unifiedAddressing, memoryBusWidth, l2CacheSize, managedMemory, memoryPoolsSupported;
} cudaDeviceProp;

typedef struct cudaFuncAttributes {
    size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
    int    maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, maxDynamicSharedSizeBytes;
} cudaFuncAttributes;

typedef struct cudaPointerAttributes {
    enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeHost = 1, cudaMemoryTypeDevice = 2 } type;
    int   device;
    void *devicePointer, *hostPointer;
} cudaPointerAttributes;

// clang-format off
#define CUDASIM_VECTOR2(T, name, size) typedef struct __attribute__((aligned(size))) name { T x, y; } name;
#define CUDASIM_VECTOR3(T, name) typedef struct name { T x, y, z; } name;
#define CUDASIM_VECTOR4(T, name, size) typedef struct __attribute__((aligned(size))) name { T x, y, z, w; } name;
CUDASIM_VECTOR2(signed char, char2, 2) CUDASIM_VECTOR2(unsigned char, uchar2, 2) CUDASIM_VECTOR2(short, short2, 4)
CUDASIM_VECTOR2(unsigned short, ushort2, 4) CUDASIM_VECTOR2(int, int2, 8) CUDASIM_VECTOR2(unsigned, uint2, 8)
CUDASIM_VECTOR2(float, float2, 8) CUDASIM_VECTOR2(double, double2, 16) CUDASIM_VECTOR2(long long, longlong2, 16)
CUDASIM_VECTOR3(unsigned char, uchar3) CUDASIM_VECTOR3(short, short3) CUDASIM_VECTOR3(int, int3)
CUDASIM_VECTOR3(unsigned, uint3) CUDASIM_VECTOR3(float, float3) CUDASIM_VECTOR3(double, double3)
CUDASIM_VECTOR4(signed char, char4, 4) CUDASIM_VECTOR4(unsigned char, uchar4, 4) CUDASIM_VECTOR4(short, short4, 8)
CUDASIM_VECTOR4(unsigned short, ushort4, 8) CUDASIM_VECTOR4(int, int4, 16) CUDASIM_VECTOR4(unsigned, uint4, 16)
CUDASIM_VECTOR4(float, float4, 16) CUDASIM_VECTOR4(double, double4, 16)
    // clang-format on
