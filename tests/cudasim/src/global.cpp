// Global memory between blocks and between launches: who wrote each word last. Two blocks of a launch that use the same
// byte, one of them to write it, race, unless the writer went through __threadfence and an atomic, and the reader
// through an atomic after that (the block that comes last and adds up what the others left). Atomics among themselves
// are no race. Launches that no stream order and no event separate race whatever they do in between: the simulator runs
// one of them between two blocks of the other (stream.cpp).
//
// Only the last writer is kept, and no reader: a write after a read is found in another order of blocks, where it is a
// read after a write.
#include "internal.h"

namespace cudasim
{

// A word of four bytes: launch (8 bits) and block (24), which bytes it wrote (4), atomically (1), number of the write
// within the block (27). Blocks are numbered in the order in which they run; 0 is a copy or a library's call.
constexpr unsigned LAUNCH_SHIFT = 56, BLOCK_SHIFT = 32, BYTES_SHIFT = 28, ATOMIC_SHIFT = 27;
constexpr uint32_t MOST_BLOCK = (1u << 24) - 1, MOST_WRITE = (1u << ATOMIC_SHIFT) - 1;

bool                         concurrent[256];
static uint64_t              begun[256], beginnings;
static std::vector<uint8_t>  running;
static std::vector<uint32_t> published;  // of the launch that runs: by block, its writes that its last atomic published
static struct {
    uint32_t writes, fenced;
    bool     acquired;
} now;

// Work that began while the present one runs, or that runs around it.
static void
find_concurrent(void)
{
    for (unsigned i = 0; i < 256; i++)
        concurrent[i] = !running.empty() && begun[i] > begun[running.back()];
    for (uint8_t launch : running)
        concurrent[launch] = true;
}

void
global_begin_work(void)
{
    begun[run.launch] = ++beginnings;
    running.push_back(run.launch);
    run.who = (uint32_t)run.launch << 24;
    find_concurrent();
}

void
global_end_work(void)
{
    running.pop_back();
    find_concurrent();
}

void
global_begin_block(uint32_t number)
{
    if (number == 0)
        published.clear();
    number = number < MOST_BLOCK - 1 ? number + 1 : MOST_BLOCK;
    if (published.size() <= number)
        published.resize(number + 1, 0);
    run.who = (uint32_t)run.launch << 24 | number;
    now     = {0, 0, false};
}

std::vector<uint32_t>
global_swap_published(std::vector<uint32_t> of)
{
    std::swap(published, of);
    return of;
}

static bool
ordered(uint64_t cell)
{
    const uint32_t number = (uint32_t)(cell >> BLOCK_SHIFT) & MOST_BLOCK;
    return number == MOST_BLOCK || (now.acquired && published[number] >= ((uint32_t)cell & MOST_WRITE));
}

// Another block, or another launch, wrote some of these bytes.
void
global_race(uint64_t cell, uintptr_t word, unsigned bytes, bool write, bool atomic, const void *pc)
{
    const bool same_launch = cell >> LAUNCH_SHIFT == run.launch;
    if (!((cell >> BYTES_SHIFT) & bytes))
        return;
    if (same_launch && ((atomic && (cell >> ATOMIC_SHIFT & 1)) || ordered(cell)))
        return;
    report(same_launch ? CUDASIM_RACE_BLOCKS : CUDASIM_RACE_LAUNCHES, word, 4, {pc, nullptr, 0},
           "%s global memory at %#lx, which another %s wrote, and nothing orders the two", write ? "writes" : "reads",
           (unsigned long)word, same_launch ? "block of the launch" : "stream's work");
}

uint64_t
global_written(uint64_t cell, unsigned bytes, bool atomic)
{
    now.writes += now.writes < MOST_WRITE;
    const uint64_t kept = (uint32_t)(cell >> BLOCK_SHIFT) == run.who ? cell >> BYTES_SHIFT & 15 : 0;
    return (uint64_t)run.who << BLOCK_SHIFT | (kept | bytes) << BYTES_SHIFT | (uint64_t)atomic << ATOMIC_SHIFT |
           now.writes;
}

void
global_fence(void)
{
    now.fenced = now.writes;
}

// After the atomic's own write: what was fenced before it can be read by those that see it.
void
global_atomic(void)
{
    published[run.who & MOST_BLOCK] = now.fenced;
    now.acquired                    = true;
}

// Of a copy or a library's call. What reads and writes in order needs no record: only work beside a kernel does.
void
global_range(uintptr_t address, size_t bytes, bool write)
{
    if (running.size() < 2 || !memory_is_device(address))
        return;
    for (uintptr_t word = address & ~(uintptr_t)3; word < address + bytes; word += 4) {
        uint64_t *cell  = memory.last + (word - memory.arena) / 4;
        unsigned  begin = word < address ? (unsigned)(address - word) : 0;
        unsigned  end   = word + 4 > address + bytes ? (unsigned)(address + bytes - word) : 4;
        unsigned  mask  = (1u << end) - (1u << begin);
        if ((uint32_t)(*cell >> BLOCK_SHIFT) != run.who && concurrent[*cell >> LAUNCH_SHIFT])
            global_race(*cell, word, mask, write, false, nullptr);
        if (write)
            *cell = global_written(*cell, mask, false);
    }
}

}  // namespace cudasim

using namespace cudasim;

extern "C" void
cudasim_fence(void)
{
    if (run.lane)
        global_fence();
}
