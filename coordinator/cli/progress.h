// kt_progress -- one line on a terminal: bar, count, rate, time left. No output if stderr is not a terminal. One
// thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef struct kt_progress {
    bool        on;
    int64_t     began_ms, drawn_ms;
    uint64_t    first;  // done before the start, not counted in the rate
    const char *what;   // "files"
} kt_progress_t;

void kt_progress_begin(kt_progress_t *self, const kt_cli_t *cli, const char *what, uint64_t done);
// total 0: unknown. note: "" or a short remark at the end ("3 failed").
void kt_progress_show(kt_progress_t *self, uint64_t done, uint64_t total, const char *note);
void kt_progress_end(kt_progress_t *self);  // clears the line
