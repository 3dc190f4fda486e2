// kt_jobs -- the filters of `kithara jobs`, and what is done to the jobs that they select. Private to remote/. Main
// thread.
#pragma once

#include "coordinator/cli/client.h"
#include "coordinator/cli/remote/view.h"

#include <stdint.h>

typedef struct kt_jobs_filter {
    const char *state, *path, *error, *node;  // NULL: all
    int64_t     since_ms;                     // Unix time; 0: all
    bool        oldest;                       // oldest first
    uint64_t    after;
    uint64_t    limit;  // jobs at most; 0: all, of retry and cancel
} kt_jobs_filter_t;

// The path of a page in the API; false: a filter is too long.
bool kt_jobs_path(char out[KT_VIEW_PATH], const kt_jobs_filter_t *filter);
// retry or cancel: the jobs of `ids`, n of them, or if there is none those of the filter, after their number was shown
// and confirmed. Returns the exit code.
typedef struct kt_jobs_how {
    bool yes;    // without a question
    bool force;  // of retry: done jobs too
} kt_jobs_how_t;
int kt_jobs_change(kt_cli_t *cli, const char *verb, char *const *ids, size_t n, const kt_jobs_filter_t *filter,
                   const kt_jobs_how_t *how);
