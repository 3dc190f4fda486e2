// Warp accesses: what a multiprocessor makes of the accesses of a warp's lanes at one instruction. Lanes run one after
// the other here, so an access is noted with its instruction and how often the lane had been there since the warp's
// last exchange or barrier; equal pairs of different lanes are one access of the warp. Shared memory has 32 banks of
// four bytes: 32 lanes of up to four bytes, 16 of eight or 8 of sixteen go together, and each further word of a bank
// takes another turn. Global memory moves in sectors of 32 bytes.
//
// An access that the simulator's compiler cuts or repeats is counted as it is there, so these are counts of the
// source's accesses and not of nvcc's instructions. Off by default: it takes several times as long.
#include "internal.h"
#include "warps.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace cudasim
{

struct Note {
    const void *pc;
    uint32_t    turn;  // of the lane at this instruction
    uint8_t     lane, bytes;
    bool        global;
    uintptr_t   address;
};
bool                                              counting_banks;
static std::vector<Note>                          notes[LANES];  // by warp of the block
static std::unordered_map<const void *, uint32_t> turns[MAX_THREADS];

constexpr unsigned BANKS = 32, WORD = 4, SECTOR = 32;

void
banks_note(uintptr_t address, size_t bytes, bool global, const void *pc)
{
    const unsigned lane = run.index;
    notes[lane / LANES].push_back({pc, turns[lane][pc]++, (uint8_t)(lane % LANES), (uint8_t)bytes, global, address});
}

static unsigned
distinct(std::vector<uintptr_t> *units)
{
    std::sort(units->begin(), units->end());
    units->erase(std::unique(units->begin(), units->end()), units->end());
    return (unsigned)units->size();
}

// Lanes that go together: the words of the fullest bank.
static unsigned
shared_turns(const std::vector<const Note *> &lanes)
{
    std::vector<uintptr_t> words[BANKS];
    unsigned               most = 0;
    for (const Note *note : lanes)
        for (uintptr_t word = note->address / WORD; word <= (note->address + note->bytes - 1) / WORD; word++)
            words[word % BANKS].push_back(word);
    for (auto &bank : words)
        most = std::max(most, distinct(&bank));
    return most;
}

static void
count_shared(const Note *first, const Note *last)
{
    const unsigned together = LANES * WORD / std::max<unsigned>(first->bytes, WORD);
    for (unsigned begin = 0; begin < LANES; begin += together) {
        std::vector<const Note *> lanes;
        for (const Note *note = first; note < last; note++)
            if (note->lane >= begin && note->lane < begin + together)
                lanes.push_back(note);
        if (lanes.empty())
            continue;
        run.counters.shared_least++;
        run.counters.shared_turns += shared_turns(lanes);
    }
}

static void
count_global(const Note *first, const Note *last)
{
    std::vector<uintptr_t> sectors, bytes;
    for (const Note *note = first; note < last; note++)
        for (unsigned i = 0; i < note->bytes; i++) {
            bytes.push_back(note->address + i);
            sectors.push_back((note->address + i) / SECTOR);
        }
    run.counters.sectors += distinct(&sectors);
    run.counters.sectors_least += (distinct(&bytes) + SECTOR - 1) / SECTOR;
}

// What the lanes of this warp did since the last time is complete.
void
banks_close_warp(unsigned warp)
{
    if (!counting_banks || notes[warp].empty())
        return;
    auto key = [](const Note &note) { return std::make_tuple(note.pc, note.turn, note.lane); };
    std::sort(notes[warp].begin(), notes[warp].end(), [key](const Note &a, const Note &b) { return key(a) < key(b); });
    const Note *at = notes[warp].data(), *end = at + notes[warp].size();
    while (at < end) {
        const Note *last = at + 1;
        while (last < end && last->pc == at->pc && last->turn == at->turn)
            last++;
        if (at->global)
            count_global(at, last);
        else
            count_shared(at, last);
        at = last;
    }
    notes[warp].clear();
    for (unsigned lane = 0; lane < LANES; lane++)
        turns[warp * LANES + lane].clear();
}

void
banks_close_block(void)
{
    for (unsigned warp = 0; warp < LANES; warp++)
        banks_close_warp(warp);
}

}  // namespace cudasim

extern "C" void
cudasim_count_banks(bool wanted)
{
    cudasim::counting_banks = wanted;
}
