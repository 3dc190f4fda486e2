// The simulator's inside. One lock (api_lock) around every call of the API; kernels run under it, one block at a time,
// each CUDA thread a fibre on a stack of its own. Compiled accesses of a kernel arrive in trace.cpp.
#pragma once

#include "include/cuda_runtime.h"
#include "memory.h"
#include "tests/cudasim/cudasim.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cudasim
{

constexpr unsigned MAX_THREADS = 1024, LANES = 32;
constexpr size_t   STACK_BYTES = 128 << 10, SHARED_DEFAULT = 48 << 10, SHARED_MOST = 227 << 10;

// --- report.cpp
struct Place {
    const void *pc;
    const char *file;
    int         line;
};
__attribute__((format(printf, 5, 6))) void report(cudasim_kind_t kind, uintptr_t address, size_t bytes, Place place,
                                                  const char *format, ...);
void                                       reports_reset(void);

// --- fibre.cpp
enum class State : uint8_t { READY, BARRIER, WARP, DONE };
struct Lane {
    void       *sp;
    uint3       tid;
    State       state;
    int         kind, source;  // of the barrier or exchange that it waits in
    uint32_t    mask;
    uint64_t    value, result;
    const char *file;
    int         line;
    uint32_t    spins;
};
struct Warp {
    uint32_t exists, exited;
    uint32_t stamp, full;  // exchanges so far; the last one that all lanes took part in
    bool     partial;      // known[][] is in use
    uint32_t known[LANES][LANES];
};
struct Block {
    Lane     lanes[MAX_THREADS];
    Warp     warps[LANES];
    unsigned threads, live, arrived;
    uint32_t generation, epoch;  // new in each block; new after each barrier; both never used twice
    uint64_t progress;           // barriers and exchanges done, threads gone
    bool     abandoned;
    int      error;
};
struct Run {
    uintptr_t          stacks, slice, shared, shared_end;  // ranges; the slice is the device's
    uint8_t           *shared_valid;                       // a byte each byte: belongs to a variable
    size_t             dynamic_bytes;
    uintptr_t          arguments, arguments_end, image, image_end;
    Lane              *lane;  // running now; NULL: the host
    unsigned           index;
    int                device;
    uint8_t            launch;  // 1..255
    uint32_t           who;     // launch << 24 | number of the block (global.cpp)
    uint64_t           number;  // of the launch since the last reset
    const char        *kernel;
    cudasim_counters_t counters;
};
extern Run        run;
extern Block      block;
void              fibres_init(void);
void              fibre_prepare(unsigned index, void (*entry)(void));
void              fibre_resume(unsigned index);  // returns when it waits or ends
void              fibre_leave(void);             // back to the scheduler
bool              on_fibre(uintptr_t address);
[[noreturn]] void abandon(int error);  // this launch is over, with a sticky error of the device

// --- block.cpp, warp.cpp, shared.cpp, launch.cpp
void        warp_reset(Warp *warp, uint32_t exists);
void        warp_lane_left(unsigned index);
bool        ordered_in_warp(const Warp *warp, unsigned me, unsigned other, uint32_t stamp);
void        shared_begin_launch(void);
void        shared_access(uintptr_t address, size_t bytes, bool write, bool atomic, const void *pc);
void        shared_forget(uintptr_t address, size_t bytes);  // whole words: nothing has written them yet
int         block_run(const cudasim_launch &launch, dim3 position, uint64_t *random);
int         launch_run(const cudasim_launch &launch, int device);  // the sticky error, or 0
void        attach_image(const cudasim_launch &launch);  // image.cpp: where the kernel's module and shared memory lie
std::string shared_name(uintptr_t address);              // the variable that holds it, or the last one before it

void copies_begin_block(void);  // trace.cpp: asynchronous copies
void spin(void);                // trace.cpp: lets the others run at times, for threads that wait for an atomic

// --- device.cpp
// What the simulated devices are; shared_most: bytes that a block may have, 1 KB less than a multiprocessor (T4: as
// much).
struct Profile {
    const char *name;
    int         major, minor, processors;
    size_t      shared_most;
    int         threads_most, blocks_most, bus_bits;
    size_t      l2_bytes;
    int         floats_per_double;
};
const Profile &profile(void);
const char    *lacking(const std::string &kernel, uint64_t threads, size_t dynamic_bytes);  // resources.cpp
struct Device {
    int    sticky, xid;
    size_t limit;
};
extern std::vector<Device>  devices;
extern std::recursive_mutex api_mutex;
extern uint64_t             seed;
int                         current_device(void);
void                        choose_device(int device);
cudaError_t                 fail(cudaError_t error);  // stores it as the thread's last error, and returns it
// Begins every call: true: go on; false: *out is the answer (no device, a sticky error, a requested fault).
bool                                       enter(const char *call, cudaError_t *out);
uint64_t                                   next_random(uint64_t *state);
std::map<std::string, cudasim_counters_t> &counters(void);

// --- stream.cpp
void streams_reset(void);
void streams_finish(void);
bool streams_run_beside(void);        // between two blocks: perhaps work of another stream. False: none was run
void stream_synchronise(int device);  // all streams of it
// The stream of a library's handle. Its work area is in use until the work of that stream is done, which the library
// does not know: a second stream is a report.
struct Owner {
    cudaStream_t stream;
    bool         is_set;
};
void owner_check(Owner &owner, cudaStream_t stream, const char *call);
// Puts work at the end of a stream, to be run when a call waits. Counters of the work go by its name.
cudaError_t stream_add(cudaStream_t stream, const char *name, std::function<void()> work);
cudaError_t stream_wait(cudaStream_t stream);
int         stream_device(cudaStream_t stream);  // -1: no stream
void        break_device(int device, int error, int xid);

#define CUDASIM_ENTER(call)                                                                                            \
    std::lock_guard<std::recursive_mutex> locked(api_mutex);                                                           \
    cudaError_t                           refused;                                                                     \
    if (!enter(call, &refused))                                                                                        \
    return refused

}  // namespace cudasim
