// kt_rundir -- the folder of `kithara run FOLDER`, with its ledger, keys and session. It is below the state folder and
// named by the digest of the paths. The next run of the same paths resumes an unfinished session.
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

// paths: absolute, n of them. Does not access the folder, which may not exist (for
// results and audit).
KT_MUST_USE kt_err_t kt_rundir_locate(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n);
// Creates the folder, and starts a session or resumes the unfinished one. KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_rundir_begin(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n,
                                     bool fresh);
KT_MUST_USE kt_err_t kt_rundir_end(const kt_rundir_t *self);  // marks the session as complete
