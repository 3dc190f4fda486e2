// ledger_outbox -- what waits to be published, and what an operator reads about one job: values of the ledger's
// operations outbox_put, outbox_take, outbox_done and story. An outbox row is written in the commit of what it reports,
// where a publisher is configured (kt_ledger_t.publishes), and confirmed when the broker has it: so a message goes
// out at least once. Rows belong to the epoch of the coordinator that wrote them; with a lease its rows are taken over.
#pragma once

#include "coordinator/ledger/rows.h"

// RESULT: the document of (job, run), stored in the results. REPLY: an output message for a message that never became a
// job. DEAD: such a message itself, for the dead-letter exchange.
typedef enum kt_outbox_kind { KT_OUTBOX_RESULT, KT_OUTBOX_REPLY, KT_OUTBOX_DEAD } kt_outbox_kind_t;

enum { KT_OUTBOX_REASON = 256 };

// A message that came in and cannot become a job: one DEAD row, and a REPLY row where there is a reply.
typedef struct kt_reject {
    const char *body;  // as it came, any bytes
    size_t      body_bytes;
    const char *properties;  // of the broker, all that came with it; NULL: none
    size_t      properties_bytes;
    const char *message_id;  // as far as it could be read; ""
    kt_err_t    err;
    const char *reason;  // a sentence
    const char *reply;   // NULL: none
    size_t      reply_bytes;
    int64_t     wall_ms;
} kt_reject_t;

typedef struct kt_outbox_row {
    uint64_t         id;  // grows within an epoch
    kt_outbox_kind_t kind;
    kt_run_id_t      run;  // RESULT
    kt_err_t         err;  // of the outcome, or why it was rejected
    char             message_id[KT_JOB_ID_BYTES];
    char             reason[KT_OUTBOX_REASON];
    int64_t          created_ms;
    char            *bytes;  // what is published; malloc'ed, the caller's
    size_t           n_bytes;
    bool             damaged;     // RESULT: what is stored is no JSON object, and there is nothing to publish
    char            *properties;  // of the input message, malloc'ed, the caller's; NULL: none
    size_t           n_properties;
} kt_outbox_row_t;

void kt_outbox_row_fini(kt_outbox_row_t *self);  // frees what it holds and nulls it

// A finished job whose answer is published again, with other properties than the first time.
typedef struct kt_replay {
    uint64_t job;
    char    *properties;  // the caller's; NULL: none
    size_t   properties_bytes;
    bool     found;  // answer: there is an outcome with a document, that was to be published
} kt_replay_t;

// One line of a job's story, in the order of time.
typedef enum kt_story_type {
    KT_STORY_ACCEPTED,   // the job came into the ledger
    KT_STORY_CLAIMED,    // a coordinator (name) holds it now
    KT_STORY_ATTEMPT,    // an attempt failed on a node (name): err, crash
    KT_STORY_OUTCOME,    // a result or final failure was stored: err, name of the node, attempt
    KT_STORY_PUBLISHED,  // confirmed by the broker; at_ms 0: waiting
} kt_story_type_t;

typedef struct kt_story_row {
    kt_story_type_t type;
    int64_t         at_ms;  // 0: not known
    uint32_t        run, attempt;
    kt_err_t        err;
    bool            crash;
    char            name[64];
    char            detail[512];
} kt_story_row_t;
