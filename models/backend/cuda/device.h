// kt_cuda_device -- the properties of a GPU by which cuDNN chooses engines, as the JSON of its device descriptor. Those
// of H200, L4 and T4 are written by hand from data sheets, so that plans can be made where there is no GPU; a file with
// the JSON of a real device replaces them.
#pragma once

#include "common/err.h"

#include <stddef.h>

enum { KT_CUDA_DEVICE_JSON = 4096, KT_CUDA_DEVICE_NAME = 64, KT_CUDA_DEVICE_WHY = 256 };

typedef struct kt_cuda_device {
    char name[KT_CUDA_DEVICE_NAME];
    int  architecture;     // 900 for compute capability 9.0
    int  multiprocessors;  // their number
    char json[KT_CUDA_DEVICE_JSON];
} kt_cuda_device_t;

// "h200", "l4", "t4", or the name of a file. KT_ENOFILE, KT_EIO; KT_EINVAL: not the properties of a device.
KT_MUST_USE kt_err_t kt_cuda_device_find(kt_cuda_device_t *out, const char *name, char why[KT_CUDA_DEVICE_WHY]);
KT_MUST_USE kt_err_t kt_cuda_device_parse(kt_cuda_device_t *out, const char *json, size_t length,
                                          char why[KT_CUDA_DEVICE_WHY]);
