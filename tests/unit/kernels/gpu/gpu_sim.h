// The simulated device in a test: the library as a node loads it.
#pragma once

#include "common/log.h"
#include "kernels/gpu/gpus.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

enum { BREAK_ERROR = 719, BREAK_XID = 79 };
#define LIBRARY KT_BINARY_DIR "/bin/libkithara-cuda-sim.so"

static inline void *
symbol(const char *name)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    cr_assert(library, "%s", dlerror());
    void *found = dlsym(library, name);
    cr_assert(found, "%s", name);
    return found;
}

// Nothing that a GPU would punish, and nothing left behind.
static inline void
check_clean(void)
{
    size_t (*finish)(void) = (size_t(*)(void))(uintptr_t)symbol("cudasim_finish");
    cr_assert_eq(finish(), 0);
}

static inline void
break_after(const char *call, uint64_t n)
{
    void (*set)(const char *, uint64_t, int, int) =
        (void (*)(const char *, uint64_t, int, int))(uintptr_t)symbol("cudasim_break_after");
    set(call, n, BREAK_ERROR, BREAK_XID);
}

static inline kt_err_t
try_open(kt_gpus_t **gpus, const kt_gpu_opts_t *opts, char why[KT_GPU_WHY])
{
    if (access(LIBRARY, R_OK))
        cr_skip_test("no C++ compiler made the simulated device");
    setenv("KITHARA_CUDA_LIBRARY", LIBRARY, 1);
    kt_log_setup(KT_LOG_ERROR, KT_LOG_TEXT, "test");
    return kt_gpus_open(gpus, opts, why);
}

static inline kt_gpus_t *
open_sim(const char *seed, kt_gpu_opts_t opts)
{
    kt_gpus_t *gpus = NULL;
    char       why[KT_GPU_WHY];
    setenv("KITHARA_SIM_SEED", seed, 1);
    opts.deadline_ms = 120000;
    cr_assert_eq(try_open(&gpus, &opts, why), KT_OK, "%s", why);
    return gpus;
}

static inline kt_gpus_info_t
info_of(const kt_gpus_t *gpus)
{
    kt_gpus_info_t info;
    kt_gpus_info(gpus, &info);
    return info;
}
