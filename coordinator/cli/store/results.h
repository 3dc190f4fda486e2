// kt_results -- prints or writes the stored output messages of a ledger. Opens the ledger read-only and reads it page
// by page, even while a coordinator uses it. One thread.
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/store/known.h"
#include "coordinator/cli/store/problems.h"
#include "coordinator/cli/store/rundir.h"
#include "coordinator/ledger/ledger.h"

#include <stdint.h>
#include <stdio.h>

typedef enum kt_which { KT_WHICH_SUCCESSES, KT_WHICH_ALL, KT_WHICH_FAILURES } kt_which_t;

typedef struct kt_results_ask {
    const char *database_url;  // NULL: from the settings
    const char *path_prefix;   // NULL: all
    uint64_t    after_job;
    uint64_t    limit;  // 0: all
    kt_which_t  which;
    bool        history;  // all results, and not the latest of each path
} kt_results_ask_t;

// Results that were left out, because what is stored is no message.
typedef struct kt_damaged {
    uint64_t n, first_job;
} kt_damaged_t;

typedef struct kt_results_count {
    uint64_t          successes, failures;
    kt_problems_t    *problems;  // the caller's; gets each file that is not whole
    const kt_known_t *known;     // results of jobs that had ended in it are not counted, nor shown in a table
} kt_results_count_t;

// The URL of the ledger: `ledger`, else that of `run FOLDER`, else NULL for the setting's. *url may point into *rundir.
// KT_ENOFILE: no such folder. KT_ENOTFOUND: it has no ledger yet; the detail for that is KT_RESULTS_NEVER.
#define KT_RESULTS_NEVER "this folder was never analysed by `kithara run`, which makes its results"
KT_MUST_USE kt_err_t kt_results_locate(const kt_cli_t *cli, const char *run, const char *ledger, kt_rundir_t *rundir,
                                       const char **url);
// The ledger of that URL, NULL: the setting's, to be read. why: a sentence about an error.
KT_MUST_USE kt_err_t kt_results_open(const kt_cli_t *cli, const char *url, kt_ledger_t **out, char why[KT_LEDGER_WHY]);
// One line on stderr, if there are any.
void kt_damaged_show(const kt_damaged_t *self);

// In cli->format to stdout. KT_EXIT_OK or KT_EXIT_FAILED (with a message; also if results are damaged).
int kt_results_show(const kt_cli_t *cli, const kt_results_ask_t *ask, kt_results_count_t *count);
// The messages byte for byte, one per line.
int kt_results_write(const kt_cli_t *cli, const kt_results_ask_t *ask, FILE *out);
