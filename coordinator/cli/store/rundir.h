// kt_rundir -- the state folder of `kithara run FOLDER`: a ledger, keys and a session of its own, below the state
// folder and named by the digest of the paths. A session that has not ended is continued by the next run of the same
// paths.
#pragma once

#include "common/digest.h"
#include "common/settings.h"

#include <limits.h>
#include <stdbool.h>

typedef struct kt_rundir {
    char path[PATH_MAX];
    char database_url[PATH_MAX + 32];  // "sqlite:..."
    char session[KT_UUID_TEXT];
    bool resumed;
} kt_rundir_t;

// paths: absolute, n of them. Only looks (for results and audit); the folder may not exist.
KT_MUST_USE kt_err_t kt_rundir_locate(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n);
// Makes it, and begins a session or takes up the one that did not end. KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_rundir_begin(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n,
                                     bool fresh);
KT_MUST_USE kt_err_t kt_rundir_end(const kt_rundir_t *self);  // the session is complete
