// The CUDA kernels as a table of kernels, so that the checks of the CPU's run on them; and what those checks share with
// check_cuda.c. Every array lies on the device in an allocation of its own and of its exact size: the simulator watches
// what lies beyond. An error of the device ends the program.
#pragma once

#include "kernels/cuda/kt_cuda.h"
#include "tests/kernels/check.h"

extern const kt_cpu_ops_t cuda_ops;  // no rows of a segment: those have checks of their own

void           *device_new(size_t bytes);                     // not filled
void           *device_copy(const void *from, size_t bytes);  // of host memory
void            device_read(void *to, const void *from, size_t bytes);
void            device_free(void *memory);
kt_cuda_plan_t *device_plan(const kt_plan_t *plan);  // kept until another is requested, or device_release
void            device_release(bool is_alive);       // false: the device was reset, and its contents are lost

// Spans as a batch on the device: samples one after the other, runs of `run_frames`, rows in the order of the spans.
typedef struct batch {
    float         *pcm;
    kt_cuda_run_t *runs;
    void          *work;
    size_t         n, rows, samples;
    uint32_t       longest;
} batch_t;
batch_t batch_new(const kt_plan_t *plan, const kt_span_t *spans, size_t n, uint32_t run_frames);
void    batch_free(batch_t *self);
