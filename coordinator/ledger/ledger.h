// kt_ledger -- the truth: jobs, attempts, results, leases, outbox. A table of operations with several implementations
// (SQLite, memory; PostgreSQL fits) and one conformance suite. Each call is one transaction over a batch, blocking;
// only the ledger actor calls it, and it groups requests into calls. Row-wise results (`how`) make one bad row harm no
// other.
//
// Errors of a whole call: KT_EIO, KT_EDISK (nothing happened, try again), KT_EUNKNOWN_COMMIT (may or may not have
// happened: repeat the call, every operation is idempotent), KT_EFENCED (the lease is no longer ours), KT_ESCHEMA,
// KT_ELOCKED, KT_EBADDATA (a group is repeated row by row), KT_ESTATE (the file is damaged). How a ledger chooses and
// judges is the same for all implementations: ledger_rules.h.
#pragma once

#include "common/err.h"
#include "common/settings.h"
#include "coordinator/ledger/backfill.h"
#include "coordinator/ledger/fleet.h"
#include "coordinator/ledger/outbox.h"
#include "coordinator/ledger/rows.h"
#include "coordinator/ledger/vectors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_ledger kt_ledger_t;  // implementations embed it first
typedef struct kt_ledger_ops {
    const char *name;    // "sqlite", "memory"
    bool        shared;  // by coordinators of several processes, which take over each other's leases

    // Queued jobs, by message_id: NEW, KNOWN (the same canonical body) or CLASH (another body under a known id). ids:
    // the job of that message_id in every case. KT_EBADDATA for the call if a text in it cannot be stored.
    kt_err_t (*insert_jobs)(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids);

    // A new epoch for the coordinator of that name. What the name held before is claimable at once, and so is what
    // other names held whose lease has run out.
    kt_err_t (*lease_open)(kt_ledger_t *self, const char *coordinator, int64_t length_ms, kt_lease_t *out);
    kt_err_t (*lease_renew)(kt_ledger_t *self, const kt_lease_t *lease);  // KT_EFENCED; takes over like lease_open

    // At most `want` queued jobs become claimed under the lease; KT_EFENCED when it is not ours. The higher priority
    // first, the older job first within one; low never starves (ledger_rules.h says how).
    kt_err_t (*claim)(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out,
                      size_t *n);
    // Both do nothing to a row that is not claimed under this very lease.
    kt_err_t (*release)(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n);
    kt_err_t (*blame)(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n);

    // Outcomes: the first of a (job, run) wins. A success needs no lease. ALREADY also for an older run, BAD_DATA for
    // an unknown job, a run that is not there yet, an err of the other kind, or a document that is no UTF-8 text. The
    // SQL ledgers, which parse it, also refuse one that is no JSON object, or whose message_id or file_path is
    // another's.
    kt_err_t (*store)(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how);
    kt_err_t (*fail)(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n,
                     kt_stored_t *how);

    kt_err_t (*ask)(kt_ledger_t *self, kt_ask_t *asks, size_t n);

    // The outbox (ledger_outbox.h). take: rows of this lease's epoch with id > after that are not confirmed, oldest
    // first, at most `want`, together at most KT_OUTBOX_BYTES of messages but always one. done: confirms; unknown or
    // confirmed ids do no harm. KT_EFENCED.
    kt_err_t (*outbox_put)(kt_ledger_t *self, const kt_reject_t *rejects, size_t n);
    kt_err_t (*outbox_take)(kt_ledger_t *self, const kt_lease_t *lease, uint64_t after, size_t want,
                            kt_outbox_row_t *out, size_t *n);
    kt_err_t (*outbox_done)(kt_ledger_t *self, const uint64_t *ids, size_t n, int64_t wall_ms);
    // The row of the job's last outcome waits again, under this coordinator's epoch and a new id. One that waits
    // already, or has not ended, or whose document is gone, remains as it is.
    kt_err_t (*outbox_replay)(kt_ledger_t *self, kt_replay_t *replay);

    // Removes documents and bodies of at most `want` jobs that ended before before_ms and have nothing waiting in the
    // outbox; their message_id stays known. *n: how many.
    kt_err_t (*retain)(kt_ledger_t *self, int64_t before_ms, size_t want, size_t *n);

    // The files of these paths are gone, or there again: `latest` rows and the view `features` leave removed ones out
    // until they have a newer result. NULL: this ledger keeps no marks.
    kt_err_t (*mark_paths)(kt_ledger_t *self, const char *const *paths, size_t n, bool removed, int64_t wall_ms);

    // Reading; read-only openers have these alone (the others give them KT_EACCESS).
    kt_err_t (*totals)(kt_ledger_t *self, int64_t wall_ms, kt_totals_t *out);
    kt_err_t (*jobs)(kt_ledger_t *self, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n);
    // The last `most` failed jobs by the code of their outcome, the most frequent first; at most capacity codes.
    kt_err_t (*failures)(kt_ledger_t *self, size_t most, kt_failure_row_t *out, size_t capacity, size_t *n);
    // What happened to one job, oldest first; KT_ENOTFOUND.
    kt_err_t (*story)(kt_ledger_t *self, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n);
    kt_err_t (*drained)(kt_ledger_t *self, char (*names)[64], size_t capacity, size_t *n);
    // The vector of a file's latest result (KT_ENOTFOUND: it has none), and the files nearest to one (vectors.h). NULL:
    // this ledger keeps no vectors.
    kt_err_t (*vector_of)(kt_ledger_t *self, const char *path, kt_vector_t *out);
    kt_err_t (*nearest)(kt_ledger_t *self, kt_nearest_t *search);
    // Every rule that the ledger must keep, each breach by one sentence; rows: how many were looked at. Reads all.
    kt_err_t (*audit)(kt_ledger_t *self, kt_audit_fn *found, void *context, uint64_t *rows);

    const kt_backfill_ops_t *backfill;    // NULL: this ledger keeps no backfills (ledger_backfill.h)
    const kt_fleet_ops_t    *fleet;       // NULL: this ledger keeps no nodes and keys (fleet.h)
    void (*close)(kt_ledger_t **self_p);  // NULL-safe, idempotent, nulls
} kt_ledger_ops_t;
struct kt_ledger {
    const kt_ledger_ops_t *ops;
    bool                   publishes;  // outcomes get a row in the outbox; set by kt_ledger_open: AMQP is configured
};

enum { KT_LEDGER_WHY = 512, KT_OUTBOX_BYTES = 8 << 20 };
KT_MUST_USE kt_err_t kt_ledger_sqlite_open(kt_ledger_t **out, const char *path, bool writer, char why[KT_LEDGER_WHY]);
KT_MUST_USE kt_err_t kt_ledger_postgres_open(kt_ledger_t **out, const char *url, bool writer, char why[KT_LEDGER_WHY]);
KT_MUST_USE kt_err_t kt_ledger_memory_open(kt_ledger_t **out);
void                 kt_ledger_close(kt_ledger_t **self_p);    // whichever it is; NULL-safe
const char          *kt_job_state_name(kt_job_state_t state);  // "queued", ...
