// How a .cu file launches a kernel. nvcc reads <<<>>>; the CPU's simulator (tests/cudasim) has a function instead. The
// same file is compiled by both, unchanged.
//
//   KT_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)      at least one argument
//   KT_LAUNCH((kernel<4, true>), ...)                                       commas in a name: in brackets
//
// A launch reports its error through cudaGetLastError, as with <<<>>>; kt_launched leaves it there for the caller.
// Dynamic shared memory has one name in all kernels, kt_shared: 16-byte aligned bytes, to be cast to what the kernel
// keeps there.
#pragma once

#include "common/err.h"

#include <cuda_runtime.h>
#include <stdint.h>

#ifdef KT_CUDA_SIM
#define KT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                                      \
    (void)cudasim_start(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)
#else
#define KT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                                      \
    kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#endif

extern __shared__ __align__(16) unsigned char kt_shared[];

// A kernel that is a template by half the transform's size (256 to 2048 for n_fft 512 to 4096): its launch by n_fft,
// and permission for `bytes` of dynamic shared memory, KT_OK or KT_EIO.
#define KT_LAUNCH_BY_POINTS(kernel, n_fft, grid, shared_bytes, stream, ...)                                            \
    switch (n_fft) {                                                                                                   \
    case 512: KT_LAUNCH(kernel<256>, grid, dim3(32), shared_bytes, stream, __VA_ARGS__); break;                        \
    case 1024: KT_LAUNCH(kernel<512>, grid, dim3(64), shared_bytes, stream, __VA_ARGS__); break;                       \
    case 2048: KT_LAUNCH(kernel<1024>, grid, dim3(128), shared_bytes, stream, __VA_ARGS__); break;                     \
    case 4096: KT_LAUNCH(kernel<2048>, grid, dim3(256), shared_bytes, stream, __VA_ARGS__); break;                     \
    }
#define KT_PERMIT_BY_POINTS(kernel, n_fft, bytes)                                                                      \
    ((n_fft) == 512    ? kt_permit_shared(kernel<256>, bytes)                                                          \
     : (n_fft) == 1024 ? kt_permit_shared(kernel<512>, bytes)                                                          \
     : (n_fft) == 2048 ? kt_permit_shared(kernel<1024>, bytes)                                                         \
     : (n_fft) == 4096 ? kt_permit_shared(kernel<2048>, bytes)                                                         \
                       : KT_EIO)

template <typename KERNEL>
static inline kt_err_t
kt_permit_shared(KERNEL *kernel, uint32_t bytes)
{
    // All of a multiprocessor's fast memory as shared memory: the blocks of these kernels are limited by it, and the
    // driver's own choice is not documented.
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes) == cudaSuccess &&
                   cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, 100) == cudaSuccess
               ? KT_OK
               : KT_EIO;
}

static inline kt_err_t
kt_launched(void)
{
    return cudaPeekAtLastError() == cudaSuccess ? KT_OK : KT_EIO;
}
