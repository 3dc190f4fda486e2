// The audit of a PostgreSQL ledger: each rule is a query that gives the rows which break it, as (job, run, sentence).
// All of them read one snapshot beside working coordinators, through a cursor, so that memory is bounded however much
// is broken. Tests break every rule with plain SQL and see the sentence.
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <string.h>

static const char *const RULES[] = {
    // each finished job has exactly one outcome, and no other has any
    "SELECT id, run, 'the job is ' || CASE state WHEN 2 THEN 'done' ELSE 'failed' END || ' but has no result of its "
    "run'"
    " FROM jobs j WHERE state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM results r WHERE r.job = j.id AND r.run = j.run)",
    "SELECT job, run, 'the run has ' || count(*) || ' results' FROM results GROUP BY job, run HAVING count(*) > 1",
    "SELECT id, j.run, 'the job is ' || CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'claimed' ELSE 'cancelled' END ||"
    " ' but has a result of its run' FROM results r JOIN jobs j ON j.id = r.job AND j.run = r.run"
    " WHERE state NOT IN (2, 3)",
    "SELECT job, r.run, 'the result belongs to no job' FROM results r WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs j WHERE j.id = r.job)",
    "SELECT job, r.run, 'the result is of a run that the job has not reached' FROM results r"
    " JOIN jobs j ON j.id = r.job WHERE r.run > j.run OR r.run < 1",
    "SELECT job, r.run, 'the job is ' || CASE state WHEN 2 THEN 'done' ELSE 'failed' END || ' but its result says ' ||"
    " CASE r.err WHEN 0 THEN 'success' ELSE 'failure' END FROM results r JOIN jobs j ON j.id = r.job AND j.run = r.run"
    " WHERE state IN (2, 3) AND (state = 2) <> (r.err = 0)",
    "SELECT job, run, 'the document is not the one that was stored: its digest differs' FROM results r"
    " WHERE document_digest <> sha256(convert_to(document, 'UTF8')) AND NOT (document = '' AND document_digest = ''"
    " AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.job AND j.retained))",
    // jobs
    "SELECT id, run, 'the job has state ' || state || ', rank ' || rank || ', run ' || run || ', which do not exist'"
    " FROM jobs WHERE state NOT IN (0, 1, 2, 3, 4) OR rank NOT IN (0, 1, 2) OR run < 1",
    "SELECT id, run, 'the job is claimed under epoch ' || epoch || ', which no lease has' FROM jobs"
    " WHERE state = 1 AND epoch NOT IN (SELECT epoch FROM leases)",
    "SELECT id, run, 'the job is not claimed but carries epoch ' || epoch FROM jobs WHERE state <> 1 AND epoch <> 0",
    "SELECT min(job), 0::bigint, 'the message_id ' || message_id || ' stands in ' || count(*) || ' jobs' FROM inputs"
    " GROUP BY message_id HAVING count(*) > 1",
    "SELECT id, run, 'the job has no input message' FROM jobs j WHERE NOT EXISTS (SELECT 1 FROM inputs i WHERE"
    " i.job = j.id AND (i.body <> '' OR j.retained))",
    "SELECT job, 0::bigint, 'the input message belongs to no job' FROM inputs i WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE id = i.job)",
    "SELECT id, run, 'the job is past its retention but not ended' FROM jobs WHERE retained AND state < 2",
    // attempts
    "SELECT id, j.run, 'the job counts ' || attempts || ' attempts and ' || crashes || ' crashes, its rows ' || n ||"
    " ' and ' || c FROM (SELECT j.id, j.run, j.attempts, j.crashes, count(a.job) AS n, count(*) FILTER (WHERE a.crash)"
    " AS c FROM jobs j LEFT JOIN attempts a ON a.job = j.id AND a.run = j.run GROUP BY j.id) j"
    " WHERE attempts <> n OR crashes <> c",
    "SELECT job, run, 'the attempt belongs to no job' FROM attempts a WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE id = a.job)",
    // outbox: each result that was stored with a publisher has exactly one row, which waits or is confirmed
    "SELECT job, run, 'the outbox row belongs to no result' FROM outbox o WHERE kind = 0 AND NOT EXISTS"
    " (SELECT 1 FROM results r WHERE r.job = o.job AND r.run = o.run)",
    "SELECT job, run, 'the run stands ' || count(*) || ' times in the outbox' FROM outbox WHERE kind = 0"
    " GROUP BY job, run HAVING count(*) > 1",
    "SELECT job, run, 'the result has no outbox row, and was stored to be published' FROM results r WHERE published"
    " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.kind = 0 AND o.job = r.job AND o.run = r.run)",
    "SELECT o.job, o.run, 'the result has a row in the outbox but was not to be published' FROM outbox o"
    " JOIN results r ON r.job = o.job AND r.run = o.run WHERE o.kind = 0 AND NOT r.published",
    "SELECT o.job, o.run, 'the outbox row says error ' || o.err || ', its result ' || r.err FROM outbox o"
    " JOIN results r ON r.job = o.job AND r.run = o.run WHERE o.kind = 0 AND o.err <> r.err",
    "SELECT job, run, 'the outbox row ' || id || ' waits and has nothing to send' FROM outbox WHERE confirmed_ms = 0"
    " AND ((kind <> 0 AND bytes IS NULL) OR (kind = 0 AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = outbox.job AND"
    " j.retained)))",
    "SELECT job, run, 'the outbox row ' || id || ' is of kind ' || kind || ', which does not exist' FROM outbox"
    " WHERE kind NOT IN (0, 1, 2) OR confirmed_ms < 0",
    // the ledger's own counts
    "SELECT 0::bigint, 0::bigint, 'the totals have ' || t.n || ' ' || t.name || ' jobs, the rows ' || c.n FROM"
    " (SELECT coalesce(sum(queued), 0) q, coalesce(sum(claimed), 0) a, coalesce(sum(done), 0) d, coalesce(sum(failed), "
    "0) f,"
    " coalesce(sum(cancelled), 0) x FROM counters) s CROSS JOIN LATERAL (VALUES (0, 'queued', q), (1, 'claimed', a),"
    " (2, 'done', d), (3, 'failed', f), (4, 'cancelled', x)) t(state, name, n) JOIN (SELECT v.state, count(j.id) AS n"
    " FROM (VALUES (0), (1), (2), (3), (4)) v(state) LEFT JOIN jobs j ON j.state = v.state GROUP BY v.state) c"
    " ON c.state = t.state WHERE t.n <> c.n",
    "SELECT 0::bigint, 0::bigint, 'the totals have ' || t.n || ' us of processing, the results ' || r.n FROM"
    " (SELECT coalesce(sum(processing_us), 0) n FROM counters) t, (SELECT coalesce(sum(processing_us), 0) n FROM "
    "results) r"
    " WHERE t.n <> r.n",
    "SELECT 0::bigint, 0::bigint, 'the totals have ' || t.n || ' waiting messages, the outbox ' || o.n FROM"
    " (SELECT coalesce(sum(waiting), 0) n FROM counters) t, (SELECT count(*) n FROM outbox WHERE confirmed_ms = 0) o"
    " WHERE t.n <> o.n",
    "SELECT 0::bigint, 0::bigint, 'the day ' || coalesce(d.day, r.day) || ' counts ' || coalesce(d.done, 0) ||"
    " ' done, the results ' || coalesce(r.n, 0) FROM (SELECT day, sum(done) AS done FROM days GROUP BY day) d FULL JOIN"
    " (SELECT count(*) AS n, floor(stored_ms / 86400000.0)::bigint AS day FROM results WHERE err = 0 GROUP BY 2) r"
    " ON d.day = r.day WHERE coalesce(d.done, 0) <> coalesce(r.n, 0)",
    // backfills
    "SELECT 0::bigint, 0::bigint, 'backfill ' || b.id || ' counts ' || listed || ' paths, its rows are ' || n FROM "
    "backfills b"
    " JOIN (SELECT b2.id, count(p.row) AS n FROM backfills b2 LEFT JOIN backfill_paths p ON p.backfill = b2.id GROUP "
    "BY b2.id)"
    " c ON c.id = b.id WHERE n <> listed",
    "SELECT 0::bigint, 0::bigint, 'backfill ' || b.id || ' counts ' || fed || ' fed paths, its rows up to there are ' "
    "|| n FROM"
    " backfills b JOIN (SELECT b2.id, count(p.row) AS n FROM backfills b2 LEFT JOIN backfill_paths p ON p.backfill = "
    "b2.id"
    " AND p.row <= b2.fed_row AND p.err = 0 AND p.job = 0 GROUP BY b2.id) c ON c.id = b.id WHERE n <> fed",
    "SELECT 0::bigint, 0::bigint, 'backfill ' || b.id || ' path ' || p.row || ' is fed but has no job' FROM backfills "
    "b JOIN"
    " backfill_paths p ON p.backfill = b.id AND p.row <= b.fed_row AND p.err = 0 AND p.job = 0 LEFT JOIN inputs i ON"
    " i.message_id = 'backfill-' || b.id || '-' || p.row AND i.file_path = p.path WHERE i.job IS NULL",
    "SELECT 0::bigint, 0::bigint, 'backfill ' || b.id || ' counts ' || done || ' done, ' || failed || ' failed, ' ||"
    " cancelled || ' cancelled of ' || fed || ', its items are ' || open || ' open, ' || bad || ' failed, ' || off ||"
    " ' cancelled' FROM backfills b JOIN (SELECT b2.id, count(*) FILTER (WHERE i.state = 0) AS open, count(*) FILTER"
    " (WHERE i.state = 1) AS bad, count(*) FILTER (WHERE i.state = 2) AS off FROM backfills b2 LEFT JOIN "
    "backfill_items i"
    " ON i.backfill = b2.id GROUP BY b2.id) c ON c.id = b.id WHERE failed <> bad OR cancelled <> off OR"
    " fed - done - failed - cancelled <> open",
    "SELECT i.job, 0::bigint, 'backfill ' || i.backfill || ' path ' || i.row || ' waits for a job that does not exist' "
    "FROM"
    " backfill_items i WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = i.job)",
    "SELECT job, 0::bigint, 'the file ' || path || ' is remembered for a job that does not exist' FROM files f WHERE "
    "NOT"
    " EXISTS (SELECT 1 FROM jobs j WHERE j.id = f.job)",
    "SELECT 0::bigint, 0::bigint, 'backfill ' || id || ' is done but ' || (listed - skipped - refused - fed) || ' "
    "paths wait'"
    " FROM backfills WHERE state = 3 AND (listed_all = 0 OR listed <> skipped + refused + fed OR fed <> done + failed +"
    " cancelled)",
    // what keeps the rows apart
    "SELECT 0::bigint, 0::bigint, 'the index ' || n || ' is missing' FROM unnest(ARRAY['inputs_job', 'inputs_message',"
    " 'jobs_id', 'jobs_claimable', 'jobs_claimed', 'jobs_unhappy', 'jobs_ended', 'results_once', 'attempts_once',"
    " 'outbox_waiting', 'outbox_once']) AS u(n) WHERE NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_index i ON"
    " i.indexrelid = c.oid WHERE c.relname = n AND c.relnamespace = current_schema()::regnamespace AND i.indisvalid)",
};

static const char SETTINGS[] =
    "SELECT set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'on', true),"
    " set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),"
    " set_config('enable_bitmapscan', 'on', true), set_config('work_mem', '65536', true)";
static const char COUNT[] =
    "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM results) + (SELECT count(*) FROM"
    " attempts) + (SELECT count(*) FROM outbox)";
static const char FETCH[] = "FETCH 500 FROM audit";

static kt_err_t
run_sql(kt_pg_t *self, const char *sql)
{
    kt_pg_start(self, KT_PG_LONG_MS);
    kt_pg_put_sql(self, sql);
    kt_err_t err = kt_pg_run(self);
    return err == KT_EAGAIN ? KT_EIO : err;
}

static void
tell(const kt_pg_t *self, int row, kt_audit_fn *found, void *context)
{
    char        text[512];
    kt_run_id_t id = {.job = (uint64_t)kt_pg_int(self, 0, row, 0), .run = (uint32_t)kt_pg_int(self, 0, row, 1)};
    kt_pg_text(self, 0, row, 2, text, sizeof text);
    found(context, id, *text ? text : "a row that cannot be described");
}

static kt_err_t
check_rule(kt_pg_t *self, const char *rule, kt_audit_fn *found, void *context)
{
    kt_buf_t declare;
    kt_buf_init(&declare, 64 << 10);
    kt_buf_str(&declare, "DECLARE audit NO SCROLL CURSOR FOR ");
    kt_buf_str(&declare, rule);
    kt_err_t err = declare.err ? declare.err : run_sql(self, declare.bytes);
    kt_buf_fini(&declare);
    for (int rows = 1; rows && !err;) {
        err  = run_sql(self, FETCH);
        rows = err ? 0 : kt_pg_rows(self, 0);
        for (int row = 0; row < rows; row++)
            tell(self, row, found, context);
    }
    return err ? err : run_sql(self, "CLOSE audit");
}

static kt_err_t
check_all(kt_pg_t *self, kt_audit_fn *found, void *context, uint64_t *rows)
{
    kt_err_t err = run_sql(self, SETTINGS);
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && !err; i++)
        err = check_rule(self, RULES[i], found, context);
    if (!err)
        err = run_sql(self, COUNT);
    if (!err)
        *rows = (uint64_t)kt_pg_int(self, 0, 0, 0);
    return err;
}

kt_err_t
kt_pg_audit(kt_ledger_t *base, kt_audit_fn *found, void *context, uint64_t *rows)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_SNAPSHOT);
    if (!(err = kt_pg_run(self)))
        err = check_all(self, found, context, rows);
    if (err) {
        kt_pg_drop(self);  // the snapshot goes with the connection
        return err;
    }
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_put(self, KT_PG_COMMIT);
    return kt_pg_run(self);
}
