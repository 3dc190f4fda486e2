// What a kernel sees: qualifiers, built-in variables, vectors, barriers. A __shared__ variable is thread_local, so that
// it has an address range of its own that the simulator can watch; `extern __shared__` works by the same word.
#pragma once

#include "types.h"

#include <math.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __shared__ thread_local
#define __forceinline__ inline
#define __noinline__  // empty, so that __attribute__((__noinline__)) of a library stays well formed
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__
#define __CUDACC_SIM__ 1
// The simulator's own inline code does not count as an access of the kernel.
#define CUDASIM_QUIET __attribute__((no_sanitize("thread"), no_sanitize("undefined"))) inline

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz)
    {
    }
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z)
    {
    }
    constexpr operator uint3() const
    {
        return uint3{x, y, z};
    }
};

// Constant as far as one thread can see: the scheduler changes them between threads.
extern "C" const uint3 threadIdx;
extern "C" const uint3 blockIdx;
extern "C" const dim3  blockDim;
extern "C" const dim3  gridDim;
constexpr int          warpSize = 32;

extern "C" {
int  cudasim_barrier(int kind, int predicate, const char *file, int line);
void cudasim_trap(int error, const char *what, const char *file, int line);
void cudasim_pause(void);
void cudasim_fence(void);
}

inline void
__syncthreads(const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    cudasim_barrier(0, 0, file, line);
}
inline int
__syncthreads_count(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    return cudasim_barrier(1, predicate, file, line);
}
inline int
__syncthreads_and(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    return cudasim_barrier(2, predicate, file, line);
}
inline int
__syncthreads_or(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    return cudasim_barrier(3, predicate, file, line);
}
inline void
__trap(const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    cudasim_trap(cudaErrorLaunchFailure, "__trap", file, line);
}
// Of a block's own threads fences order nothing more: they run one after another. What a block wrote before this one,
// other blocks may read after an atomic.
inline void
__threadfence(void)
{
    cudasim_fence();
}
inline void
__threadfence_block(void)
{
}
inline void
__threadfence_system(void)
{
    cudasim_fence();
}
inline void
__nanosleep(unsigned)
{
    cudasim_pause();
}
extern "C" long long clock64(void);

// clang-format off
#define CUDASIM_MAKE2(T, name) static inline name make_##name(T x, T y) { return name{x, y}; }
#define CUDASIM_MAKE3(T, name) static inline name make_##name(T x, T y, T z) { return name{x, y, z}; }
#define CUDASIM_MAKE4(T, name) static inline name make_##name(T x, T y, T z, T w) { return name{x, y, z, w}; }
CUDASIM_MAKE2(signed char, char2) CUDASIM_MAKE2(unsigned char, uchar2) CUDASIM_MAKE2(short, short2)
CUDASIM_MAKE2(unsigned short, ushort2) CUDASIM_MAKE2(int, int2) CUDASIM_MAKE2(unsigned, uint2)
CUDASIM_MAKE2(float, float2) CUDASIM_MAKE2(double, double2) CUDASIM_MAKE2(long long, longlong2)
CUDASIM_MAKE3(unsigned char, uchar3) CUDASIM_MAKE3(short, short3) CUDASIM_MAKE3(int, int3)
CUDASIM_MAKE3(unsigned, uint3) CUDASIM_MAKE3(float, float3) CUDASIM_MAKE3(double, double3)
CUDASIM_MAKE4(signed char, char4) CUDASIM_MAKE4(unsigned char, uchar4) CUDASIM_MAKE4(short, short4)
CUDASIM_MAKE4(unsigned short, ushort4) CUDASIM_MAKE4(int, int4) CUDASIM_MAKE4(unsigned, uint4)
CUDASIM_MAKE4(float, float4) CUDASIM_MAKE4(double, double4)
    // clang-format on
