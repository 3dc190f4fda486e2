#include "models/backend/cuda/cudnn.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
#define LIBRARY "libcudnn_graph.so.9"

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

static void *
library_open(char why[KT_CUDNN_WHY])
{
    static const char *const PLACES[] = {"", "/../lib/kithara", "/../lib"};
    const char              *named    = getenv("KITHARA_CUDNN_LIBRARY");
    char                     program[PATH_BYTES], path[PATH_BYTES + 64];
    void                    *library = NULL;
    if (named && *named) {
        library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    } else {
        const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
        program[length > 0 ? length : 0] = '\0';
        char *folder_end                 = strrchr(program, '/');
        if (folder_end)
            *folder_end = '\0';
        for (size_t i = 0; folder_end && !library && i < sizeof PLACES / sizeof *PLACES; i++) {
            snprintf(path, sizeof path, "%s%s/" LIBRARY, program, PLACES[i]);
            if (access(path, R_OK) == 0)
                library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        }
        if (!library)
            library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
    if (!library)
        snprintf(why, KT_CUDNN_WHY, "%s", dlerror());
    return library;
}

static kt_err_t
load(char why[KT_CUDNN_WHY])
{
    kt_cudnn_t found;
    void      *library = library_open(why);
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
