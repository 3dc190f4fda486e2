// Atomics. One CUDA thread runs at a time, so the operation itself is plain; the simulator checks the address and
// records that the access was atomic (two atomics never race, an atomic and a plain access do).
#pragma once

#include "intrinsics.h"

extern "C" void cudasim_atomic(void *pointer, unsigned bytes, void *pc);

#define CUDASIM_ATOMIC(T, name, expression)                                                                            \
    static CUDASIM_QUIET T name(T *pointer, T value)                                                                   \
    {                                                                                                                  \
        cudasim_atomic((void *)pointer, sizeof(T), __builtin_return_address(0));                                       \
        T old    = *pointer;                                                                                           \
        *pointer = (T)(expression);                                                                                    \
        return old;                                                                                                    \
    }                                                                                                                  \
    static CUDASIM_QUIET T name##_block(T *pointer, T value)                                                           \
    {                                                                                                                  \
        return name(pointer, value);                                                                                   \
    }
#define CUDASIM_ATOMIC_SET(T)                                                                                          \
    CUDASIM_ATOMIC(T, atomicAdd, old + value)                                                                          \
    CUDASIM_ATOMIC(T, atomicExch, value)
#define CUDASIM_ATOMIC_INTEGER(T)                                                                                      \
    CUDASIM_ATOMIC_SET(T)                                                                                              \
    CUDASIM_ATOMIC(T, atomicMin, value < old ? value : old)                                                            \
    CUDASIM_ATOMIC(T, atomicMax, value > old ? value : old)                                                            \
    CUDASIM_ATOMIC(T, atomicAnd, old &value)                                                                           \
    CUDASIM_ATOMIC(T, atomicOr, old | value)                                                                           \
    CUDASIM_ATOMIC(T, atomicXor, old ^ value)                                                                          \
    static CUDASIM_QUIET T atomicCAS(T *pointer, T compare, T value)                                                   \
    {                                                                                                                  \
        cudasim_atomic((void *)pointer, sizeof(T), __builtin_return_address(0));                                       \
        T old = *pointer;                                                                                              \
        if (old == compare)                                                                                            \
            *pointer = value;                                                                                          \
        return old;                                                                                                    \
    }
CUDASIM_ATOMIC_SET(float)
CUDASIM_ATOMIC_SET(double)
CUDASIM_ATOMIC_INTEGER(int)
CUDASIM_ATOMIC_INTEGER(unsigned)
CUDASIM_ATOMIC_INTEGER(unsigned long long)
CUDASIM_ATOMIC(int, atomicSub, old - value)
CUDASIM_ATOMIC(unsigned, atomicSub, old - value)
CUDASIM_ATOMIC(unsigned, atomicInc, old >= value ? 0 : old + 1)
CUDASIM_ATOMIC(unsigned, atomicDec, old == 0 || old > value ? value : old - 1)
