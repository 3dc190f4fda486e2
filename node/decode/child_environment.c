#include "node/decode/child_environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

// Beginnings of "NAME=value"; the entries from FIRST_MODELS on are for KT_CHILD_MODELS alone.
static const char *const KEPT[] = {
    "PATH=",
    "LD_LIBRARY_PATH=",
    "LD_PRELOAD=",
    "KITHARA_DECODE",
    "ASAN_OPTIONS=",
    "LSAN_OPTIONS=",
    "TSAN_OPTIONS=",
    "UBSAN_OPTIONS=",
    "LLVM_PROFILE_FILE=",
    // KT_CHILD_MODELS
    "HOME=",
    "TMPDIR=",
    "XDG_",
    "CUDA_",
    "NVIDIA_",
    "DNNL_",
    "ONEDNN_",
    "OMP_",
    "KITHARA_",
};
enum { FIRST_MODELS = 9 };

static bool
is_kept(kt_child_kind_t kind, const char *variable)
{
    const size_t count = kind == KT_CHILD_MODELS ? sizeof KEPT / sizeof *KEPT : FIRST_MODELS;
    for (size_t i = 0; i < count; i++)
        if (strncmp(variable, KEPT[i], strlen(KEPT[i])) == 0)
            return true;
    return false;
}

kt_err_t
kt_child_environment(kt_child_kind_t kind, char ***out)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    char **list = calloc(count + 1, sizeof *list);
    if (!list)
        return KT_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (is_kept(kind, environ[i]))
            list[kept++] = environ[i];
    *out = list;
    return KT_OK;
}
