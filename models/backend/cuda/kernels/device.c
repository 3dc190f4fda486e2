// The table of libkithara-cuda-models.so: one device, one stream.
#include "models/backend/cuda/kernels/abi.h"
#include "models/backend/cuda/kernels/launch_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ARCH = 75 };

struct kt_tensor_device {
    int          device;
    cudaStream_t stream;
    char         why[KT_CUDA_MODELS_WHY];
};

static kt_err_t
failed(kt_tensor_device_t *self, cudaError_t error, const char *what)
{
    if (!error)
        return KT_OK;
    (void)cudaGetLastError();
    snprintf(self->why, sizeof self->why, "%s failed: %s", what, cudaGetErrorName(error));
    return error == cudaErrorMemoryAllocation ? KT_ENOMEM : KT_EDEVICE;
}

static void
device_close(kt_tensor_device_t **self_p)
{
    kt_tensor_device_t *self = *self_p;
    *self_p                  = NULL;
    if (!self)
        return;
    (void)cudaSetDevice(self->device);
    if (self->stream) {
        (void)cudaStreamSynchronize(self->stream);
        (void)cudaStreamDestroy(self->stream);
    }
    (void)cudaGetLastError();
    free(self);
}

static kt_err_t
device_open(kt_tensor_device_t **self_p, int device, char why[KT_CUDA_MODELS_WHY])
{
    struct cudaDeviceProp prop = {0};
    kt_tensor_device_t   *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device      = device;
    cudaError_t error = cudaSetDevice(device);
    if (!error)
        error = cudaGetDeviceProperties(&prop, device);
    kt_err_t err = failed(self, error, "opening the device");
    if (!err && 10 * prop.major + prop.minor < LEAST_ARCH) {
        snprintf(self->why, sizeof self->why, "%.63s has compute capability %d.%d, and 7.5 is the least", prop.name,
                 prop.major, prop.minor);
        err = KT_EDEVICE;
    }
    if (!err)
        err = failed(self, cudaStreamCreateWithFlags(&self->stream, cudaStreamNonBlocking), "opening a stream");
    if (err) {
        snprintf(why, KT_CUDA_MODELS_WHY, "%s", self->why);
        device_close(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

static void *
device_stream(const kt_tensor_device_t *self)
{
    return self->stream;
}

static kt_err_t
device_alloc(kt_tensor_device_t *self, size_t bytes, void **out)
{
    cudaError_t error = cudaSetDevice(self->device);
    return failed(self, error ? error : cudaMalloc(out, bytes), "allocating device memory");
}

static void
device_release(kt_tensor_device_t *self, void *memory)
{
    (void)cudaSetDevice(self->device);
    (void)cudaFree(memory);
    (void)cudaGetLastError();
}

static kt_err_t
device_upload(kt_tensor_device_t *self, void *to, const void *from, size_t bytes)
{
    cudaError_t error = cudaSetDevice(self->device);
    return failed(self, error ? error : cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, self->stream),
                  "a copy to the device");
}

static kt_err_t
device_clear(kt_tensor_device_t *self, void *to, size_t bytes)
{
    return failed(self, cudaMemsetAsync(to, 0, bytes, self->stream), "clearing device memory");
}

static kt_err_t
device_download(kt_tensor_device_t *self, void *to, const void *from, size_t bytes)
{
    return failed(self, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, self->stream),
                  "a copy from the device");
}

static kt_err_t
device_launch(kt_tensor_device_t *self, const kt_kernel_call_t *call)
{
    (void)cudaGetLastError();  // left by another library; a sticky error comes again
    switch (call->kernel) {
    case KT_KERNEL_CONV: kt_launch_conv(&call->conv, self->stream); break;
    case KT_KERNEL_MATMUL: kt_launch_matmul(&call->matmul, self->stream); break;
    case KT_KERNEL_LSTM: kt_launch_lstm(&call->lstm, self->stream); break;
    case KT_KERNEL_CHANNEL: kt_launch_channel(&call->channel, self->stream); break;
    case KT_KERNEL_UNARY: kt_launch_unary(&call->unary, self->stream); break;
    case KT_KERNEL_PAIR: kt_launch_pair(&call->pair, self->stream); break;
    case KT_KERNEL_COPY: kt_launch_copy(&call->copy, self->stream); break;
    case KT_KERNEL_PAD: kt_launch_pad(&call->pad, self->stream); break;
    case KT_KERNEL_BAND: kt_launch_band(&call->band, self->stream); break;
    case KT_KERNEL_POOL: kt_launch_pool(&call->pool, self->stream); break;
    case KT_KERNEL_REDUCE: kt_launch_reduce(&call->reduce, self->stream); break;
    case KT_KERNEL_ROWS: kt_launch_rows(&call->rows, self->stream); break;
    case KT_KERNEL_TAGS: kt_launch_tags(&call->tags, self->stream); break;
    case KT_KERNEL_HISTOGRAM: kt_launch_histogram(&call->histogram, self->stream); break;
    case KT_KERNELS: break;
    }
    return failed(self, cudaPeekAtLastError(), "a launch");
}

static kt_err_t
device_finish(kt_tensor_device_t *self)
{
    return failed(self, cudaStreamSynchronize(self->stream), "the device");
}

static const char *
device_why(const kt_tensor_device_t *self)
{
    return self->why;
}

const kt_cuda_device_ops_t *kithara_cuda_models(void);

const kt_cuda_device_ops_t *
kithara_cuda_models(void)
{
    static const kt_cuda_device_ops_t table = {
        .abi      = KT_CUDA_MODELS_ABI,
        .open     = device_open,
        .close    = device_close,
        .stream   = device_stream,
        .alloc    = device_alloc,
        .release  = device_release,
        .upload   = device_upload,
        .clear    = device_clear,
        .download = device_download,
        .launch   = device_launch,
        .finish   = device_finish,
        .why      = device_why,
    };
    return &table;
}
