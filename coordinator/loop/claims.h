// kt_claims -- the claimed jobs, which the scheduler's tags point at: a table from (job, run) to the input message, for
// BATCHes, for the documents of failures that no node wrote, and for the release of all claims at the end. Loop thread.
#pragma once

#include "coordinator/access/credential.h"
#include "coordinator/ledger/actor.h"
#include "coordinator/sched/scheduler.h"

// A tag is one of these two; its first member distinguishes them.
typedef enum kt_tag_kind { KT_TAG_CLAIM, KT_TAG_PAYLOAD } kt_tag_kind_t;
typedef struct kt_tag {
    kt_tag_kind_t kind;
} kt_tag_t;

typedef struct kt_claim {
    kt_tag_t        tag;
    kt_run_id_t     id;
    char           *body;
    size_t          body_bytes;
    int64_t         created_wall_ms;  // when the job came in; 0: not known, or this is not its first run
    bool            sent;             // to a node, at least once, by any coordinator
    kt_credential_t credential;       // of the last sending by this coordinator
} kt_claim_t;

// A node's outcome on its way into the ledger: the request is the actor's while posted.
typedef struct kt_payload {
    kt_tag_t             tag;
    kt_ledger_request_t *request;
    void                *owner;  // of the callback, while posted
    bool                 posted;
    bool                 dropped;  // by the scheduler, while posted: goes when the answer comes
} kt_payload_t;

typedef struct kt_claims {
    kt_claim_t **slots;
    size_t       capacity;  // a power of two, or 0
    size_t       n;
} kt_claims_t;

void kt_claims_fini(kt_claims_t *self);  // the table alone: claims are the scheduler's tags
// Takes *body. An older claim of the same run is replaced and destroyed by the caller's DROP alone. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_claims_add(kt_claims_t *self, kt_run_id_t id, char **body, size_t body_bytes, kt_claim_t **out);
// When the oldest that was not sent came in; 0: none is known.
int64_t     kt_claims_oldest_ms(const kt_claims_t *self);
kt_claim_t *kt_claims_find(const kt_claims_t *self, kt_run_id_t id);  // NULL: not claimed
void        kt_claims_drop(kt_claims_t *self,
                           kt_claim_t  *claim);  // removes this claim; a newer one of the same run stays
void        kt_tag_destroy(void *tag);          // either kind; the request of a posted payload stays the actor's
