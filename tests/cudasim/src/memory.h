// Memory of the simulated devices, as the simulator sees it: where allocations lie, which of their bytes were written,
// and what the host must not touch. All under api_mutex.
#pragma once

#include "include/sim/types.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cudasim
{

constexpr int    MAX_DEVICES = 8;
constexpr size_t SLICE_BYTES = (size_t)8 << 30, ARENA_BYTES = MAX_DEVICES * SLICE_BYTES;
constexpr size_t PINNED_BYTES = (size_t)16 << 30;

// --- memory.cpp: device memory in one arena, a slice a device; pinned host memory in another. Beside each device byte
// lie five of state. Addresses are not used again before an arena has gone round.
enum class Life { LIVE, FREED };
struct Allocation {
    uintptr_t begin;
    size_t    bytes;
    int       device;
    Life      life;
};
struct Memory {
    uintptr_t arena, pinned;
    uint8_t  *written, *read_by, *written_by;  // a byte each: initialised; the launch that last read or wrote it
    uint64_t *last;                            // of each four bytes: the last writer (global.cpp)
};
extern Memory memory;
void          memory_init(void);
void          memory_reset(void);
void          memory_forget_launches(void);         // read_by and written_by
bool          memory_is_device(uintptr_t address);  // by address alone
bool          memory_is_pinned(uintptr_t address);
Allocation   *memory_find(uintptr_t address);  // at or below, of either arena, freed ones too; NULL: none
cudaError_t   memory_new(size_t bytes, int device, uintptr_t *out);
cudaError_t   memory_new_pinned(size_t bytes, uintptr_t *out);
void          memory_free(Allocation *allocation);  // contents and state are gone, the range is remembered
size_t        memory_used(int device);
void          memory_free_device(int device);  // all of it
void          memory_leaks(void);
// For calls that work on whole ranges of device memory, and on pinned memory. false: reported.
bool memory_check(uintptr_t address, size_t bytes, const char *what);
bool memory_check_written(uintptr_t address, size_t bytes, const char *what);
void memory_mark_written(uintptr_t address, size_t bytes);
void memory_count(uintptr_t address, size_t bytes, bool write);  // traffic of a library call

// --- guard.cpp: what the host must not touch now is mapped so that it can't
void guard_init(void);
void guard_reset(void);
void guard_open(void);                                           // the device works: all memory can be touched
void guard_close(void);                                          // the host's turn
int  guard_add(uintptr_t address, size_t bytes, bool readable);  // pinned memory of a copy put off; an id
void guard_remove(int id);
bool guard_overlaps(uintptr_t address, size_t bytes);

// --- global.cpp: work nests where one is run between two blocks of another.
extern bool           concurrent[256];  // by launch: it and the present work run at the same time, or are the same
void                  global_begin_work(void);
void                  global_end_work(void);
void                  global_begin_block(uint32_t number);  // 0 .. in the order in which they run
std::vector<uint32_t> global_swap_published(std::vector<uint32_t> of);
void     global_race(uint64_t cell, uintptr_t word, unsigned bytes, bool write, bool atomic, const void *pc);
uint64_t global_written(uint64_t cell, unsigned bytes, bool atomic);  // what the cell becomes
void     global_atomic(void);
void     global_range(uintptr_t address, size_t bytes, bool write);

}  // namespace cudasim
