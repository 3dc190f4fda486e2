// ledger_rows -- what goes into the ledger and comes out of it: plain values, no behaviour. Texts that are pointers are
// borrowed for the call, unless noted at a member. Wall times are Unix milliseconds; they label and order rows,
// while a lease's time is the ledger's own clock. Runs count from 1.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "proto/job.h"
#include "proto/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_lease {
    char     coordinator[64];
    uint64_t epoch;
    int64_t  length_ms;
} kt_lease_t;

typedef struct kt_new_job {
    const kt_job_t *job;
    const char     *body;  // the input message, byte for byte
    size_t          body_bytes;
    const char     *properties;  // of the broker, that its answer needs; NULL: none
    size_t          properties_bytes;
    int64_t         wall_ms;
} kt_new_job_t;

typedef enum kt_inserted { KT_INSERTED_NEW, KT_INSERTED_KNOWN, KT_INSERTED_CLASH } kt_inserted_t;

typedef struct kt_claimed {
    kt_run_id_t   id;
    uint32_t      attempts, crashes;
    kt_priority_t priority;
    uint64_t      declared_bytes;
    double        declared_duration_s;
    int64_t       created_wall_ms;
    char         *body;  // malloc'ed, the caller's
    size_t        body_bytes;
} kt_claimed_t;

typedef struct kt_attempt {
    kt_run_id_t id;
    uint32_t    attempt;
    kt_err_t    err;
    bool        crash;  // the node was lost, or its child crashed
    const char *node_name;
    int64_t     wall_ms;
} kt_attempt_t;

enum { KT_RESULT_STAGES = 16 };

// A success or a final failure: the document is stored and published byte for byte.
typedef struct kt_result {
    kt_run_id_t id;
    uint32_t    attempt;
    kt_err_t    err;  // KT_OK for a success
    const char *detail;
    const char *node_name;
    const char *document;
    size_t      document_bytes;
    kt_digest_t content_digest;  // zero when the file was not read
    int64_t     processing_us, wall_ms;
    size_t      n_stages;
    struct {
        char    name[32];
        int64_t us;
    } stages[KT_RESULT_STAGES];
} kt_result_t;

typedef enum kt_ask_type { KT_ASK_CANCEL, KT_ASK_RETRY, KT_ASK_DRAIN, KT_ASK_UNDRAIN } kt_ask_type_t;
typedef struct kt_ask {
    kt_ask_type_t type;
    kt_run_id_t   id;         // CANCEL, RETRY; run 0: whichever is the current one. Filled with the run it is now
    const char   *node_name;  // DRAIN, UNDRAIN
    const char   *by, *why;   // DRAIN: who asked for it, and the reason; NULL: not stated
    bool          force;      // RETRY: of a done job too, whose result is kept until the new one is stored
    kt_err_t      how;        // filled: KT_OK, KT_ENOTFOUND; KT_EINVAL: not in a state for it, or no such node name
    int           state;      // filled, of a job that was found: its kt_job_state_t before
    bool          retained;   // filled: its message is past its retention
} kt_ask_t;

// Numbers of the whole ledger, cheap (counters kept by the ledger or indexed counts).
typedef struct kt_totals {
    uint64_t queued, claimed, done, failed, cancelled, retried;
    uint64_t done_today, processing_us_total;
    uint64_t outbox_waiting;
    int64_t  oldest_queued_ms;  // when the oldest queued job came in; 0: none is queued
} kt_totals_t;

typedef enum kt_job_state {
    KT_JOB_QUEUED,
    KT_JOB_CLAIMED,
    KT_JOB_DONE,
    KT_JOB_FAILED,
    KT_JOB_CANCELLED
} kt_job_state_t;

typedef struct kt_job_row {
    kt_run_id_t    id;
    char           message_id[KT_JOB_ID_BYTES];
    char           file_path[KT_JOB_PATH];
    kt_job_state_t state;
    kt_priority_t  priority;
    uint32_t       attempts, crashes;
    kt_err_t       err;  // of the stored outcome
    char           detail[512];
    int64_t        created_wall_ms, stored_wall_ms, processing_us;
    char           node_name[64];
    uint32_t       result_run;  // of the stored outcome; before id.run while a job is done again; 0: none
    char          *document;    // with documents asked for: malloc'ed, the caller's; else NULL
    size_t         document_bytes;
    bool           damaged;  // documents were asked for, and what is stored is no JSON object: no document
} kt_job_row_t;

typedef struct kt_job_query {
    uint64_t    after_job;  // a page starts after this id; 0: the first
    int         state;      // kt_job_state_t, or -1: all
    bool        documents;  // with the stored documents; of a job that is done again the one before
    bool        latest;     // only the latest result of each path, none of removed paths. SQL ledgers only
    bool        history;    // a row per result, not per job; those of after_job follow after_run. SQL ledgers only
    uint32_t    after_run;
    const char *message_id;   // NULL: all
    const char *path_prefix;  // NULL: all
    bool        newest;       // from the last job down; after_job: a page starts before this id, 0: at the last
    int64_t     since_ms;     // accepted then or later, Unix time; 0: all
    kt_err_t    err;          // of the outcome; KT_OK: all
    const char *node;         // that gave the outcome; NULL: all
} kt_job_query_t;

// The failed jobs of one code.
typedef struct kt_failure_row {
    kt_err_t err;
    uint64_t jobs;
    int64_t  last_ms;  // when the last of them failed
} kt_failure_row_t;

// A discrepancy that the audit found, one plain sentence.
typedef void kt_audit_fn(void *context, kt_run_id_t id, const char *finding);
