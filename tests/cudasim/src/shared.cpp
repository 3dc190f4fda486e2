// Shared memory: what each word of it was last used for in this block. Two accesses of different threads, one of them a
// write, need a barrier between (the block's epoch), or, within a warp, a __syncwarp of both lanes; shuffles and votes
// order nothing, as in CUDA. Atomics among themselves are no race. What a block has not written is uninitialised: a
// read of it is reported and finds all bits set.
#include "internal.h"
#include "warps.h"

#include <cstring>

namespace cudasim
{

struct Cell {
    uint32_t generation;  // the block that the rest is about
    uint8_t  written, write_bytes, read_bytes;
    bool     write_atomic;
    bool     readers_of_warps, writers_of_warps;  // of more than one (several can write by atomics alone)
    uint32_t write_epoch, write_stamp, read_epoch, read_stamp, readers;
    uint16_t writer, read_warp;
};
static std::vector<Cell> cells;

void
shared_begin_launch(void)
{
    size_t words = (run.shared_end - run.shared) / 4 + 2;
    if (cells.size() < words)
        cells.resize(words);
}

static void
race(unsigned other, bool before_write, uintptr_t address, size_t bytes, bool write, const void *pc)
{
    bool within = other / LANES == run.index / LANES;
    auto tid    = block.lanes[other].tid;
    report(within ? CUDASIM_RACE_WARP : CUDASIM_RACE, address, bytes, {pc, nullptr, 0},
           "%s %s, which thread (%u,%u,%u) %s, with no %s between", write ? "writes" : "reads",
           shared_name(address).c_str(), tid.x, tid.y, tid.z, before_write ? "wrote" : "read",
           within ? "__syncwarp" : "__syncthreads");
}

static void
uninitialised(Cell *cell, uint8_t mask, uintptr_t word, size_t bytes, const void *pc)
{
    report(CUDASIM_SHARED_UNINITIALISED, word, bytes, {pc, nullptr, 0}, "reads %s, which this block has not written",
           shared_name(word).c_str());
    for (unsigned i = 0; i < 4; i++)
        if ((mask & ~cell->written) >> i & 1)
            memset((void *)(word + i), 0xff, 1);
    cell->written |= mask;
}

// A write after reads: every reader must have been waited for.
static void
check_readers(const Cell *cell, uintptr_t word, const void *pc)
{
    unsigned me = run.index, warp = me / LANES;
    if (cell->readers_of_warps || cell->read_warp != warp) {
        unsigned first = cell->read_warp * LANES + (unsigned)__builtin_ctz(cell->readers | 0x80000000u);
        if (cell->read_warp == warp)
            first = (cell->read_warp ? 0 : LANES);  // some thread of another warp; which one was not kept
        return race(first < block.threads ? first : 0, false, word, 4, true, pc);
    }
    for (uint32_t left = cell->readers & ~(1u << me % LANES); left; left &= left - 1) {
        unsigned lane = (unsigned)__builtin_ctz(left);
        if (!ordered_in_warp(&block.warps[warp], me % LANES, lane, cell->read_stamp))
            return race(warp * LANES + lane, false, word, 4, true, pc);
    }
}

static void
remember_read(Cell *cell, uint8_t mask)
{
    unsigned    me = run.index, lane = me % LANES;
    const Warp *warp = &block.warps[me / LANES];
    if (cell->read_epoch != block.epoch || cell->read_bytes != mask) {
        cell->read_epoch = block.epoch, cell->read_bytes = mask, cell->readers_of_warps = false;
        cell->read_warp = (uint16_t)(me / LANES), cell->readers = 1u << lane, cell->read_stamp = warp->stamp;
    } else if (cell->read_warp != me / LANES) {
        cell->readers_of_warps = true;
    } else if (cell->read_stamp == warp->stamp) {
        cell->readers |= 1u << lane;
    } else {
        // Readers that this one is ordered after need no memory: who comes after this one comes after them.
        uint32_t kept = 0;
        for (uint32_t left = cell->readers; left; left &= left - 1) {
            unsigned other = (unsigned)__builtin_ctz(left);
            if (other != lane && !ordered_in_warp(warp, lane, other, cell->read_stamp))
                kept |= 1u << other;
        }
        cell->readers    = kept | 1u << lane;
        cell->read_stamp = kept ? cell->read_stamp : warp->stamp;
    }
}

static inline void
touch(Cell *cell, uint8_t mask, uintptr_t word, bool write, bool atomic, const void *pc)
{
    unsigned me = run.index, warp = me / LANES;
    if (cell->generation != block.generation) {
        *cell            = Cell();
        cell->generation = block.generation;
    }
    if ((!write || atomic) && (cell->written & mask) != mask)
        uninitialised(cell, mask, word, (size_t)__builtin_popcount(mask), pc);
    if (cell->write_epoch == block.epoch && cell->writer != me && (cell->write_bytes & mask) &&
        !(atomic && cell->write_atomic) &&
        (cell->writer / LANES != warp ||
         !ordered_in_warp(&block.warps[warp], me % LANES, cell->writer % LANES, cell->write_stamp)))
        race(cell->writer, true, word, 4, write, pc);
    else if (cell->write_epoch == block.epoch && cell->writers_of_warps && !atomic)
        race(warp ? 0 : LANES, true, word, 4, write, pc);  // some thread of another warp; which one was not kept
    if (!write)
        return remember_read(cell, mask);
    if (cell->read_epoch == block.epoch && (cell->read_bytes & mask))
        check_readers(cell, word, pc);
    bool this_epoch = cell->write_epoch == block.epoch, again = this_epoch && cell->writer == me;
    cell->writers_of_warps =
        this_epoch && atomic && (cell->writers_of_warps || (cell->write_atomic && cell->writer / LANES != warp));
    cell->write_bytes  = (uint8_t)((again ? cell->write_bytes : 0) | mask);
    cell->write_epoch  = block.epoch;
    cell->writer       = (uint16_t)me;
    cell->write_stamp  = block.warps[warp].stamp;
    cell->write_atomic = atomic;
    cell->written |= mask;
}

static void
outside(uintptr_t address, size_t bytes, bool write, const void *pc)
{
    report(CUDASIM_SHARED_BOUNDS, address, bytes, {pc, nullptr, 0}, "%s %zu bytes at %s", write ? "writes" : "reads",
           bytes, shared_name(address).c_str());
    abandon(cudaErrorIllegalAddress);
}

void
shared_forget(uintptr_t address, size_t bytes)
{
    for (uintptr_t word = address; word < address + bytes; word += 4)
        cells[(word - run.shared) / 4].written = 0;
}

void
shared_access(uintptr_t address, size_t bytes, bool write, bool atomic, const void *pc)
{
    size_t offset = address - run.shared;
    run.counters.shared_accesses++;
    if (address + bytes > run.shared_end || !run.shared_valid[offset] || !run.shared_valid[offset + bytes - 1])
        outside(address, bytes, write, pc);
    if (__builtin_expect(counting_banks, 0))
        banks_note(address, bytes, false, pc);
    while (bytes) {
        size_t  skip = offset & 3, here = bytes < 4 - skip ? bytes : 4 - skip;
        uint8_t mask = (uint8_t)(((1u << here) - 1) << skip);
        touch(&cells[offset / 4], mask, run.shared + (offset & ~(size_t)3), write, atomic, pc);
        offset += here;
        bytes -= here;
    }
}

}  // namespace cudasim
