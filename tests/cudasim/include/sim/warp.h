// Exchanges within a warp. Each call names its lanes; the simulator lets no lane continue before all of them have come,
// and reports a mask without the caller, a source lane outside the mask or gone, and lanes that disagree
// (src/warp.cpp).
#pragma once

#include "device.h"

enum cudasim_warp_kind {
    CUDASIM_WARP_SYNC,
    CUDASIM_WARP_SHFL,
    CUDASIM_WARP_SHFL_UP,
    CUDASIM_WARP_SHFL_DOWN,
    CUDASIM_WARP_SHFL_XOR,
    CUDASIM_WARP_BALLOT,
    CUDASIM_WARP_ANY,
    CUDASIM_WARP_ALL,
    CUDASIM_WARP_MATCH_ANY,
    CUDASIM_WARP_MATCH_ALL,
    CUDASIM_WARP_ADD,
    CUDASIM_WARP_MIN,
    CUDASIM_WARP_MAX,
    CUDASIM_WARP_UMIN,
    CUDASIM_WARP_UMAX,
    CUDASIM_WARP_AND,
    CUDASIM_WARP_OR,
    CUDASIM_WARP_XOR
};
#define CUDASIM_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

extern "C" {
// source: the lane whose value is read; -1: one's own value (a shuffle that leaves its segment), or not a shuffle.
uint64_t cudasim_warp(int kind, unsigned mask, uint64_t value, int source, const char *file, int line);
unsigned cudasim_lane(void);
unsigned __activemask(void);
}

template <class T>
CUDASIM_QUIET T
cudasim_shuffle(int kind, unsigned mask, T value, int source, const char *file, int line)
{
    static_assert(sizeof(T) <= 8, "shuffles exchange 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = cudasim_warp(kind, mask, bits, source, file, line);
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <class T>
inline T
__shfl_sync(unsigned mask, T value, int lane, int width = 32, CUDASIM_HERE)
{
    int first = (int)cudasim_lane() & ~(width - 1);
    return cudasim_shuffle(CUDASIM_WARP_SHFL, mask, value, first + (lane & (width - 1)), file, line);
}
template <class T>
inline T
__shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDASIM_HERE)
{
    int me = (int)cudasim_lane(), source = me - (int)delta;
    return cudasim_shuffle(CUDASIM_WARP_SHFL_UP, mask, value, source < (me & ~(width - 1)) ? -1 : source, file, line);
}
template <class T>
inline T
__shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDASIM_HERE)
{
    int me = (int)cudasim_lane(), source = me + (int)delta;
    return cudasim_shuffle(CUDASIM_WARP_SHFL_DOWN, mask, value, source > (me | (width - 1)) ? -1 : source, file, line);
}
template <class T>
inline T
__shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, CUDASIM_HERE)
{
    int me = (int)cudasim_lane(), source = me ^ bits;
    return cudasim_shuffle(CUDASIM_WARP_SHFL_XOR, mask, value, source > (me | (width - 1)) ? -1 : source, file, line);
}
inline void
__syncwarp(unsigned mask = 0xffffffffu, CUDASIM_HERE)
{
    cudasim_warp(CUDASIM_WARP_SYNC, mask, 0, -1, file, line);
}
inline unsigned
__ballot_sync(unsigned mask, int predicate, CUDASIM_HERE)
{
    return (unsigned)cudasim_warp(CUDASIM_WARP_BALLOT, mask, predicate != 0, -1, file, line);
}
inline int
__any_sync(unsigned mask, int predicate, CUDASIM_HERE)
{
    return cudasim_warp(CUDASIM_WARP_ANY, mask, predicate != 0, -1, file, line) != 0;
}
inline int
__all_sync(unsigned mask, int predicate, CUDASIM_HERE)
{
    return cudasim_warp(CUDASIM_WARP_ALL, mask, predicate != 0, -1, file, line) != 0;
}
template <class T>
inline unsigned
__match_any_sync(unsigned mask, T value, CUDASIM_HERE)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return (unsigned)cudasim_warp(CUDASIM_WARP_MATCH_ANY, mask, bits, -1, file, line);
}
template <class T>
inline unsigned
__match_all_sync(unsigned mask, T value, int *predicate, CUDASIM_HERE)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    unsigned lanes = (unsigned)cudasim_warp(CUDASIM_WARP_MATCH_ALL, mask, bits, -1, file, line);
    *predicate     = lanes != 0;
    return lanes;
}
#define CUDASIM_REDUCE(T, name, kind)                                                                                  \
    inline T name(unsigned mask, T value, CUDASIM_HERE)                                                                \
    {                                                                                                                  \
        return (T)cudasim_warp(kind, mask, (uint64_t)(int64_t)value, -1, file, line);                                  \
    }
CUDASIM_REDUCE(int, __reduce_add_sync, CUDASIM_WARP_ADD)
CUDASIM_REDUCE(unsigned, __reduce_add_sync, CUDASIM_WARP_ADD)
CUDASIM_REDUCE(int, __reduce_min_sync, CUDASIM_WARP_MIN)
CUDASIM_REDUCE(int, __reduce_max_sync, CUDASIM_WARP_MAX)
CUDASIM_REDUCE(unsigned, __reduce_min_sync, CUDASIM_WARP_UMIN)
CUDASIM_REDUCE(unsigned, __reduce_max_sync, CUDASIM_WARP_UMAX)
CUDASIM_REDUCE(unsigned, __reduce_and_sync, CUDASIM_WARP_AND)
CUDASIM_REDUCE(unsigned, __reduce_or_sync, CUDASIM_WARP_OR)
CUDASIM_REDUCE(unsigned, __reduce_xor_sync, CUDASIM_WARP_XOR)
