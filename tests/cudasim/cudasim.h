// cudasim -- the test's view of the simulated CUDA device: what it found, what it counted, how it shall behave.
// The device's own calls are CUDA's (include/). Any thread; one lock. Everything is process-wide.
//
// From the environment, at the first call: KITHARA_SIM_SEED (order of threads, blocks and streams; 0),
// KITHARA_SIM_DEVICES (1; 0: no device), KITHARA_SIM_DEVICE (t4, l4, h200, b200: their limits), KITHARA_SIM_MEMORY
// (bytes a device; 4 GiB), KITHARA_SIM_QUIET=1 (no report on stderr), KITHARA_SIM_ABORT=1 (a process that leaves with
// reports exits with 86), KITHARA_SIM_FAULTS=CALL:N:ERROR[:XID],... (as cudasim_fail, and with an XID as
// cudasim_break_after), KITHARA_SIM_RESOURCES=FILE (as cudasim_set_resources, a line "KERNEL REGISTERS BYTES" each).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cudasim_kind {
    CUDASIM_NONE,
    CUDASIM_OUT_OF_BOUNDS,   // global memory, outside every allocation (a null pointer is one)
    CUDASIM_USE_AFTER_FREE,  // global memory that was freed, in stream order for cudaFreeAsync
    CUDASIM_UNINITIALISED,   // global memory read before anything wrote it
    CUDASIM_MISALIGNED,      // an access that isn't a multiple of its own size
    CUDASIM_SHARED_BOUNDS,   // outside the shared variables, or past the launch's dynamic bytes
    CUDASIM_SHARED_UNINITIALISED,
    CUDASIM_RACE,               // two threads, no barrier of the block between
    CUDASIM_RACE_WARP,          // two lanes of a warp, no __syncwarp between
    CUDASIM_RACE_BLOCKS,        // two blocks of a launch on global memory
    CUDASIM_RACE_LAUNCHES,      // work of two streams on global memory
    CUDASIM_DIVERGENT_BARRIER,  // some threads at a barrier, others gone, at another one or in a warp exchange
    CUDASIM_WARP_MASK,          // a mask without the caller, a source lane outside it or gone, lanes that disagree
    CUDASIM_DEADLOCK,
    CUDASIM_STACK_OVERFLOW,
    CUDASIM_ARRAY_BOUNDS,   // an index outside an array whose length is known to the compiler
    CUDASIM_HOST_POINTER,   // a kernel touched pageable host memory, or another thread's locals
    CUDASIM_WRONG_DEVICE,   // memory of another device
    CUDASIM_HOST_ACCESS,    // the host touched device memory
    CUDASIM_MISSING_SYNC,   // the host read the target of a copy without waiting for it
    CUDASIM_REUSED_BUFFER,  // the host wrote the source of an asynchronous copy before it was done
    CUDASIM_DOUBLE_FREE,
    CUDASIM_BAD_FREE,      // not the beginning of an allocation
    CUDASIM_BAD_LAUNCH,    // too many threads, blocks or registers, or too much shared memory
    CUDASIM_BAD_ARGUMENT,  // a pointer or size that a CUDA call can't take
    CUDASIM_LEAK,
    CUDASIM_TRAP,    // __trap or a failed assert
    CUDASIM_HANDLE,  // a library's handle used on a second stream: its work area belongs to one
    CUDASIM_FORK,    // a call in the child of a fork
    CUDASIM_KINDS
} cudasim_kind_t;

typedef struct cudasim_report {
    cudasim_kind_t kind;
    char           kernel[96];  // or the call's name
    uint32_t       block[3], thread[3];
    uintptr_t      address;
    size_t         bytes;
    const void    *pc;          // of the access; NULL: see where
    char           where[128];  // FILE:LINE, if known
    char           text[256];   // a plain sentence
    uint64_t       count;       // how often the same was seen
} cudasim_report_t;

// Since the last reset, of all launches of kernels with this name. Bytes as the threads requested them, and distinct
// bytes a launch: what has to cross the memory bus at least once.
typedef struct cudasim_counters {
    uint64_t launches, blocks, threads;
    uint64_t read_bytes, written_bytes;
    uint64_t distinct_read_bytes, distinct_written_bytes;
    uint64_t shared_accesses, atomics, barriers, warp_exchanges;
    // Of warps, while cudasim_count_banks is on. Turns that their accesses of shared memory take, by banks, and the
    // least that so many lanes could take; sectors of 32 bytes that their accesses of global memory touch, and the
    // least that so many distinct bytes could.
    uint64_t shared_turns, shared_least, sectors, sectors_least;
} cudasim_counters_t;

const char *cudasim_kind_name(cudasim_kind_t kind);

size_t                  cudasim_report_count(void);
const cudasim_report_t *cudasim_report(size_t i);
size_t                  cudasim_reports_of(cudasim_kind_t kind);
void                    cudasim_print_reports(void);  // stderr, with FILE:LINE where addr2line is there
void                    cudasim_quiet(bool quiet);    // reports are kept, not printed

// NULL or "": all kernels together. Zeros for a kernel that never ran. Cublas and cuFFT calls count by their own name.
void cudasim_counters(const char *kernel, cudasim_counters_t *out);
void cudasim_count_banks(bool wanted);  // off at the start; on, kernels take several times as long
void cudasim_copied(uint64_t *to_device, uint64_t *to_host);  // bytes

// Runs all work still put off, then reports what is still allocated. Returns the number of reports.
size_t cudasim_finish(void);
// As a new process with this seed: work put off is dropped, memory freed, reports, counters, errors and faults
// forgotten. Handles and pointers of before are void.
void     cudasim_reset(uint64_t seed);
uint64_t cudasim_seed(void);

// Faults. The n-th of the following calls with this name ("cudaMalloc", "cudaLaunchKernel", "*") fails with this error,
// once; n = 1 is the next one.
void cudasim_fail(const char *call, uint64_t n, int error);
void cudasim_set_memory(size_t bytes);  // a device
// What a kernel needs, as the compiler says. Once one is set, launches that need more than a block may have fail, as do
// those of kernels that are not set. nullptr: none is.
void cudasim_set_resources(const char *kernel, unsigned registers, size_t static_bytes);
void cudasim_set_devices(int count);
// As an XID: every call on the device fails with this error from now on, until cudasim_reset or cudaDeviceReset.
void cudasim_break_device(int device, int error, int xid);
void cudasim_break_after(const char *call, uint64_t n, int error, int xid);  // by the n-th call, on its device
int  cudasim_device_xid(int device);                                         // 0: none

#ifdef __cplusplus
}
#endif
