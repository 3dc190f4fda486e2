// The audit of a SQLite ledger: each rule is a query that gives the rows which break it, as (job, run, sentence). It
// reads one snapshot beside a working coordinator. Tests break every rule with plain SQL and see the sentence.
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <string.h>

static const char *const RULES[] = {
    // each finished job has exactly one outcome, and no other has any
    "SELECT id, run, 'the job is ' || iif(state = 2, 'done', 'failed') || ' but has no result of its run' FROM jobs j"
    " WHERE state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM results r WHERE r.job = j.id AND r.run = j.run)",
    "SELECT job, run, 'the run has ' || count(*) || ' results' FROM results GROUP BY job, run HAVING count(*) > 1",
    "SELECT id, j.run, 'the job is ' || CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'claimed' ELSE 'cancelled' END ||"
    " ' but has a result of its run' FROM results r CROSS JOIN jobs j ON j.id = r.job AND j.run = r.run"
    " WHERE state NOT IN (2, 3)",
    "SELECT job, r.run, 'the result belongs to no job' FROM results r WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs j WHERE j.id = r.job)",
    "SELECT job, r.run, 'the result is of a run that the job has not reached' FROM results r JOIN jobs j ON j.id = "
    "r.job"
    " WHERE r.run > j.run OR r.run < 1",
    "SELECT job, r.run, 'the job is ' || iif(state = 2, 'done', 'failed') || ' but its result says ' ||"
    " iif(r.err = 0, 'success', 'failure') FROM results r JOIN jobs j ON j.id = r.job AND j.run = r.run"
    " WHERE state IN (2, 3) AND (state = 2) <> (r.err = 0)",
    // jobs
    "SELECT id, run, 'the job has state ' || state || ', rank ' || rank || ', run ' || run || ', which do not exist'"
    " FROM jobs WHERE state NOT IN (0, 1, 2, 3, 4) OR rank NOT IN (0, 1, 2) OR run < 1",
    "SELECT id, run, 'the job is claimed under epoch ' || epoch || ', which no lease has' FROM jobs"
    " WHERE state = 1 AND epoch NOT IN (SELECT epoch FROM leases)",
    "SELECT id, run, 'the job is not claimed but carries epoch ' || epoch FROM jobs WHERE state <> 1 AND epoch <> 0",
    "SELECT min(id), 0, 'the message_id ' || message_id || ' stands in ' || count(*) || ' jobs' FROM jobs"
    " GROUP BY message_id HAVING count(*) > 1",
    "SELECT id, run, 'the job has no input message' FROM jobs j WHERE NOT EXISTS (SELECT 1 FROM bodies WHERE job = "
    "j.id AND (body <> '' OR j.retained <> 0))",
    "SELECT id, run, 'the job is past its retention but not ended' FROM jobs WHERE retained <> 0 AND state < 2",
    "SELECT job, 0, 'the input message belongs to no job' FROM bodies b WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE id = b.job)",
    // attempts and outbox
    "SELECT id, j.run, 'the job counts ' || attempts || ' attempts and ' || crashes || ' crashes, its rows ' || n ||"
    " ' and ' || c FROM (SELECT j.id, j.run, attempts, crashes, count(a.job) n, total(a.crash <> 0) + 0 c FROM jobs j"
    " LEFT JOIN attempts a ON a.job = j.id AND a.run = j.run GROUP BY j.id) j WHERE attempts <> n OR crashes <> c",
    "SELECT job, run, 'the attempt belongs to no job' FROM attempts a WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE id = a.job)",
    "SELECT job, run, 'the outbox row belongs to no result' FROM outbox o WHERE kind = 0 AND NOT EXISTS"
    " (SELECT 1 FROM results r WHERE r.job = o.job AND r.run = o.run)",
    "SELECT job, run, 'the result has no outbox row, and was stored to be published' FROM results r WHERE published"
    " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.kind = 0 AND o.job = r.job AND o.run = r.run)",
    "SELECT job, run, 'the run stands ' || count(*) || ' times in the outbox' FROM outbox WHERE kind = 0"
    " GROUP BY job, run HAVING count(*) > 1",
    "SELECT job, run, 'the outbox row ' || id || ' waits under epoch ' || epoch || ', which no lease has' FROM outbox"
    " WHERE confirmed_ms = 0 AND epoch <> 0 AND epoch NOT IN (SELECT epoch FROM leases)",
    "SELECT job, run, 'the outbox row ' || id || ' waits and has nothing to send' FROM outbox"
    " WHERE kind <> 0 AND confirmed_ms = 0 AND bytes IS NULL",
    "SELECT job, run, 'the outbox row ' || id || ' is of kind ' || kind || ', confirmed at ' || confirmed_ms"
    " FROM outbox WHERE kind NOT IN (0, 1, 2) OR confirmed_ms < 0",
    "SELECT 0, 0, 'the totals have ' || outbox_waiting || ' waiting messages, the outbox ' || n FROM totals,"
    " (SELECT count(*) n FROM outbox WHERE confirmed_ms = 0) WHERE outbox_waiting <> n",
    // the ledger's own counts
    "SELECT 0, 0, 'the totals have ' || t.n || ' ' || t.name || ' jobs, the rows ' || c.n FROM"
    " (SELECT 0 state, 'queued' name, queued n FROM totals UNION ALL SELECT 1, 'claimed', claimed FROM totals"
    "  UNION ALL SELECT 2, 'done', done FROM totals UNION ALL SELECT 3, 'failed', failed FROM totals"
    "  UNION ALL SELECT 4, 'cancelled', cancelled FROM totals) t JOIN"
    " (SELECT total(state = 0) + 0 n, 0 state FROM jobs UNION ALL SELECT total(state = 1) + 0, 1 FROM jobs"
    "  UNION ALL SELECT total(state = 2) + 0, 2 FROM jobs UNION ALL SELECT total(state = 3) + 0, 3 FROM jobs"
    "  UNION ALL SELECT total(state = 4) + 0, 4 FROM jobs) c ON t.state = c.state WHERE t.n <> c.n",
    "SELECT 0, 0, 'the totals have ' || processing_us || ' us of processing, the results ' || n FROM totals,"
    " (SELECT coalesce(sum(processing_us), 0) n FROM results) WHERE processing_us <> n",
    "SELECT 0, 0, 'the day ' || coalesce(d.day, r.day) || ' counts ' || coalesce(done, 0) || ' done, the results ' ||"
    " coalesce(n, 0) FROM days d FULL JOIN (SELECT count(*) n, CASE WHEN stored_ms >= 0 THEN stored_ms / 86400000 ELSE"
    " (stored_ms + 1) / 86400000 - 1 END day FROM results WHERE err = 0 GROUP BY 2) r ON d.day = r.day"
    " WHERE coalesce(done, 0) <> coalesce(n, 0)",
    // the file itself
    "SELECT 0, 0, 'the index ' || column1 || ' is missing' FROM (VALUES ('jobs_message'), ('jobs_claimable'),"
    " ('jobs_claimed'), ('jobs_unhappy'), ('jobs_ended'), ('results_once'), ('outbox_waiting'), ('outbox_once')) WHERE "
    "column1 NOT IN"
    " (SELECT name FROM sqlite_schema WHERE type = 'index')",
    "SELECT 0, 0, 'SQLite finds the file damaged: ' || integrity_check FROM pragma_integrity_check"
    " WHERE integrity_check <> 'ok'",
};

typedef struct audit {
    kt_sqlite_t *self;
    kt_audit_fn *found;
    void        *context;
} audit_t;

static void
tell(const audit_t *audit, sqlite3_stmt *stmt, const char *finding)
{
    kt_run_id_t id = {.job = (uint64_t)sqlite3_column_int64(stmt, 0), .run = (uint32_t)sqlite3_column_int64(stmt, 1)};
    audit->found(audit->context, id, finding ? finding : "a row that cannot be described");
}

static kt_err_t
check_rule(const audit_t *audit, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int           rc   = sqlite3_prepare_v2(audit->self->db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            tell(audit, stmt, (const char *)sqlite3_column_text(stmt, 2));
    }
    kt_err_t err = kt_sqlite_err(audit->self, rc);
    sqlite3_finalize(stmt);
    return err;
}

static bool
digest_holds(sqlite3_stmt *stmt)
{
    kt_digest_t real;
    const void *document = sqlite3_column_text(stmt, 2);
    const void *stored   = sqlite3_column_blob(stmt, 3);
    kt_digest_of(document ? document : "", (size_t)sqlite3_column_bytes(stmt, 2), &real);
    return stored && sqlite3_column_bytes(stmt, 3) == KT_DIGEST_BYTES &&
           memcmp(stored, real.bytes, KT_DIGEST_BYTES) == 0;
}

static kt_err_t
check_documents(const audit_t *audit)
{
    bool             more = true;
    kt_err_t         err;
    kt_sqlite_call_t call = kt_sqlite_call(audit->self, KT_SQL_ALL_DOCUMENTS);
    while (!(err = kt_sqlite_step(&call, &more)) && more) {
        if (!digest_holds(call.stmt))
            tell(audit, call.stmt, "the document is not the one that was stored: its digest differs");
    }
    return err;
}

static kt_err_t
count_rows(kt_sqlite_t *self, uint64_t *rows)
{
    bool             more;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ALL_ROWS);
    kt_err_t         err  = kt_sqlite_step(&call, &more);
    if (err || !more)
        return err;
    *rows = (uint64_t)sqlite3_column_int64(call.stmt, 0);
    kt_sqlite_reset(&call);
    return KT_OK;
}

kt_err_t
kt_sqlite_audit(kt_ledger_t *base, kt_audit_fn *found, void *context, uint64_t *rows)
{
    audit_t  audit = {.self = (kt_sqlite_t *)base, .found = found, .context = context};
    kt_err_t err   = kt_sqlite_begin_read(audit.self);
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && !err; i++)
        err = check_rule(&audit, RULES[i]);
    if (!err)
        err = check_documents(&audit);
    if (!err)
        err = kt_sqlite_backfill_audit(audit.self, found, context);
    if (!err)
        err = count_rows(audit.self, rows);
    return kt_sqlite_end(audit.self, err);
}
