// kt_rundir -- the folder of `kithara run FOLDER`, with its ledger, keys and session. It is below the state folder and
// named by the digest of the paths. The session lasts from run to run, so that an unchanged file is the same job;
// --fresh begins another one.
#pragma once

#include "common/digest.h"
#include "common/settings.h"

#include <limits.h>
#include <stdbool.h>

typedef struct kt_rundir {
    char path[PATH_MAX];
    char database_url[PATH_MAX + 32];  // "sqlite:..."
    char session[KT_UUID_TEXT];
} kt_rundir_t;

// paths: absolute, n of them. Does not access the folder, which may not exist (for
// results and audit).
KT_MUST_USE kt_err_t kt_rundir_locate(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n);
// Creates the folder and a session, if there is none or a fresh one is wanted. KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_rundir_begin(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n,
                                     bool fresh);
