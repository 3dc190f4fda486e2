// kt_watch -- repeats a view until Ctrl-C (--watch), also while the coordinator does not answer. Main thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

struct kt_watch {
    bool   headed;          // the header of CSV is printed
    bool   silent;          // the coordinator did not answer the last time
    size_t lines, columns;  // of the terminal; 0: standard output is none
};

// Prints the view once; its error is returned and not reported.
typedef kt_err_t kt_view_fn(void *context, kt_cli_t *cli);

// Prints the view, with `watch` every second until SIGINT or SIGTERM; says once when the coordinator is silent, and
// when it is back. Returns the last error: KT_OK after the end by a signal.
KT_MUST_USE kt_err_t kt_watch_run(kt_cli_t *cli, bool watch, kt_view_fn *view, void *context);
bool                 kt_watch_wait(int64_t interval_ms);  // false: ended by SIGINT or SIGTERM
