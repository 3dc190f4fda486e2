// kt_cuda_device_ops -- the functions that libkithara-cuda-models.so exports as one table: memory, copies and kernels
// of one GPU on one stream. A library of its own, beside libkithara-cuda.so: the two share no code, this one does not
// need cuFFT, and a program that only runs models need not load the kernels of the front end. The simulated device of
// the tests (tests/cudasim) is another library with the same table.
//
// A device belongs to one thread at a time. KT_ENOMEM; KT_EDEVICE: why returns CUDA's error by its name.
#pragma once

#include "models/backend/cuda/kernels/kernels.h"

#include <stddef.h>

enum { KT_CUDA_MODELS_ABI = 1, KT_CUDA_MODELS_WHY = 256 };
#define KT_CUDA_MODELS_SYMBOL "kithara_cuda_models"

typedef enum kt_kernel {
    KT_KERNEL_CONV,
    KT_KERNEL_MATMUL,
    KT_KERNEL_LSTM,
    KT_KERNEL_CHANNEL,
    KT_KERNEL_UNARY,
    KT_KERNEL_PAIR,
    KT_KERNEL_COPY,
    KT_KERNEL_PAD,
    KT_KERNEL_BAND,
    KT_KERNEL_POOL,
    KT_KERNEL_REDUCE,
    KT_KERNEL_ROWS,
    KT_KERNEL_TAGS,
    KT_KERNEL_HISTOGRAM,
    KT_KERNELS
} kt_kernel_t;

typedef struct kt_kernel_call {
    kt_kernel_t kernel;
    union {
        kt_conv_call_t      conv;
        kt_matmul_call_t    matmul;
        kt_lstm_call_t      lstm;
        kt_channel_call_t   channel;
        kt_unary_call_t     unary;
        kt_pair_call_t      pair;
        kt_copy_call_t      copy;
        kt_pad_call_t       pad;
        kt_band_call_t      band;
        kt_pool_call_t      pool;
        kt_reduce_call_t    reduce;
        kt_rows_call_t      rows;
        kt_tags_call_t      tags;
        kt_histogram_call_t histogram;
    };
} kt_kernel_call_t;

typedef struct kt_tensor_device kt_tensor_device_t;

typedef struct kt_cuda_device_ops {
    uint32_t abi;
    kt_err_t (*open)(kt_tensor_device_t **self_p, int device, char why[KT_CUDA_MODELS_WHY]);
    void (*close)(kt_tensor_device_t **self_p);  // waits for the stream
    void *(*stream)(const kt_tensor_device_t *self);
    kt_err_t (*alloc)(kt_tensor_device_t *self, size_t bytes, void **out);  // 256-byte aligned
    void (*release)(kt_tensor_device_t *self, void *memory);                // NULL-safe; waits for the device
    // In the order of the stream. The host's memory must not change until finish.
    kt_err_t (*upload)(kt_tensor_device_t *self, void *to, const void *from, size_t bytes);
    kt_err_t (*clear)(kt_tensor_device_t *self, void *to, size_t bytes);
    kt_err_t (*download)(kt_tensor_device_t *self, void *to, const void *from, size_t bytes);
    kt_err_t (*launch)(kt_tensor_device_t *self, const kt_kernel_call_t *call);
    kt_err_t (*finish)(kt_tensor_device_t *self);
    const char *(*why)(const kt_tensor_device_t *self);
} kt_cuda_device_ops_t;

typedef const kt_cuda_device_ops_t *kt_cuda_models_fn(void);
