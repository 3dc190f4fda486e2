// What the cases share: their names, and ways to make memory and to fail. The .cu files here compile for a GPU as well.
#pragma once

#include "kernels/cuda/launch.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#define CASE(name, kind) void name(void);
#include "cases.def"
#undef CASE

// A wrong number: the driver counts it as a failure of the case.
void wrong(const char *file, int line, const char *what);
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            wrong(__FILE__, __LINE__, #condition);                                                                     \
    } while (0)

template <class T>
T *
device_memory(size_t n)
{
    T *p = nullptr;
    EXPECT(cudaMalloc(&p, n * sizeof(T)) == cudaSuccess);
    return p;
}

template <class T>
T *
device_copy(const std::vector<T> &from)
{
    T *p = device_memory<T>(from.size());
    EXPECT(cudaMemcpy(p, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
    return p;
}

template <class T>
std::vector<T>
host_copy(const T *from, size_t n)
{
    std::vector<T> to(n);
    EXPECT(cudaMemcpy(to.data(), from, n * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return to;
}

// For a case that breaks the device: the result of its last call is not tested.
inline void
run_it(void)
{
    (void)cudaGetLastError();
    (void)cudaDeviceSynchronize();
}
