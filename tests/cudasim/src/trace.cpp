// Every load and store of a kernel. The .cu files are compiled with -fsanitize=thread, which puts a call of
// __tsan_readN or __tsan_writeN before each access; these functions take the place of the sanitizer's own. Host code of
// the same file calls them as well and is distinguished by its stack.
#include "internal.h"
#include "warps.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cudasim
{

template <unsigned N> struct Word;
template <> struct Word<1> {
    typedef uint8_t type;
};
template <> struct Word<2> {
    typedef uint16_t type;
};
template <> struct Word<4> {
    typedef uint32_t type;
};
template <> struct Word<8> {
    typedef uint64_t type;
};

static void
global_error(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    const Allocation *a    = memory_find(address);
    const char       *verb = write ? "writes" : "reads";
    Place             at   = {pc, nullptr, 0};
    if (!a)
        report(CUDASIM_OUT_OF_BOUNDS, address, bytes, at, "%s %zu bytes at %#lx, before every allocation", verb, bytes,
               (unsigned long)address);
    else if (a->device != run.device && address < a->begin + a->bytes)
        report(CUDASIM_WRONG_DEVICE, address, bytes, at, "%s memory of device %d on device %d", verb, a->device,
               run.device);
    else if (a->life == Life::FREED && address < a->begin + a->bytes)
        report(CUDASIM_USE_AFTER_FREE, address, bytes, at, "%s %zu bytes of memory that was freed", verb, bytes);
    else if (a->life == Life::FREED)
        report(CUDASIM_OUT_OF_BOUNDS, address, bytes, at, "%s %zu bytes at %#lx, outside every allocation", verb, bytes,
               (unsigned long)address);
    else
        report(CUDASIM_OUT_OF_BOUNDS, address, bytes, at, "%s %zu bytes at offset %zu of an allocation of %zu bytes",
               verb, bytes, (size_t)(address - a->begin), a->bytes);
    abandon(cudaErrorIllegalAddress);
}

// The first access to a byte, or a wrong one: looks the allocation up.
static void
global_slow(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    static const Allocation *last;
    const Allocation        *a = last;
    if (!a || a->life != Life::LIVE || address < a->begin || address + bytes > a->begin + a->bytes)
        last = a = memory_find(address);
    if (!a || a->life != Life::LIVE || address + bytes > a->begin + a->bytes || a->device != run.device) {
        last = nullptr;
        global_error(address, bytes, write, pc);
    }
    uint8_t *state = memory.written + (address - memory.arena);
    for (size_t i = 0; !write && i < bytes; i++)
        if (!state[i]) {
            report(CUDASIM_UNINITIALISED, address, bytes, {pc, nullptr, 0},
                   "reads %zu bytes at offset %zu of an allocation of %zu that nothing has written", bytes,
                   (size_t)(address - a->begin), a->bytes);
            memset((void *)(address + i), 0xff, 1);
        }
    memset(state, 1, bytes);
}

template <unsigned N>
static inline void
traffic(uint8_t *by, uint64_t *distinct)
{
    typedef typename Word<N>::type T;
    T                              now, all;
    memset(&all, run.launch, N);
    memcpy(&now, by, N);
    if (now == all)
        return;
    for (unsigned i = 0; i < N; i++)
        *distinct += by[i] != run.launch;
    memcpy(by, &all, N);
}

template <unsigned N>
static inline void
last_writer(uintptr_t address, bool write, bool atomic, const void *pc)
{
    const unsigned bytes = N >= 4 ? 15 : ((1u << N) - 1) << (address & 3);
    uint64_t      *cell  = memory.last + (address - memory.arena) / 4;
    for (unsigned i = 0; i < (N + 3) / 4; i++, cell++) {
        if (__builtin_expect((uint32_t)(*cell >> 32) != run.who && concurrent[*cell >> 56], 0))
            global_race(*cell, (address & ~(uintptr_t)3) + 4 * i, bytes, write, atomic, pc);
        if (write)
            *cell = global_written(*cell, bytes, atomic);
    }
}

template <unsigned N, bool WRITE>
static inline void
global_word(uintptr_t address, bool atomic, const void *pc)
{
    typedef typename Word<N>::type T;
    size_t                         offset = address - memory.arena;
    T                              state, all;
    memset(&all, 1, N);
    memcpy(&state, memory.written + offset, N);
    if (__builtin_expect(state != all || address - run.slice >= SLICE_BYTES, 0))
        global_slow(address, N, WRITE, pc);
    last_writer<N>(address, WRITE, atomic, pc);
    if (__builtin_expect(counting_banks, 0))
        banks_note(address, N, true, pc);
    if (WRITE) {
        run.counters.written_bytes += N;
        traffic<N>(memory.written_by + offset, &run.counters.distinct_written_bytes);
    } else {
        run.counters.read_bytes += N;
        traffic<N>(memory.read_by + offset, &run.counters.distinct_read_bytes);
    }
}

// Neither device nor shared memory: constants of the module, the launch's arguments, pinned memory, or a mistake.
static void
other_access(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    if (address - run.image < run.image_end - run.image)
        return;
    if (!write && address - run.arguments < run.arguments_end - run.arguments)
        return;
    if (memory_is_pinned(address)) {
        const Allocation *a = memory_find(address);
        if (a && a->life == Life::LIVE && address + bytes <= a->begin + a->bytes)
            return;
        global_error(address, bytes, write, pc);
    }
    const char *verb = write ? "writes" : "reads";
    if (address < 4096)
        report(CUDASIM_OUT_OF_BOUNDS, address, bytes, {pc, nullptr, 0}, "%s through a null pointer", verb);
    else
        report(CUDASIM_HOST_POINTER, address, bytes, {pc, nullptr, 0}, "%s host memory at %#lx", verb,
               (unsigned long)address);
    abandon(cudaErrorIllegalAddress);
}

static void
local_access(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    if ((address - run.stacks) / STACK_BYTES == run.index)
        return;
    report(CUDASIM_HOST_POINTER, address, bytes, {pc, nullptr, 0}, "%s a local variable of thread %u of the block",
           write ? "writes" : "reads", (unsigned)((address - run.stacks) / STACK_BYTES));
    abandon(cudaErrorIllegalAddress);
}

static void
misaligned(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    report(CUDASIM_MISALIGNED, address, bytes, {pc, nullptr, 0}, "%s %zu bytes at %#lx, which is no multiple of %zu",
           write ? "writes" : "reads", bytes, (unsigned long)address, bytes);
    abandon(cudaErrorMisalignedAddress);
}

template <unsigned N, bool WRITE>
static inline void
access(void *pointer, const void *pc)
{
    uintptr_t address = (uintptr_t)pointer;
    if (!on_fibre((uintptr_t)__builtin_frame_address(0)))
        return;
    if (on_fibre(address))
        return local_access(address, N, WRITE, pc);
    if (__builtin_expect(address & (N - 1), 0))
        misaligned(address, N, WRITE, pc);
    if (address - memory.arena < ARENA_BYTES)
        return global_word<N, WRITE>(address, false, pc);
    if (address - run.shared < run.shared_end - run.shared)
        return shared_access(address, N, WRITE, false, pc);
    other_access(address, N, WRITE, pc);
}

// Vectors of 16 bytes, and ranges of any length (copies of structs).
static void
access_range(uintptr_t address, size_t bytes, bool write, const void *pc, bool atomic = false)
{
    if (!on_fibre((uintptr_t)__builtin_frame_address(0)))
        return;
    if (on_fibre(address))
        return local_access(address, bytes, write, pc);
    if (address - run.shared < run.shared_end - run.shared)
        return shared_access(address, bytes, write, false, pc);
    if (address - memory.arena >= ARENA_BYTES)
        return other_access(address, bytes, write, pc);
    for (size_t i = 0; i < bytes; i++) {
        bool wide = !((address + i) & 7) && i + 8 <= bytes;
        if (wide && write)
            global_word<8, true>(address + i, atomic, pc);
        else if (wide)
            global_word<8, false>(address + i, atomic, pc);
        else if (write)
            global_word<1, true>(address + i, atomic, pc);
        else
            global_word<1, false>(address + i, atomic, pc);
        i += wide ? 7 : 0;
    }
}

static void
access16(uintptr_t address, bool write, const void *pc)
{
    if (on_fibre((uintptr_t)__builtin_frame_address(0)) && !on_fibre(address) && (address & 15))
        misaligned(address, 16, write, pc);
    access_range(address, 16, write, pc);
}

void
spin(void)
{
    if (++run.lane->spins < 1000)
        return;
    run.lane->spins = 0;
    fibre_leave();
}

}  // namespace cudasim

using namespace cudasim;

#define HIDDEN extern "C" __attribute__((visibility("hidden")))
#define HERE __builtin_return_address(0)
#define TRACE(N)                                                                                                       \
    HIDDEN void __tsan_read##N(void *p)                                                                                \
    {                                                                                                                  \
        access<N, false>(p, HERE);                                                                                     \
    }                                                                                                                  \
    HIDDEN void __tsan_write##N(void *p)                                                                               \
    {                                                                                                                  \
        access<N, true>(p, HERE);                                                                                      \
    }
TRACE(1)
TRACE(2)
TRACE(4)
TRACE(8)
#define TRACE_UNALIGNED(N)                                                                                             \
    HIDDEN void __tsan_unaligned_read##N(void *p)                                                                      \
    {                                                                                                                  \
        access_range((uintptr_t)p, N, false, HERE);                                                                    \
    }                                                                                                                  \
    HIDDEN void __tsan_unaligned_write##N(void *p)                                                                     \
    {                                                                                                                  \
        access_range((uintptr_t)p, N, true, HERE);                                                                     \
    }
TRACE_UNALIGNED(2)
TRACE_UNALIGNED(4)
TRACE_UNALIGNED(8)
TRACE_UNALIGNED(16)
HIDDEN void
__tsan_read16(void *p)
{
    access16((uintptr_t)p, false, HERE);
}
HIDDEN void
__tsan_write16(void *p)
{
    access16((uintptr_t)p, true, HERE);
}
HIDDEN void
__tsan_read_range(void *p, size_t n)
{
    access_range((uintptr_t)p, n, false, HERE);
}
HIDDEN void
__tsan_write_range(void *p, size_t n)
{
    access_range((uintptr_t)p, n, true, HERE);
}
HIDDEN void
__tsan_init(void)
{
}
HIDDEN void
__tsan_func_entry(void *)
{
}
HIDDEN void
__tsan_func_exit(void)
{
}
HIDDEN void
__tsan_vptr_update(void **, void *)
{
}
HIDDEN void
__tsan_vptr_read(void **)
{
}

// Host code of a .cu file may use std::atomic or statics with a constructor.
#define ATOMIC(bits, T)                                                                                                \
    HIDDEN T __tsan_atomic##bits##_load(const T *p, int)                                                               \
    {                                                                                                                  \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                                   \
    }                                                                                                                  \
    HIDDEN void __tsan_atomic##bits##_store(T *p, T v, int)                                                            \
    {                                                                                                                  \
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                                      \
    }                                                                                                                  \
    HIDDEN T __tsan_atomic##bits##_exchange(T *p, T v, int)                                                            \
    {                                                                                                                  \
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                            \
    }                                                                                                                  \
    HIDDEN T __tsan_atomic##bits##_fetch_add(T *p, T v, int)                                                           \
    {                                                                                                                  \
        return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                                             \
    }                                                                                                                  \
    HIDDEN T __tsan_atomic##bits##_fetch_sub(T *p, T v, int)                                                           \
    {                                                                                                                  \
        return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                                             \
    }                                                                                                                  \
    HIDDEN T __tsan_atomic##bits##_fetch_and(T *p, T v, int)                                                           \
    {                                                                                                                  \
        return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                                             \
    }                                                                                                                  \
    HIDDEN T __tsan_atomic##bits##_fetch_or(T *p, T v, int)                                                            \
    {                                                                                                                  \
        return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                                              \
    }                                                                                                                  \
    HIDDEN int __tsan_atomic##bits##_compare_exchange_strong(T *p, T *e, T v, int, int)                                \
    {                                                                                                                  \
        return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                        \
    }
ATOMIC(8, uint8_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

// -fsanitize=bounds: an index outside an array whose length is known to the compiler. The data begins with FILE, line,
// column.
HIDDEN void
__ubsan_handle_out_of_bounds(void *data, void *index)
{
    struct {
        const char *file;
        uint32_t    line, column;
    } at;
    memcpy(&at, data, sizeof at);
    if (!on_fibre((uintptr_t)__builtin_frame_address(0)))
        return;
    report(CUDASIM_ARRAY_BOUNDS, 0, 0, {HERE, at.file, (int)at.line}, "index %ld of an array that is shorter",
           (long)index);
    abandon(cudaErrorIllegalAddress);
}

// What assert() calls, in kernels as in host code of this module.
HIDDEN void
__assert_fail(const char *condition, const char *file, unsigned line, const char *function) noexcept
{
    if (on_fibre((uintptr_t)__builtin_frame_address(0)))
        cudasim_trap(cudaErrorAssert, condition, file, (int)line);
    fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, condition);
    abort();
}

extern "C" void
cudasim_atomic(void *pointer, unsigned bytes, void *pc)
{
    uintptr_t address = (uintptr_t)pointer;
    if (!on_fibre((uintptr_t)__builtin_frame_address(0)))
        return;
    run.counters.atomics++;
    if (address & (bytes - 1))
        misaligned(address, bytes, true, pc);
    if (address - run.shared < run.shared_end - run.shared) {
        shared_access(address, bytes, true, true, pc);
    } else {
        access_range(address, bytes, false, pc, true);
        access_range(address, bytes, true, pc, true);
        global_atomic();
    }
    spin();
}

extern "C" void
cudasim_pause(void)
{
    fibre_leave();
}

// Copies of each thread of the block that it has not waited for: the group that they were committed with.
struct AsyncCopy {
    uintptr_t to, from;
    size_t    bytes, group;
    bool      committed;
};
static std::vector<AsyncCopy> copies[MAX_THREADS];
static size_t                 groups[MAX_THREADS];

void
cudasim::copies_begin_block(void)
{
    for (unsigned i = 0; i < block.threads; i++) {
        copies[i].clear();
        groups[i] = 0;
    }
}

extern "C" void
cudasim_copy_async(void *to, const void *from, size_t bytes, void *pc)
{
    const uintptr_t target = (uintptr_t)to, source = (uintptr_t)from;
    if (bytes != 4 && bytes != 8 && bytes != 16) {
        report(CUDASIM_BAD_ARGUMENT, target, bytes, {pc, nullptr, 0}, "an asynchronous copy of %zu bytes", bytes);
        abandon(cudaErrorIllegalAddress);
    }
    if ((target | source) & (bytes - 1))
        misaligned(target, bytes, true, pc);
    if (target - run.shared >= run.shared_end - run.shared) {
        report(CUDASIM_BAD_ARGUMENT, target, bytes, {pc, nullptr, 0}, "an asynchronous copy not into shared memory");
        abandon(cudaErrorIllegalAddress);
    }
    shared_access(target, bytes, true, false, pc);
    if (bytes == 4)
        access<4, false>((void *)from, pc);
    else
        access_range(source, bytes, false, pc);
    shared_forget(target, bytes);
    copies[run.index].push_back({target, source, bytes, groups[run.index], false});
}

extern "C" void
cudasim_copy_commit(void)
{
    for (auto &copy : copies[run.index])
        copy.committed = true;
    groups[run.index]++;
}

// Waits for all groups but the last `prior` ones. The samples come now, and with them a write that others must not be
// in the middle of reading.
extern "C" void
cudasim_copy_wait(size_t prior, void *pc)
{
    std::vector<AsyncCopy> later;
    const bool             counted = counting_banks;
    counting_banks                 = false;  // they were, at the call
    for (const auto &copy : copies[run.index]) {
        if (!copy.committed || copy.group + prior >= groups[run.index]) {
            later.push_back(copy);
            continue;
        }
        shared_access(copy.to, copy.bytes, true, false, pc);
        run.counters.shared_accesses--;
        memcpy((void *)copy.to, (const void *)copy.from, copy.bytes);
    }
    copies[run.index] = std::move(later);
    counting_banks    = counted;
}
