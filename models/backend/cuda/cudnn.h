// cuDNN 9's backend interface (the graph interface in C), loaded at run time: the file that KITHARA_CUDNN_LIBRARY
// names, else libcudnn_graph.so.9 in the folder of the program, in ../lib/kithara or ../lib, else the system's. It
// opens its own engines and heuristics by name, so these lie beside it. Nothing of cuDNN is linked or distributed.
//
// The functions are the library's own and return cudnnStatus_t, 0 for success. Any thread, each with its own objects.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
#define KT_CUDNN(NAME, value) KT_CUDNN_##NAME = (value),
#include "models/backend/cuda/cudnn.def"
#undef KT_CUDNN
    KT_CUDNN_OLDEST = 90800,  // plans without a device
    KT_CUDNN_WHY    = 256
};

typedef struct kt_cudnn {
    size_t (*version)(void);
    const char *(*error_string)(int status);
    int (*create)(void **handle);
    int (*destroy)(void *handle);
    int (*set_stream)(void *handle, void *stream);
    int (*descriptor_create)(int type, void **descriptor);
    int (*descriptor_destroy)(void *descriptor);
    int (*finalize)(void *descriptor);
    int (*set_attribute)(void *descriptor, int name, int type, int64_t count, const void *values);
    int (*get_attribute)(const void *descriptor, int name, int type, int64_t capacity, int64_t *count, void *values);
    int (*execute)(void *handle, void *plan, void *variant_pack);
} kt_cudnn_t;

// Loaded once, for good. KT_ENOTFOUND: it is not there or too old; why is the reason.
KT_MUST_USE kt_err_t kt_cudnn_load(const kt_cudnn_t **out, char why[KT_CUDNN_WHY]);
