// A thread per value, in blocks of THREADS; a thread strides over the rest where there are more than the grid holds.
#pragma once

#include "kernels/cuda/launch.h"

enum { THREADS = 256 };
constexpr int64_t BLOCKS_MAX = 1 << 20;

static inline dim3
kt_grid(int64_t count)
{
    const int64_t blocks = (count + THREADS - 1) / THREADS;
    return dim3((unsigned)(blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX));
}

#define KT_EACH(i, count)                                                                                              \
    for (int64_t i = (int64_t)blockIdx.x * THREADS + (int64_t)threadIdx.x; i < (count);                                \
         i += (int64_t)gridDim.x * THREADS)

// Offset of value `index` of dense dimensions in a memory with strides.
__device__ __forceinline__ int64_t
kt_offset(int64_t index, int rank, const int64_t *dims, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = rank - 1; i >= 0; i--) {
        offset += index % dims[i] * strides[i];
        index /= dims[i];
    }
    return offset;
}
