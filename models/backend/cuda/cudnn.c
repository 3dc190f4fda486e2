#include "models/backend/cuda/cudnn.h"

#include "models/backend/cuda/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct symbol {
    const char *name;
    size_t      offset;
} SYMBOLS[] = {
    {"cudnnGetVersion", offsetof(kt_cudnn_t, version)},
    {"cudnnGetErrorString", offsetof(kt_cudnn_t, error_string)},
    {"cudnnCreate", offsetof(kt_cudnn_t, create)},
    {"cudnnDestroy", offsetof(kt_cudnn_t, destroy)},
    {"cudnnSetStream", offsetof(kt_cudnn_t, set_stream)},
    {"cudnnBackendCreateDescriptor", offsetof(kt_cudnn_t, descriptor_create)},
    {"cudnnBackendDestroyDescriptor", offsetof(kt_cudnn_t, descriptor_destroy)},
    {"cudnnBackendFinalize", offsetof(kt_cudnn_t, finalize)},
    {"cudnnBackendSetAttribute", offsetof(kt_cudnn_t, set_attribute)},
    {"cudnnBackendGetAttribute", offsetof(kt_cudnn_t, get_attribute)},
    {"cudnnBackendExecute", offsetof(kt_cudnn_t, execute)},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kt_cudnn_t      loaded;
static bool            is_loaded;

static kt_err_t
load(char why[KT_CUDNN_WHY])
{
    kt_cudnn_t found;
    void      *library = kt_library_open("libcudnn_graph.so.9", "KITHARA_CUDNN_LIBRARY", true, why);
    if (!library)
        return KT_ENOTFOUND;
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof *SYMBOLS; i++) {
        void *symbol = dlsym(library, SYMBOLS[i].name);
        if (!symbol) {
            snprintf(why, KT_CUDNN_WHY, "the library lacks %s", SYMBOLS[i].name);
            return KT_ENOTFOUND;
        }
        memcpy((char *)&found + SYMBOLS[i].offset, &symbol, sizeof symbol);
    }
    const size_t version = found.version();
    if (version < KT_CUDNN_OLDEST || version >= 100000) {
        snprintf(why, KT_CUDNN_WHY, "cuDNN has version %zu, not one from %d to 99999", version, KT_CUDNN_OLDEST);
        return KT_ENOTFOUND;
    }
    loaded    = found;
    is_loaded = true;
    return KT_OK;
}

kt_err_t
kt_cudnn_load(const kt_cudnn_t **out, char why[KT_CUDNN_WHY])
{
    pthread_mutex_lock(&lock);
    const kt_err_t err = is_loaded ? KT_OK : load(why);
    pthread_mutex_unlock(&lock);
    if (!err)
        *out = &loaded;
    return err;
}
