// kt_progress -- one line on a terminal: bar, count, rate, time left. Nothing at all where stderr is no terminal. One
// thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef struct kt_progress {
    bool        on;
    int64_t     began_ms, drawn_ms;
    uint64_t    first;  // done before we began: the rate counts from here
    const char *what;   // "files"
} kt_progress_t;

void kt_progress_begin(kt_progress_t *self, const kt_cli_t *cli, const char *what, uint64_t done);
// total 0: not known yet. note: "" or a short remark at the end ("3 failed").
void kt_progress_show(kt_progress_t *self, uint64_t done, uint64_t total, const char *note);
void kt_progress_end(kt_progress_t *self);  // wipes the line
