// Exchanges within a warp: the last lane of a mask to come works the result out for all of them.
#include "internal.h"
#include "warps.h"

namespace cudasim
{

void
warp_reset(Warp *warp, uint32_t exists)
{
    warp->exists = exists;
    warp->exited = warp->stamp = warp->full = 0;
    warp->partial                           = false;
}

bool
ordered_in_warp(const Warp *warp, unsigned me, unsigned other, uint32_t stamp)
{
    return warp->full > stamp || (warp->partial && warp->known[me][other] > stamp);
}

// A __syncwarp: each lane of the set now comes after all that any of them came after, and after what they did until
// now.
static void
synchronise(Warp *warp, uint32_t set)
{
    uint32_t now = ++warp->stamp;
    if (set == (warp->exists & ~warp->exited)) {
        warp->full = now;
        return;
    }
    if (!warp->partial)
        for (auto &row : warp->known)
            for (auto &k : row)
                k = 0;
    warp->partial = true;
    for (unsigned other = 0; other < LANES; other++) {
        uint32_t most = 0;
        for (unsigned lane = 0; lane < LANES; lane++)
            if ((set >> lane & 1) && warp->known[lane][other] > most)
                most = warp->known[lane][other];
        for (unsigned lane = 0; lane < LANES; lane++)
            if (set >> lane & 1)
                warp->known[lane][other] = set >> other & 1 ? now : most;
    }
}

static uint64_t
shuffle(const Lane *lanes, unsigned me, uint32_t set, Place place)
{
    int source = lanes[me].source;
    if (source < 0)
        return lanes[me].value;
    if (source < (int)LANES && (set >> source & 1))
        return lanes[source].value;
    Lane *caller = run.lane;
    run.lane     = &block.lanes[&lanes[me] - block.lanes];
    report(CUDASIM_WARP_MASK, 0, 0, place, "lane %u reads lane %d, which is %s", me, source,
           lanes[me].mask >> (source & 31) & 1 ? "gone" : "not in the mask");
    run.lane = caller;
    return UINT64_MAX;
}

static uint64_t
reduce(int kind, uint64_t a, uint64_t b)
{
    switch (kind) {
    case CUDASIM_WARP_ADD: return a + b;
    case CUDASIM_WARP_MIN: return (uint64_t)((int64_t)a < (int64_t)b ? a : b);
    case CUDASIM_WARP_MAX: return (uint64_t)((int64_t)a > (int64_t)b ? a : b);
    case CUDASIM_WARP_UMIN: return a < b ? a : b;
    case CUDASIM_WARP_UMAX: return a > b ? a : b;
    case CUDASIM_WARP_AND: return a & b;
    case CUDASIM_WARP_XOR: return a ^ b;
    default: return a | b;
    }
}

// Of votes and matches: the lanes that answered yes, or that have `value`.
static uint32_t
matching(const Lane *lanes, uint32_t set, uint64_t value)
{
    uint32_t found = 0;
    for (uint32_t left = set; left; left &= left - 1) {
        unsigned lane = (unsigned)__builtin_ctz(left);
        if (lanes[lane].value == value)
            found |= 1u << lane;
    }
    return found;
}

static uint64_t
answer(const Lane *lanes, unsigned me, uint32_t set, uint64_t reduced)
{
    switch (lanes[me].kind) {
    case CUDASIM_WARP_SYNC: return 0;
    case CUDASIM_WARP_SHFL:
    case CUDASIM_WARP_SHFL_UP:
    case CUDASIM_WARP_SHFL_DOWN:
    case CUDASIM_WARP_SHFL_XOR: return shuffle(lanes, me, set, {nullptr, lanes[me].file, lanes[me].line});
    case CUDASIM_WARP_BALLOT:
    case CUDASIM_WARP_ANY: return matching(lanes, set, 1);
    case CUDASIM_WARP_ALL: return matching(lanes, set, 1) == set;
    case CUDASIM_WARP_MATCH_ANY: return matching(lanes, set, lanes[me].value);
    case CUDASIM_WARP_MATCH_ALL: return matching(lanes, set, lanes[me].value) == set ? set : 0;
    default: return reduced;
    }
}

static void
complete(unsigned first, unsigned member, uint32_t set)
{
    Lane    *lanes   = &block.lanes[first];
    Warp    *warp    = &block.warps[first / LANES];
    uint64_t reduced = lanes[member].value;
    if (set == (warp->exists & ~warp->exited))
        banks_close_warp(first / LANES);
    for (uint32_t left = set & ~(1u << member); left; left &= left - 1)
        reduced = reduce(lanes[member].kind, reduced, lanes[__builtin_ctz(left)].value);
    for (uint32_t left = set; left; left &= left - 1) {
        unsigned lane      = (unsigned)__builtin_ctz(left);
        lanes[lane].result = answer(lanes, lane, set, reduced);
        lanes[lane].state  = State::READY;
    }
    if (lanes[member].kind == CUDASIM_WARP_SYNC)
        synchronise(warp, set);
    block.progress++;
}

// Whether all of the mask that are still there wait in the same exchange; reports lanes that never can.
static bool
gathered(unsigned first, unsigned me, uint32_t set)
{
    const Lane *mine = &block.lanes[first + me];
    bool        all  = true;
    for (uint32_t left = set; left; left &= left - 1) {
        const Lane *other = &block.lanes[first + (unsigned)__builtin_ctz(left)];
        if (other->state != State::WARP) {
            all = false;
        } else if (other->kind != mine->kind || other->mask != mine->mask) {
            all = false;
            if (!(other->mask >> me & 1))
                continue;
            report(CUDASIM_WARP_MASK, 0, 0, {nullptr, mine->file, mine->line},
                   "lane %u comes with mask %#x, lane %u waits for it at line %d with mask %#x%s", me, mine->mask,
                   (unsigned)__builtin_ctz(left), other->line, other->mask,
                   other->kind != mine->kind ? ", in another kind of exchange" : "");
            abandon(cudaErrorLaunchFailure);
        }
    }
    return all;
}

void
warp_lane_left(unsigned index)
{
    unsigned first = index / LANES * LANES;
    Warp    *warp  = &block.warps[index / LANES];
    warp->exited |= 1u << index % LANES;
    uint32_t left = warp->exists & ~warp->exited;
    for (uint32_t lanes = left; lanes; lanes &= lanes - 1) {
        unsigned lane = (unsigned)__builtin_ctz(lanes);
        uint32_t set  = block.lanes[first + lane].mask & left;
        if (block.lanes[first + lane].state == State::WARP && gathered(first, lane, set))
            complete(first, lane, set);
    }
}

}  // namespace cudasim

using namespace cudasim;

extern "C" uint64_t
cudasim_warp(int kind, unsigned mask, uint64_t value, int source, const char *file, int line)
{
    unsigned me = run.index % LANES, first = run.index - me;
    Lane    *lane = run.lane;
    Warp    *warp = &block.warps[run.index / LANES];
    run.counters.warp_exchanges++;
    if (!(mask >> me & 1)) {
        report(CUDASIM_WARP_MASK, 0, 0, {nullptr, file, line}, "lane %u is not in its own mask %#x", me, mask);
        return value;
    }
    lane->kind = kind, lane->mask = mask, lane->value = value, lane->source = source;
    lane->file = file, lane->line = line, lane->spins = 0;
    lane->state  = State::WARP;
    uint32_t set = mask & warp->exists & ~warp->exited;
    if (gathered(first, me, set))
        complete(first, me, set);
    else
        fibre_leave();
    return lane->result;
}

extern "C" unsigned
cudasim_lane(void)
{
    return run.index % LANES;
}

// The lanes that may be running side by side with this one: CUDA guarantees only that the caller is among them.
extern "C" unsigned
__activemask(void)
{
    const Warp *warp = &block.warps[run.index / LANES];
    uint32_t    set  = warp->exists & ~warp->exited;
    for (unsigned lane = 0; lane < LANES; lane++)
        if ((set >> lane & 1) && block.lanes[run.index / LANES * LANES + lane].state != State::READY)
            set &= ~(1u << lane);
    return set;
}
