// A GPU that is none: a kt_gpu_backend whose batches the CPU computes, and which holds, loses, refuses and counts as a
// test says. One a process; the fields are the test's before open, and any thread's by the lock afterwards.
#pragma once

#include "kernels/gpu/gpus.h"

#include <pthread.h>

enum { GPU_DOUBLE_BATCHES = 64 };

typedef struct gpu_double {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    int             devices;
    bool            hold;    // no batch ends
    bool            stall;   // submit does not return
    int             lose;    // 1 + the device whose submit gives KT_ESTATE; 0: none
    kt_err_t        refuse;  // of submit, once
    kt_err_t        fail;    // of wait, once
    int             xid;     // 79 is fatal
    size_t          looks;   // calls of state
    size_t          n_batches, n_closed, n_keeps;
    struct {
        kt_gpu_kind_id_t kind;
        uint32_t         parts, frames;
        int              device;
    } batches[GPU_DOUBLE_BATCHES];
} gpu_double_t;

extern gpu_double_t gpu_double;

const kt_gpu_backend_t *gpu_double_backend(int devices);
void                    gpu_double_hold(bool hold);
void                    gpu_double_await(size_t batches);  // put to work; fails the test after some seconds
void                    gpu_double_await_looks(size_t looks);
