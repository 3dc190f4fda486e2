// How a .cu file launches a kernel. nvcc reads <<<>>>; the CPU's simulator (tests/cudasim) has a function instead. The
// same file is compiled by both, unchanged.
//
//   KT_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)      at least one argument
//   KT_LAUNCH((kernel<4, true>), ...)                                       commas in a name: in brackets
//
// A launch tells its trouble through cudaGetLastError, as with <<<>>>. Dynamic shared memory has one name in all
// kernels, kt_shared: 16-byte aligned bytes, to be cast to what the kernel keeps there.
#pragma once

#include <cuda_runtime.h>

#ifdef KT_CUDA_SIM
#define KT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                                      \
    (void)cudasim_start(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)
#else
#define KT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                                      \
    kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#endif

extern __shared__ __align__(16) unsigned char kt_shared[];
