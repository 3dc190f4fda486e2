#include "models/backend/cuda/context.h"

#include "common/text.h"
#include "models/backend/cuda/library.h"

#include <dlfcn.h>
#include <stdlib.h>

enum { DEVICE = 0 };

static kt_cuda_context_t *shared;

kt_err_t
kt_cuda_cudnn_failed(const kt_cudnn_t *cudnn, int status, const char *what, char why[KT_CUDNN_WHY])
{
    return status ? kt_text_explain(why, KT_CUDNN_WHY, KT_EDEVICE, "%s failed: %s", what, cudnn->error_string(status))
                  : KT_OK;
}

static kt_err_t
open_device(kt_cuda_context_t *self, char why[KT_CUDNN_WHY])
{
    void *library = kt_library_open("libkithara-cuda-models.so", "KITHARA_CUDA_MODELS_LIBRARY", false, why);
    if (!library)
        return KT_EDEVICE;
    kt_cuda_models_fn *get = (kt_cuda_models_fn *)(uintptr_t)dlsym(library, KT_CUDA_MODELS_SYMBOL);
    if (!get || get()->abi != KT_CUDA_MODELS_ABI)
        return kt_text_explain(why, KT_CUDNN_WHY, KT_EDEVICE, "the library lacks version %d of " KT_CUDA_MODELS_SYMBOL,
                               KT_CUDA_MODELS_ABI);
    self->ops = get();
    return self->ops->open(&self->device, DEVICE, why);
}

// The properties of the device as cuDNN sees them.
static kt_err_t
read_properties(kt_cuda_context_t *self, const kt_cudnn_t *cudnn, char why[KT_CUDNN_WHY])
{
    const int32_t   device = DEVICE;
    int64_t         length = 0;
    char            json[KT_CUDA_DEVICE_JSON];
    kt_cudnn_pool_t pool = {.cudnn = cudnn};
    void           *got  = kt_cudnn_new(&pool, KT_CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    kt_cudnn_set(&pool, got, KT_CUDNN_ATTR_DEVICEPROP_DEVICE_ID, KT_CUDNN_TYPE_INT32, 1, &device);
    kt_cudnn_finalize(&pool, got, "reading the device's properties");
    if (!pool.status)
        pool.status = cudnn->get_attribute(got, KT_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR,
                                           sizeof json, &length, json);
    const kt_err_t err = kt_cuda_cudnn_failed(cudnn, pool.status, "reading the device's properties", why);
    kt_cudnn_pool_fini(&pool);
    if (err)
        return err;
    if (length < 0 || length > (int64_t)sizeof json)
        return kt_text_explain(why, KT_CUDNN_WHY, KT_EDEVICE, "the device's properties are too long");
    return kt_cuda_device_parse(&self->properties, json, (size_t)length, why) ? KT_EDEVICE : KT_OK;
}

static kt_err_t
open_cudnn(kt_cuda_context_t *self, char why[KT_CUDNN_WHY])
{
    const kt_cudnn_t *cudnn;
    void             *handle = NULL;
    if (kt_cudnn_load(&cudnn, why))
        return KT_EDEVICE;
    kt_err_t err = kt_cuda_cudnn_failed(cudnn, cudnn->create(&handle), "cudnnCreate", why);
    if (!err)
        err = kt_cuda_cudnn_failed(cudnn, cudnn->set_stream(handle, self->ops->stream(self->device)), "cudnnSetStream",
                                   why);
    if (!err)
        err = read_properties(self, cudnn, why);
    if (err) {
        if (handle)
            (void)cudnn->destroy(handle);
        return err;
    }
    self->cudnn  = cudnn;
    self->handle = handle;
    return KT_OK;
}

kt_err_t
kt_cuda_context_hold(kt_cuda_context_t **out, bool cudnn, char why[KT_CUDNN_WHY])
{
    kt_err_t           err  = KT_OK;
    kt_cuda_context_t *self = shared;
    if (!self) {
        if (!(self = calloc(1, sizeof *self)))
            return KT_ENOMEM;
        pthread_mutex_init(&self->running, NULL);
        shared = self;
        err    = open_device(self, why);
    }
    self->holders++;
    pthread_mutex_lock(&self->running);
    if (!err && cudnn && !self->cudnn)
        err = open_cudnn(self, why);
    pthread_mutex_unlock(&self->running);
    if (err)
        kt_cuda_context_release(&self);
    else
        *out = self;
    return err;
}

void
kt_cuda_context_release(kt_cuda_context_t **self_p)
{
    kt_cuda_context_t *self = *self_p;
    *self_p                 = NULL;
    if (!self || --self->holders > 0)
        return;
    shared = NULL;
    if (self->handle)
        (void)self->cudnn->destroy(self->handle);
    if (self->device) {
        (void)self->ops->finish(self->device);
        self->ops->release(self->device, self->arena);
        self->ops->close(&self->device);
    }
    pthread_mutex_destroy(&self->running);
    free(self);
}

kt_err_t
kt_cuda_context_reserve(kt_cuda_context_t *self, size_t bytes, char why[KT_CUDNN_WHY])
{
    if (bytes <= self->arena_bytes)
        return KT_OK;
    self->ops->release(self->device, self->arena);  // first: there may be no room for both
    self->arena       = NULL;
    self->arena_bytes = 0;
    self->generation++;
    const kt_err_t err = self->ops->alloc(self->device, bytes, (void **)&self->arena);
    if (err)
        return kt_text_explain(why, KT_CUDNN_WHY, err, "%s", self->ops->why(self->device));
    self->arena_bytes = bytes;
    return KT_OK;
}
