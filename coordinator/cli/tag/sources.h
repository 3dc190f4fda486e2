// kt_tag_sources -- the output messages from which tags are written: those of a ledger, as far as they are of the file
// as it is, and else analyses of now. One thread; the analyses of one call run beside each other.
#pragma once

#include "common/json.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/tag/tag_values.h"
#include "coordinator/cli/tagged.h"
#include "coordinator/ledger/ledger.h"
#include "node/run/pipeline.h"

enum { KT_SOURCE_WHY = 256 };

typedef struct kt_tag_sources kt_tag_sources_t;

typedef struct kt_tag_sources_opts {
    const kt_cli_t    *cli;
    const kt_tagged_t *tagged;
    const char        *database_url;  // with is_ledger; NULL: that of the settings
    bool               is_ledger;     // stored results are looked up
    uint32_t           options;       // kt_option_t bits of analyses
    size_t             workers;
} kt_tag_sources_opts_t;

// One file.
typedef struct kt_tag_source {
    const char *path;
    struct stat facts;     // of the file
    bool        wanted;    // else it is left out
    json_t     *document;  // of a success; the caller's
    bool        stored;    // from the ledger
    kt_err_t    err;       // why there is none
    char        why[KT_SOURCE_WHY];
} kt_tag_source_t;

// Opens the ledger. Errors as of kt_ledger_open, KT_ENOMEM; with why.
KT_MUST_USE kt_err_t kt_tag_sources_new(kt_tag_sources_t **self_p, const kt_tag_sources_opts_t *opts,
                                        char why[KT_LEDGER_WHY]);
void                 kt_tag_sources_destroy(kt_tag_sources_t **self_p);
// The messages of the wanted ones of n files, in place.
void kt_tag_sources_get(kt_tag_sources_t *self, kt_tag_source_t *const *files, size_t n);
