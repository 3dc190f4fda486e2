// Which files a GPU takes. A file stays on the processor while waiting for the GPU's queue takes longer than the
// processor would need for the file: where doubles are slow, or cores are many, the GPU is the narrow place, and a node
// that sends every file there is slower than one without a GPU (docs/gpu.md). All requests of a file go the same way,
// so that a document is of one kind.
//
// Both times are the node's own: those of the device's last batches of each configuration, and those of the files that
// the processor computed. A GPU without a queue takes every file, so a time that was measured too long is measured
// again. Neither a timer nor hysteresis is needed: a file is sent once, and the next one sees the queue with it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// How often a file's requests wait behind the queue: the first pass; chroma beside constant-Q, the rises of the
// rhythm's finer rows, the bass and the key's peaks, in pieces; statistics. By ops/bench gpu-node with 64 cores the
// node's rate over that without a GPU is
//   waits     2     4     6
//   T4        1.19  1.18  1.22
//   L4        1.29  1.19  1.29
//   H200      1.39  1.39  1.39
enum { KT_GPU_WAITS = 6 };

// Time per item over the last items; older ones count less. No lock of its own.
typedef struct kt_gpu_rate {
    double us, items;
} kt_gpu_rate_t;

// Before anything was measured: a core needs 30 ms per minute of sound (docs/gpu.md, "What a GPU is worth to a node"),
// which is 2584 frames; the slowest device of that page needs half a microsecond per frame of its slowest kind.
#define KT_GPU_RATE_CPU ((kt_gpu_rate_t){.us = 11.5 * 16384, .items = 16384})
#define KT_GPU_RATE_DEVICE ((kt_gpu_rate_t){.us = 0.5 * 4096, .items = 4096})

void kt_gpu_rate_add(kt_gpu_rate_t *self, double us, double items);

// Items of one configuration in the queue or on the device.
typedef struct kt_gpu_waiting {
    kt_gpu_rate_t rate;
    double        items;
} kt_gpu_waiting_t;

// True: the GPU takes a file of so many frames. cpu: time per frame of a file, all of its requests together.
bool kt_gpu_choice(const kt_gpu_waiting_t *waiting, size_t n, const kt_gpu_rate_t *cpu, size_t frames);
