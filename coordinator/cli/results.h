// kt_results -- stored output messages of a ledger, shown or written to a file. The ledger is opened for reading only,
// page by page, whether a coordinator works on it or not. One thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>
#include <stdio.h>

typedef enum kt_which { KT_WHICH_SUCCESSES, KT_WHICH_ALL, KT_WHICH_FAILURES } kt_which_t;

typedef struct kt_results_ask {
    const char *database_url;  // NULL: as set
    const char *path_prefix;   // NULL: all
    uint64_t    after_job;
    uint64_t    limit;  // 0: all
    kt_which_t  which;
} kt_results_ask_t;

typedef struct kt_results_count {
    uint64_t successes, failures;
} kt_results_count_t;

// In cli->format to stdout. KT_EXIT_OK or KT_EXIT_FAILED (and said).
int kt_results_show(const kt_cli_t *cli, const kt_results_ask_t *ask, kt_results_count_t *count);
// The messages byte for byte, one a line.
int kt_results_write(const kt_cli_t *cli, const kt_results_ask_t *ask, FILE *out);
