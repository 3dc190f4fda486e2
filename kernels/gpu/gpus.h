// kt_gpus -- the GPUs of this process. Each has threads that gather requests of many files into one batch and keep
// several batches in flight (private.h); a worker's device (kt_device_gpu) posts its requests there. The worker's CPU
// computes what a GPU does not support and what failed there.
//
// Any thread may call, but open and close belong to one. A GPU that fails (a sticky CUDA error, an XID, a batch that
// does not end) is lost for good: its requests are computed on the CPU, and the loss is logged once.
#pragma once

#include "kernels/device.h"
#include "kernels/gpu/abi.h"

#include <stdbool.h>

typedef struct kt_gpus kt_gpus_t;

enum { KT_GPUS_MAX = 16 };

typedef struct kt_gpu_opts {
    const char             *devices;      // indices and UUIDs, separated by blanks or commas; NULL or "": all
    uint64_t                max_bytes;    // device memory of each GPU; 0: what the slots need, an eighth for samples
    bool                    growth;       // memory is allocated as batches need it
    bool                    resamples;    // kt_device_resamples
    int64_t                 deadline_ms;  // the device is lost if no batch ends within it
    uint32_t                pinned;       // blocks of the host's memory (1.2 MB) for pieces of streams, at most
    const kt_gpu_backend_t *backend;      // NULL: load the library
} kt_gpu_opts_t;

#define KT_GPU_DEFAULTS ((kt_gpu_opts_t){.growth = true, .deadline_ms = 30000, .pinned = 16})

// Sums over all devices; the mean of percent, the highest temperature. -1: unknown.
typedef struct kt_gpus_info {
    uint32_t opened, lost;
    int      percent, celsius;
    uint64_t memory_used_mb, memory_total_mb, pool_bytes;
    uint64_t batches, parts, frames;  // submitted since open; frames: of sound, pictures, eights of columns
    uint64_t on_cpu;                  // requests that the CPU computed instead
    uint64_t files, cpu_files;        // that a GPU took; that it left to the CPU because its queue was long
    uint64_t in_bytes, out_bytes;     // over the bus: samples, rows and pictures in, results without peaks out
} kt_gpus_info_t;

// KT_ENOTFOUND: no usable GPU; why is the reason. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_gpus_open(kt_gpus_t **self_p, const kt_gpu_opts_t *opts, char why[KT_GPU_WHY]);
// After the devices made from them are destroyed. Waits for batches in flight; a device that hangs is abandoned, so
// this returns within some seconds. False: one was, and the process has to end by _exit, as the run-time's own exit
// handlers may wait for the device without end.
bool kt_gpus_close(kt_gpus_t **self_p);
// Runs a few frames of both passes, of constant-Q and of statistics on every device: tables, code and memory are there
// afterwards, and an error of the first use is logged at the start. What a device refuses, the CPU computes later.
// KT_ENOMEM: not run.
KT_MUST_USE kt_err_t kt_gpus_warm_up(kt_gpus_t *self, const kt_plan_t *plan);
void                 kt_gpus_info(const kt_gpus_t *self, kt_gpus_info_t *out);
// Loses devices on which no batch ended within the deadline, where their own threads hang: for threads without other
// work, every few seconds.
void kt_gpus_expire(kt_gpus_t *self);
bool kt_gpus_usable(const kt_gpus_t *self);  // not all are lost
// "cuda: NVIDIA H200 x2", for people, with ", resampling" where they do; returns out.
const char *kt_gpus_name(const kt_gpus_t *self, char *out, size_t size);

// One thread's device on the GPU with the fewest of them, and a CPU device for what the GPU does not do. As
// kt_device_cpu.
// Its file (kt_device_begin_file) may be left to the CPU.
KT_MUST_USE kt_err_t kt_device_gpu(kt_device_t **self_p, kt_gpus_t *gpus, const kt_device_opts_t *opts);

// load.c: the library in the folder of the program, in ../lib/kithara or ../lib; KITHARA_CUDA_LIBRARY names another.
// Loaded once, for good. KT_ENOTFOUND.
KT_MUST_USE kt_err_t kt_gpu_load(const kt_gpu_backend_t **out, char why[KT_GPU_WHY]);
