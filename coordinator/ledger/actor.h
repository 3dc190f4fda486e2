// kt_ledger_actor -- the one thread that calls the ledger. The loop posts requests and gets each back, answered,
// through a queue whose descriptor it polls; no other thread waits for the disk. Adjacent requests of a kind become one
// transaction (at most KT_LEDGER_GROUP with KT_LEDGER_GROUP_BYTES of texts, but always one, never waiting for more than
// is there), a group that fails with a data error is repeated row by row. A ledger that is down is tried again with
// growing pauses while requests wait; the loop gets one STATE request (the error, KT_OK when it is over). Queries
// (TOTALS, JOBS, DRAINED) do not wait for a ledger that is down: they get its error. KT_ESTATE, in a STATE or an
// answer, is permanent.
#pragma once

#include "common/queue.h"
#include "coordinator/ledger/ledger.h"

enum { KT_LEDGER_GROUP = 512, KT_LEDGER_GROUP_BYTES = 8 << 20, KT_LEDGER_QUEUE = 65536 };
enum { KT_LEDGER_NAMES = 1024, KT_LEDGER_PAGE = 10000, KT_LEDGER_STORY = 256 };

typedef enum kt_ledger_request_type {
    KT_LREQ_INSERT,   // new_job (one), answers inserted, id
    KT_LREQ_OPEN,     // a lease: answers lease; what the same coordinator held before becomes claimable at once
    KT_LREQ_RENEW,    // lease: err KT_EFENCED when lost
    KT_LREQ_CLAIM,    // want: answers claimed[n]; err KT_EFENCED, KT_EUNKNOWN_COMMIT: open a new lease
    KT_LREQ_RELEASE,  // id
    KT_LREQ_BLAME,    // attempt
    KT_LREQ_STORE,    // result: answers stored
    KT_LREQ_FAIL,     // result: answers stored
    KT_LREQ_ASK,      // ask
    KT_LREQ_REJECT,   // reject: a message that cannot become a job
    KT_LREQ_REPLAY,   // replay: answers found
    KT_LREQ_OUTBOX,   // after, want: answers rows[n]
    KT_LREQ_SENT,     // ids[n]: confirmed by the broker
    KT_LREQ_RETAIN,   // before_ms, want: answers n
    KT_LREQ_TOTALS,   // totals
    KT_LREQ_JOBS,     // query: answers rows[n]
    KT_LREQ_STORY,    // job: answers rows[n]
    KT_LREQ_DRAINED,  // answers names[n]
    KT_LREQ_CALL,     // call: any other transaction
    KT_LREQ_LOOK,     // call: one that only reads
    KT_LREQ_STATE,    // from the actor itself
} kt_ledger_request_type_t;

typedef struct kt_ledger_request kt_ledger_request_t;
// Loop thread: what the asker does with the answer. It may keep the request, and then sets *request_p to NULL.
typedef void kt_ledger_answered_fn(void *context, kt_ledger_request_t **request_p);

// Ledger thread: a transaction of another part (backfill). args hold what it needs and what it answers.
typedef kt_err_t kt_ledger_call_fn(void *args, kt_ledger_t *ledger, const kt_lease_t *lease);

// One heap object, owned by the holder of the pointer. Texts and documents within are freed with it; who keeps one sets
// its pointer to NULL. The actor makes `claimed`, `rows`, `names`, and fills in a wall_ms of 0. A want beyond
// KT_LEDGER_QUEUE or a capacity beyond KT_LEDGER_PAGE is KT_EINVAL.
struct kt_ledger_request {
    kt_ledger_request_type_t type;
    kt_err_t                 err;       // of the call
    void                    *context;   // the asker's
    kt_ledger_answered_fn   *answered;  // NULL: an HTTP call's, or one of the loop's own kinds
    union {
        struct {
            kt_job_t      job;
            char         *body, *properties;
            size_t        body_bytes, properties_bytes;
            kt_inserted_t inserted;
            uint64_t      id;
        } insert;
        struct {
            kt_lease_t lease;
        } open;
        struct {
            size_t        want, n;
            kt_claimed_t *claimed;
        } claim;
        struct {
            kt_run_id_t id;
        } release;
        struct {
            kt_attempt_t attempt;
            char         node_name[64];
        } blame;
        struct {
            kt_result_t result;  // its texts point into the members below
            char        detail[512], node_name[64];
            char       *document;
            kt_stored_t stored;
        } store;  // STORE and FAIL
        struct {
            kt_ask_t ask;  // its texts point into the members below
            char     node_name[64], by[KT_FLEET_NAME], why[KT_FLEET_WHY];
        } ask;
        struct {
            kt_reject_t reject;  // its texts point into the members below
            char       *body, *reply, *properties;
            char        message_id[KT_JOB_ID_BYTES], reason[KT_OUTBOX_REASON];
        } reject;
        kt_replay_t replay;
        struct {
            uint64_t         after;
            size_t           want, n;
            kt_outbox_row_t *rows;
        } outbox;
        struct {
            uint64_t *ids;
            size_t    n;
        } sent;
        struct {
            int64_t before_ms;
            size_t  want, n;
        } retain;
        struct {
            uint64_t        job;
            size_t          n;
            kt_story_row_t *rows;  // at most KT_LEDGER_STORY
        } story;
        struct {
            kt_totals_t totals;
        } totals;
        struct {
            kt_job_query_t query;
            char           message_id[KT_JOB_ID_BYTES];
            char           node[64];
            char          *path_prefix;
            size_t         capacity, n;
            kt_job_row_t  *rows;
        } jobs;
        struct {
            kt_ledger_call_fn *run;
            void              *args;  // the request's, freed by
            void (*free)(void *args);
        } call;  // CALL and LOOK
        struct {
            char (*names)[64];  // the actor's to make, at most KT_LEDGER_NAMES
            size_t n;
        } drained;
    };
};

kt_ledger_request_t *kt_ledger_request_new(kt_ledger_request_type_t type, void *context);  // NULL: out of memory
void                 kt_ledger_request_destroy(kt_ledger_request_t **self_p);

typedef struct kt_ledger_actor kt_ledger_actor_t;
// Takes the ledger (closed by destroy). The lease in use is the actor's own: OPEN sets it, RELEASE, BLAME, FAIL, CLAIM
// use it.
KT_MUST_USE kt_err_t kt_ledger_actor_new(kt_ledger_actor_t **self_p, kt_ledger_t **ledger_p);
void kt_ledger_actor_destroy(kt_ledger_actor_t **self_p);  // finishes what is queued, at most 5 s, then closes
// Of a ledger that several coordinators share: a second connection, for RENEW alone, with a thread of its own, so that
// a call that takes longer than the lease does not lose it. Takes the ledger (closed by destroy). Before the first
// post. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_ledger_actor_renew_by(kt_ledger_actor_t *self, kt_ledger_t **ledger_p);
// Any thread. Takes the request and nulls the pointer; KT_EFULL, KT_ECLOSED leave it.
KT_MUST_USE kt_err_t kt_ledger_actor_post(kt_ledger_actor_t *self, kt_ledger_request_t **request_p);
size_t kt_ledger_actor_waiting(const kt_ledger_actor_t *self);  // requests that wait; a moment's number, any thread
// Answered requests for the loop: poll kt_queue_fd of this, pop kt_ledger_request_t *, destroy each.
kt_queue_t *kt_ledger_actor_answers(kt_ledger_actor_t *self);
