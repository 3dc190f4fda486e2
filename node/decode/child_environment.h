// kt_child_environment -- the environment of processes that read media: passwords and tokens of this process's
// environment do not reach them. Any thread, unless another changes the environment.
#pragma once

#include "common/err.h"

// For kithara-decode: the loader's paths, the sanitizers' options, and what Kithara's own tests set.
// For a process that also runs models: those, folders and the GPU's variables.
typedef enum kt_child_kind { KT_CHILD_DECODER, KT_CHILD_MODELS } kt_child_kind_t;

// *out: NULL-terminated, for posix_spawn; the caller frees the array, not its strings. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_child_environment(kt_child_kind_t kind, char ***out);
