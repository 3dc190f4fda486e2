// kt_gpus -- the GPUs of this process. Each has an actor, a thread that gathers spans of many files into one batch and
// keeps several batches in work; a worker's device (kt_device_gpu) posts its spans there and waits. What a GPU does not
// do (constant-Q chroma), and whatever it fails at, the worker's own CPU does.
//
// Any thread may call, but open and close belong to one. A GPU that breaks (a sticky CUDA error, an XID, a batch that
// does not end) is lost for good: its waiters get their spans done on the CPU, and it is said once in the log.
#pragma once

#include "kernels/device.h"
#include "kernels/gpu/abi.h"

#include <stdbool.h>

typedef struct kt_gpus kt_gpus_t;

enum { KT_GPUS_MAX = 16 };

typedef struct kt_gpu_opts {
    const char             *devices;      // indices and UUIDs, separated by blanks or commas; NULL or "": all
    uint64_t                max_bytes;    // device memory of each GPU; 0: what the slots need
    bool                    growth;       // memory is taken as batches need it
    int64_t                 wait_us;      // how long a batch waits for more spans while others are in work
    int64_t                 deadline_ms;  // a batch that takes longer, while none ends, means a lost device
    const kt_gpu_backend_t *backend;      // NULL: load the library
} kt_gpu_opts_t;

#define KT_GPU_DEFAULTS ((kt_gpu_opts_t){.growth = true, .wait_us = 2000, .deadline_ms = 30000})

// Sums over all devices; the mean of percent, the highest temperature. -1: nobody says.
typedef struct kt_gpus_info {
    uint32_t opened, lost;
    int      percent, celsius;
    uint64_t memory_used_mb, memory_total_mb, pool_bytes;
    uint64_t batches, parts, frames;  // put to work since open
    uint64_t on_cpu;                  // requests that the GPU did not finish and the CPU did
} kt_gpus_info_t;

// KT_ENOTFOUND: no GPU to use; why says what is missing. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_gpus_open(kt_gpus_t **self_p, const kt_gpu_opts_t *opts, char why[KT_GPU_WHY]);
// After the devices that were made of them. Work in flight is waited for; a device that hangs is left behind, so that
// this returns within some seconds.
void kt_gpus_close(kt_gpus_t **self_p);
void kt_gpus_info(const kt_gpus_t *self, kt_gpus_info_t *out);
bool kt_gpus_usable(const kt_gpus_t *self);  // not all are lost
bool kt_gpus_whole(const kt_gpus_t *self);   // none is lost, and all that was asked of them they did
// "cuda: NVIDIA H200 x2", for people; returns out.
const char *kt_gpus_name(const kt_gpus_t *self, char *out, size_t size);

// One thread's device on the GPU with the fewest of them, and a CPU device for what the GPU does not do. As
// kt_device_cpu.
KT_MUST_USE kt_err_t kt_device_gpu(kt_device_t **self_p, kt_gpus_t *gpus, const kt_device_opts_t *opts);

// gpu_load.c: the library beside the program, in ../lib/kithara or ../lib; KITHARA_CUDA_LIBRARY names another. Loaded
// once, for good. KT_ENOTFOUND.
KT_MUST_USE kt_err_t kt_gpu_load(const kt_gpu_backend_t **out, char why[KT_GPU_WHY]);
