// kt_progress -- how far a command is, on standard error: on a terminal one line that is redrawn, cut to its width;
// else a line of its own every 30 s. The time left is estimated from the bytes, where they are known, and is smoothed.
// One thread.
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/eta.h"

#include <stdint.h>

typedef struct kt_progress {
    bool        terminal, drawn;
    int64_t     began_ms, next_ms;
    uint64_t    first;  // done before the start, not counted in the rate
    kt_eta_t    eta;
    const char *what;  // "files"
} kt_progress_t;

typedef struct kt_progress_state {
    uint64_t    done, total;              // total 0: unknown
    uint64_t    done_bytes, total_bytes;  // 0: unknown, the count is taken
    const char *file;                     // in work; NULL: unknown. Its last component is shown
    const char *note;                     // "3 failed"; NULL: none
} kt_progress_state_t;

void kt_progress_begin(kt_progress_t *self, const kt_cli_t *cli, const char *what, uint64_t done);
void kt_progress_show(kt_progress_t *self, const kt_progress_state_t *state);
void kt_progress_end(kt_progress_t *self);  // clears the line; also before something else is printed

// Sizes of the files in the order of their submission, from which the bytes of the first `done` ones follow: jobs are
// done about in that order. Memory is bounded: of files past the bound the count is all that is known.
typedef struct kt_sizes {
    uint64_t *ends;  // of each file and all before it, bytes
    size_t    n, capacity;
    bool      full;
} kt_sizes_t;

void     kt_sizes_add(kt_sizes_t *self, const char *path);          // a path that cannot be read counts as one byte
uint64_t kt_sizes_of_first(const kt_sizes_t *self, uint64_t done);  // bytes; 0 where they are not known
uint64_t kt_sizes_total(const kt_sizes_t *self);                    // bytes; 0 likewise
void     kt_sizes_fini(kt_sizes_t *self);
