// Device memory and pinned host memory: where allocations lie, and which bytes of them were written.
#include "internal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace cudasim
{

Memory memory;

constexpr uintptr_t PAGE = 4096;

// A range of addresses of which allocations take pieces, each with an unused page on either side.
struct Area {
    uintptr_t                       begin, end, next;
    std::map<uintptr_t, Allocation> pieces;
};
static Area   areas[MAX_DEVICES + 1];  // the last one is pinned memory
static size_t used[MAX_DEVICES + 1];

static void *
reserve(size_t bytes, int protection)
{
    void *map = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        perror("cudasim: address space");
        abort();
    }
    return map;
}

void
memory_init(void)
{
    memory.arena      = (uintptr_t)reserve(ARENA_BYTES, PROT_NONE);
    memory.pinned     = (uintptr_t)reserve(PINNED_BYTES, PROT_NONE);
    memory.written    = (uint8_t *)reserve(ARENA_BYTES, PROT_READ | PROT_WRITE);
    memory.read_by    = (uint8_t *)reserve(ARENA_BYTES, PROT_READ | PROT_WRITE);
    memory.written_by = (uint8_t *)reserve(ARENA_BYTES, PROT_READ | PROT_WRITE);
    memory.last       = (uint64_t *)reserve(ARENA_BYTES / 4 * sizeof *memory.last, PROT_READ | PROT_WRITE);
    for (int i = 0; i < MAX_DEVICES; i++)
        areas[i].begin = areas[i].next = memory.arena + i * SLICE_BYTES, areas[i].end = areas[i].begin + SLICE_BYTES;
    areas[MAX_DEVICES].begin = areas[MAX_DEVICES].next = memory.pinned;
    areas[MAX_DEVICES].end                             = memory.pinned + PINNED_BYTES;
}

bool
memory_is_device(uintptr_t address)
{
    return address - memory.arena < ARENA_BYTES;
}

bool
memory_is_pinned(uintptr_t address)
{
    return address - memory.pinned < PINNED_BYTES;
}

static Area *
area_of(uintptr_t address)
{
    if (memory_is_device(address))
        return &areas[(address - memory.arena) / SLICE_BYTES];
    return memory_is_pinned(address) ? &areas[MAX_DEVICES] : nullptr;
}

Allocation *
memory_find(uintptr_t address)
{
    Area *area = area_of(address);
    if (!area)
        return nullptr;
    auto at = area->pieces.upper_bound(address);
    return at == area->pieces.begin() ? nullptr : &std::prev(at)->second;
}

// First place from `next` on where nothing live lies; the state of what was freed there is dropped. 0: none before the
// end.
static uintptr_t
place(Area *area, size_t span)
{
    uintptr_t at    = area->next;
    auto      piece = area->pieces.lower_bound(at);
    while (at + span <= area->end) {
        if (piece == area->pieces.end() || piece->first >= at + span)
            return at;
        if (piece->second.life == Life::LIVE)
            at = ((piece->first + piece->second.bytes + PAGE - 1) & ~(PAGE - 1)) + PAGE;
        piece = piece->second.life == Life::LIVE ? std::next(piece) : area->pieces.erase(piece);
    }
    return 0;
}

static uintptr_t
take(Area *area, size_t bytes, int device)
{
    size_t    span = ((bytes + PAGE - 1) & ~(PAGE - 1)) + PAGE;
    uintptr_t at   = place(area, span + PAGE);
    if (!at) {
        area->next = area->begin;
        at         = place(area, span + PAGE);
    }
    if (!at)
        return 0;
    area->next = at + span;
    used[area - areas] += bytes;
    area->pieces[at + PAGE] = {at + PAGE, bytes, device, Life::LIVE};
    return at + PAGE;
}

size_t
memory_used(int device)
{
    return used[device];
}

cudaError_t
memory_new(size_t bytes, int device, uintptr_t *out)
{
    if (memory_used(device) + bytes > devices[device].limit)
        return cudaErrorMemoryAllocation;
    uintptr_t at = take(&areas[device], bytes, device);
    if (!at)
        return cudaErrorMemoryAllocation;
    *out = at;
    return cudaSuccess;
}

cudaError_t
memory_new_pinned(size_t bytes, uintptr_t *out)
{
    uintptr_t at = take(&areas[MAX_DEVICES], bytes, -1);
    if (!at)
        return cudaErrorMemoryAllocation;
    mprotect((void *)at, (bytes + PAGE - 1) & ~(PAGE - 1), PROT_READ | PROT_WRITE);
    *out = at;
    return cudaSuccess;
}

static void
drop(void *begin, size_t bytes)
{
    madvise(begin, (bytes + PAGE - 1) & ~(PAGE - 1), MADV_DONTNEED);
}

void
memory_free(Allocation *allocation)
{
    drop((void *)allocation->begin, allocation->bytes);
    if (memory_is_device(allocation->begin)) {
        size_t offset = allocation->begin - memory.arena;
        drop(memory.written + offset, allocation->bytes);
        drop(memory.read_by + offset, allocation->bytes);
        drop(memory.written_by + offset, allocation->bytes);
        drop(memory.last + offset / 4, allocation->bytes * 2);
    } else {
        mprotect((void *)allocation->begin, (allocation->bytes + PAGE - 1) & ~(PAGE - 1), PROT_NONE);
    }
    allocation->life = Life::FREED;
    used[area_of(allocation->begin) - areas] -= allocation->bytes;
}

void
memory_free_device(int device)
{
    for (auto &piece : areas[device].pieces)
        if (piece.second.life == Life::LIVE)
            memory_free(&piece.second);
}

void
memory_reset(void)
{
    for (int i = 0; i <= MAX_DEVICES; i++)
        memory_free_device(i);
}

void
memory_forget_launches(void)
{
    for (int i = 0; i < MAX_DEVICES; i++)
        for (const auto &piece : areas[i].pieces) {
            if (piece.second.life == Life::FREED)
                continue;
            size_t offset = piece.first - memory.arena;
            drop(memory.read_by + offset, piece.second.bytes);
            drop(memory.written_by + offset, piece.second.bytes);
            drop(memory.last + offset / 4, piece.second.bytes * 2);
        }
}

// On a device that broke nothing can be freed any more, so nothing there is a leak.
void
memory_leaks(void)
{
    bool any_broke = false;
    for (const auto &d : devices)
        any_broke |= d.sticky != 0;
    for (int i = 0; i <= MAX_DEVICES; i++)
        for (const auto &piece : areas[i].pieces)
            if (piece.second.life == Life::LIVE && !(i < (int)devices.size() ? devices[i].sticky != 0 : any_broke))
                report(CUDASIM_LEAK, piece.first, piece.second.bytes, {(const void *)piece.first, nullptr, 0},
                       "%zu bytes of %s memory were never freed", piece.second.bytes,
                       i < MAX_DEVICES ? "device" : "pinned");
}

bool
memory_check(uintptr_t address, size_t bytes, const char *what)
{
    const Allocation *a = memory_find(address);
    if (!a || (a->life == Life::LIVE ? address + bytes : address + 1) > a->begin + a->bytes) {
        report(CUDASIM_OUT_OF_BOUNDS, address, bytes, {nullptr, what, 0},
               "%zu bytes at %#lx lie outside every allocation", bytes, (unsigned long)address);
        return false;
    }
    if (a->life == Life::FREED) {
        report(CUDASIM_USE_AFTER_FREE, address, bytes, {nullptr, what, 0}, "%zu bytes at %#lx were freed", bytes,
               (unsigned long)address);
        return false;
    }
    if (a->device >= 0 && run.kernel && a->device != run.device) {
        report(CUDASIM_WRONG_DEVICE, address, bytes, {nullptr, what, 0}, "memory of device %d used on device %d",
               a->device, run.device);
        return false;
    }
    return true;
}

bool
memory_check_written(uintptr_t address, size_t bytes, const char *what)
{
    if (!memory_check(address, bytes, what))
        return false;
    const uint8_t *state = memory.written + (address - memory.arena);
    if (!memory_is_device(address) || !memchr(state, 0, bytes))
        return true;
    size_t first = (size_t)((const uint8_t *)memchr(state, 0, bytes) - state);
    report(CUDASIM_UNINITIALISED, address + first, bytes, {nullptr, what, 0},
           "reads %zu bytes of which byte %zu was never written", bytes, first);
    return true;
}

void
memory_mark_written(uintptr_t address, size_t bytes)
{
    if (memory_is_device(address))
        memset(memory.written + (address - memory.arena), 1, bytes);
}

void
memory_count(uintptr_t address, size_t bytes, bool write)
{
    uint8_t  *by       = write ? memory.written_by : memory.read_by;
    uint64_t *all      = write ? &run.counters.written_bytes : &run.counters.read_bytes;
    uint64_t *distinct = write ? &run.counters.distinct_written_bytes : &run.counters.distinct_read_bytes;
    *all += bytes;
    if (!memory_is_device(address))
        return;
    global_range(address, bytes, write);
    by += address - memory.arena;
    *distinct += bytes - (size_t)std::count(by, by + bytes, run.launch);
    memset(by, run.launch, bytes);
}

}  // namespace cudasim
