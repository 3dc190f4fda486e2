// kt_submit -- makes input messages of files and submits them to the coordinator in batches. One thread.
#pragma once

#include "coordinator/cli/client.h"
#include "coordinator/cli/tagged.h"
#include "proto/job.h"

#include <stdint.h>

typedef struct kt_submit kt_submit_t;

// The coordinator's result for one path: {"message_id","job","status","error"}.
typedef void kt_submitted_fn(void *context, const char *path, const json_t *answer);

// What tells a changed file from the one before: nothing (a path is one job), its size and time of change, its bytes.
typedef enum kt_submit_by { KT_SUBMIT_BY_PATH, KT_SUBMIT_BY_FACTS, KT_SUBMIT_BY_CONTENT } kt_submit_by_t;

typedef struct kt_submit_opts {
    kt_client_t       *client;
    const char        *priority;  // "normal"
    uint32_t           options;   // kt_option_t bits
    const char        *session;   // message ids are derived from it and the path, so that the same file is the same job
    kt_submit_by_t     by;        // and from this
    const kt_tagged_t *tagged;    // files that changed by their tags alone are as before; NULL: none
    // Whether the file of this absolute path is submitted; NULL: all are.
    bool (*wanted)(void *context, const char *path, const kt_job_t *job);
    kt_submitted_fn *answered;
    void            *context;
} kt_submit_opts_t;

KT_MUST_USE kt_err_t kt_submit_new(kt_submit_t **self_p, const kt_submit_opts_t *opts);
void                 kt_submit_destroy(kt_submit_t **self_p);
// Adds an absolute path or a URL to the batch. KT_EFULL: flush first; KT_EINVAL: its text is too long.
KT_MUST_USE kt_err_t kt_submit_file(kt_submit_t *self, const char *path);
bool                 kt_submit_full(const kt_submit_t *self);
// The message_id that the file would have by this. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_submit_id(const kt_submit_t *self, kt_submit_by_t by, const char *path,
                                  char id[KT_JOB_ID_BYTES]);
// Sends the batch; on failure the next call sends the same batch again.
KT_MUST_USE kt_err_t kt_submit_flush(kt_submit_t *self);
