// kt_known -- what the ledger of `kithara run` knows from earlier runs: how each job ended, by message_id, and which
// paths it has. About a hundred bytes per job. One thread.
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/store/text_key.h"
#include "coordinator/ledger/ledger.h"

typedef struct kt_known kt_known_t;
typedef struct kt_known_job {
    uint8_t        key[KT_TEXT_KEY];  // of the message_id
    uint64_t       job;
    uint32_t       run;
    kt_job_state_t state;
    kt_err_t       err;
} kt_known_job_t;

// The whole ledger, which is there. KT_ENOMEM; KT_EIO, KT_ESTATE, KT_ESCHEMA with why.
KT_MUST_USE kt_err_t  kt_known_load(kt_known_t **self_p, const kt_cli_t *cli, const char *database_url,
                                    char why[KT_LEDGER_WHY]);
void                  kt_known_destroy(kt_known_t **self_p);
const kt_known_job_t *kt_known_find(const kt_known_t *self, const char *message_id);  // NULL: unknown
// It is done, or failed for what the file is: another run of the same file would end alike.
bool kt_known_is_final(const kt_known_job_t *job);
// Its result is that which readers show for the path. Else the file was analysed otherwise since then: with other
// settings or models, or as other bytes.
bool   kt_known_is_latest(const kt_known_t *self, const kt_known_job_t *job, const char *file_path);
size_t kt_known_open(const kt_known_t *self);  // jobs that had not ended

// The file of this path, as messages have it, is there.
void kt_known_see(kt_known_t *self, const char *file_path);
// Marks the paths whose files are gone, and takes back the marks of those that were seen. Opens the ledger as its only
// writer. A file that is merely out of reach is not gone. *removed: how many are gone. Errors as of load, KT_ELOCKED.
KT_MUST_USE kt_err_t kt_known_mark(kt_known_t *self, const kt_cli_t *cli, const char *database_url, uint64_t *removed,
                                   char why[KT_LEDGER_WHY]);
