// One block: its threads run one after another, each until it waits; the order is the seed's.
#include "internal.h"
#include "warps.h"

#include <algorithm>
#include <numeric>

namespace cudasim
{

extern "C" {
extern uint3 cudasim_thread_index asm("threadIdx");
extern uint3 cudasim_block_index asm("blockIdx");
extern dim3  cudasim_block_size asm("blockDim");
extern dim3  cudasim_grid_size asm("gridDim");
uint3        cudasim_thread_index, cudasim_block_index;
dim3         cudasim_block_size, cudasim_grid_size;
}

constexpr unsigned IDLE_PASSES = 200;  // all threads spin: none will ever release them

static const cudasim_launch *launch;
static struct {
    int         kind;
    const char *file;
    int         line;
    unsigned    thread;
} barrier;  // that the first thread to arrive waits at

static void
barrier_done(void)
{
    int count = 0;
    banks_close_block();
    for (unsigned i = 0; i < block.threads; i++)
        if (block.lanes[i].state == State::BARRIER)
            count += block.lanes[i].value != 0;
    int results[] = {0, count, count == (int)block.live, count != 0};
    for (unsigned i = 0; i < block.threads; i++)
        if (block.lanes[i].state == State::BARRIER) {
            block.lanes[i].result = (uint64_t)results[barrier.kind];
            block.lanes[i].state  = State::READY;
        }
    block.arrived = 0;
    block.epoch++;
    block.progress++;
    run.counters.barriers++;
}

static void
gone_before_barrier(const char *file, int line)
{
    report(CUDASIM_DIVERGENT_BARRIER, 0, 0, {nullptr, file, line}, "%u of the block's %u threads have left",
           block.threads - block.live, block.threads);
}

static void
fibre_main(void)
{
    launch->call(launch->function, launch->arguments);
    run.lane->state = State::DONE;
    block.live--;
    block.progress++;
    warp_lane_left(run.index);
    if (block.arrived) {
        gone_before_barrier(barrier.file, barrier.line);
        if (block.arrived == block.live)
            barrier_done();
    }
    fibre_leave();
}

static void
run_lane(unsigned index)
{
    cudasim_thread_index = block.lanes[index].tid;
    fibre_resume(index);
}

// No thread can continue: reports which waits where.
static void
stalled(void)
{
    const Lane *at_barrier = nullptr, *in_warp = nullptr;
    for (unsigned i = 0; i < block.threads; i++) {
        if (block.lanes[i].state == State::BARRIER)
            at_barrier = &block.lanes[i];
        if (block.lanes[i].state == State::WARP)
            in_warp = &block.lanes[i];
    }
    run.lane = (Lane *)(in_warp ? in_warp : at_barrier);
    if (in_warp && at_barrier)
        report(CUDASIM_DIVERGENT_BARRIER, 0, 0, {nullptr, in_warp->file, in_warp->line},
               "waits for lanes %#x, of which some wait at the barrier in line %d", in_warp->mask, at_barrier->line);
    else if (in_warp)
        report(CUDASIM_DEADLOCK, 0, 0, {nullptr, in_warp->file, in_warp->line}, "waits for lanes %#x, which never come",
               in_warp->mask);
    else
        report(CUDASIM_DEADLOCK, 0, 0, {nullptr, nullptr, 0}, "all threads wait for each other in a loop");
    run.lane        = nullptr;
    block.abandoned = true;
    block.error     = cudaErrorLaunchTimeout;
}

static void
prepare(dim3 size)
{
    block.threads = block.live = size.x * size.y * size.z;
    block.arrived              = 0;
    block.abandoned            = false;
    block.error                = 0;
    block.generation++;
    block.epoch++;
    copies_begin_block();
    for (unsigned i = 0; i < block.threads; i++) {
        Lane *lane  = &block.lanes[i];
        lane->tid   = uint3{i % size.x, i / size.x % size.y, i / size.x / size.y};
        lane->state = State::READY;
        lane->spins = 0;
        fibre_prepare(i, fibre_main);
    }
    for (unsigned w = 0; w * LANES < block.threads; w++) {
        unsigned left = block.threads - w * LANES;
        warp_reset(&block.warps[w], left >= LANES ? 0xffffffffu : (1u << left) - 1);
    }
}

enum Order { IN_ORDER, REVERSE, RANDOM_WARPS, RANDOM_LANES };

static void
make_order(uint16_t *order, Order kind, uint64_t *random)
{
    unsigned n = block.threads;
    std::iota(order, order + n, (uint16_t)0);
    if (kind == REVERSE)
        std::reverse(order, order + n);
    unsigned unit = kind == RANDOM_WARPS ? LANES : 1;
    if (kind == RANDOM_LANES || (kind == RANDOM_WARPS && n % LANES == 0))
        for (unsigned i = n / unit; i > 1; i--) {
            unsigned j = (unsigned)(next_random(random) % i);
            if (j != i - 1)
                std::swap_ranges(order + (i - 1) * unit, order + i * unit, order + j * unit);
        }
}

// A whole warp is run until it waits for others before the next one comes, unless lanes are drawn one by one.
static bool
pass(const uint16_t *order, Order kind)
{
    bool any = false;
    for (unsigned w = 0; w < block.threads; w += LANES) {
        unsigned last = std::min(w + LANES, block.threads);
        uint64_t before;
        do {
            before   = block.progress;
            bool ran = false;
            for (unsigned i = w; i < last && !block.abandoned; i++)
                if (block.lanes[order[i]].state == State::READY) {
                    run_lane(order[i]);
                    ran = true;
                }
            any |= ran;
        } while (kind != RANDOM_LANES && before != block.progress && !block.abandoned);
    }
    return any;
}

int
block_run(const cudasim_launch &what, dim3 position, uint64_t *random)
{
    static uint16_t order[MAX_THREADS];
    launch              = &what;
    cudasim_block_index = position;
    cudasim_block_size  = what.block;
    cudasim_grid_size   = what.grid;
    prepare(what.block);
    Order    kind   = seed < 4 ? (Order)seed : (Order)(next_random(random) % 4);
    unsigned idle   = 0;
    uint64_t before = block.progress;
    make_order(order, kind, random);
    while (block.live && !block.abandoned) {
        if (!pass(order, kind) || ++idle > IDLE_PASSES)
            stalled();
        if (before != block.progress)
            idle = 0;
        before = block.progress;
        if (kind >= RANDOM_WARPS)
            make_order(order, kind, random);
    }
    banks_close_block();
    return block.abandoned ? block.error : 0;
}

// Between two blocks: perhaps work of another stream, which may be a launch too.
static bool
run_others(const cudasim_launch &what)
{
    const Run             saved     = run;
    std::vector<uint32_t> published = global_swap_published({});
    const bool            any       = streams_run_beside();
    global_swap_published(std::move(published));
    if (!any)
        return false;
    const uint64_t number = run.number;
    run                   = saved;
    run.number            = number;
    attach_image(what);
    return true;
}

// Blocks in the order of the seed too: no block may rely on another.
int
launch_run(const cudasim_launch &what, int device)
{
    uint64_t random   = (seed + 1) * 0x9e3779b97f4a7c15u ^ ++run.number * 0xbf58476d1ce4e5b9u;
    uint64_t blocks   = (uint64_t)what.grid.x * what.grid.y * what.grid.z;
    run.device        = device;
    run.slice         = memory.arena + (size_t)device * SLICE_BYTES;
    run.arguments     = (uintptr_t)what.arguments;
    run.arguments_end = run.arguments + what.argument_bytes;
    attach_image(what);
    run.counters.launches++;
    run.counters.blocks += blocks;
    run.counters.threads += blocks * what.block.x * what.block.y * what.block.z;
    std::vector<uint32_t> order(blocks);
    std::iota(order.begin(), order.end(), 0u);
    if (seed % 4 == 1)
        std::reverse(order.begin(), order.end());
    for (uint64_t i = blocks; seed >= 2 && i > 1; i--)
        std::swap(order[i - 1], order[next_random(&random) % i]);
    for (uint32_t i = 0; i < blocks; i++) {
        const uint32_t b = order[i];
        if (i > 0 && run_others(what) && devices[device].sticky)
            return 0;
        global_begin_block(i);
        dim3 position(b % what.grid.x, b / what.grid.x % what.grid.y, b / what.grid.x / what.grid.y);
        if (int error = block_run(what, position, &random))
            return error;
    }
    return 0;
}

}  // namespace cudasim

using namespace cudasim;

extern "C" int
cudasim_barrier(int kind, int predicate, const char *file, int line)
{
    Lane *lane = run.lane;
    lane->file = file, lane->line = line, lane->kind = kind, lane->value = predicate != 0, lane->spins = 0;
    if (!block.arrived++) {
        barrier = {kind, file, line, run.index};
    } else if (barrier.kind != kind || barrier.line != line || barrier.file != file) {
        auto tid = block.lanes[barrier.thread].tid;
        report(CUDASIM_DIVERGENT_BARRIER, 0, 0, {nullptr, file, line},
               "arrives here while thread (%u,%u,%u) waits at the barrier in line %d", tid.x, tid.y, tid.z,
               barrier.line);
        abandon(cudaErrorLaunchFailure);
    }
    lane->state = State::BARRIER;
    if (block.live < block.threads)
        gone_before_barrier(file, line);
    if (block.arrived == block.live)
        barrier_done();
    else
        fibre_leave();
    return (int)lane->result;
}

extern "C" void
cudasim_trap(int error, const char *what, const char *file, int line)
{
    report(CUDASIM_TRAP, 0, 0, {nullptr, file, line}, "%s", what);
    abandon(error);
}

extern "C" long long
clock64(void)
{
    static long long ticks;
    return ticks += 100;
}
