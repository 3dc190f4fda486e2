#include "kernels/gpu/gpus.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
#define LIBRARY "libkithara-cuda.so"

static void *
gpu_library_open(char why[KT_GPU_WHY])
{
    static const char *const PLACES[] = {"", "/../lib/kithara", "/../lib"};
    const char              *named    = getenv("KITHARA_CUDA_LIBRARY");
    char                     program[PATH_BYTES], path[PATH_BYTES + 64];
    if (named && *named) {
        void *library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            snprintf(why, KT_GPU_WHY, "%s", dlerror());
        return library;
    }
    snprintf(why, KT_GPU_WHY, "%s is not installed", LIBRARY);
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *folder_end                 = strrchr(program, '/');
    if (!folder_end)
        return NULL;
    *folder_end = '\0';
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        snprintf(path, sizeof path, "%s%s/%s", program, PLACES[i], LIBRARY);
        if (access(path, R_OK))
            continue;
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
        snprintf(why, KT_GPU_WHY, "%s", dlerror());
    }
    return NULL;
}

// The library stays: the driver's threads outlive every context.
kt_err_t
kt_gpu_load(const kt_gpu_backend_t **out, char why[KT_GPU_WHY])
{
    void *library = gpu_library_open(why);
    if (!library)
        return KT_ENOTFOUND;
    kt_gpu_backend_fn *get = (kt_gpu_backend_fn *)(uintptr_t)dlsym(library, KT_GPU_BACKEND_SYMBOL);
    if (!get) {
        snprintf(why, KT_GPU_WHY, "the library lacks " KT_GPU_BACKEND_SYMBOL);
        return KT_ENOTFOUND;
    }
    const kt_gpu_backend_t *backend = get();
    if (backend->abi != KT_GPU_ABI) {
        snprintf(why, KT_GPU_WHY, "the library has interface version %u, this program %d", backend->abi, KT_GPU_ABI);
        return KT_ENOTFOUND;
    }
    *out = backend;
    return KT_OK;
}
