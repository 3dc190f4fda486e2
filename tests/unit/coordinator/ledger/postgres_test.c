// What only the PostgreSQL ledger has: its schema, its readers, several coordinators, a connection that breaks, and
// its audit, which is proved by breaking every rule with plain SQL.
#include "common/clock.h"
#include "coordinator/ledger/open/migrate.h"
#include "coordinator/ledger/postgres/postgres.h"
#include "coordinator/ledger/postgres/schema.h"
#include "coordinator/ledger/sql/facts.h"
#include "tests/unit/coordinator/ledger/postgres_fixture.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char         url[FIXTURE_URL];
static kt_ledger_t *ledger;

static void
set_up(void)
{
    if (!fixture_postgres_begin(url))
        cr_skip_test("no KITHARA_TEST_POSTGRES");
    fixture_postgres_migrate(url);
    ledger = fixture_postgres(url, true);
}

static void
tear_down(void)
{
    if (!ledger)
        return;
    kt_ledger_close(&ledger);
    fixture_postgres_end();
}

TestSuite(ledger_postgres_only, .init = set_up, .fini = tear_down);

static void
sql(const char *text)
{
    fixture_postgres_sql(text, NULL, 0);
}

static int64_t
number(const char *text)
{
    char out[64];
    fixture_postgres_sql(text, out, sizeof out);
    return strtoll(out, NULL, 10);
}

// One job of each final state and of each open one, published.
static void
fill(void)
{
    kt_run_id_t ids[4];
    ledger->publishes = true;
    for (uint64_t i = 1; i <= 5; i++)
        fixture_insert(ledger, i);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 4, 0, ids), 4);
    kt_result_t  success = fixture_success(ids[0]), failure = fixture_failure(ids[1], KT_EFORMAT);
    kt_attempt_t attempt = {.id = ids[1], .attempt = 1, .err = KT_ENODELOST, .crash = true, .node_name = "n"};
    kt_reject_t  reject  = {.body = "x", .body_bytes = 1, .message_id = "", .err = KT_EMESSAGE, .reason = "no JSON"};
    cr_assert_eq(ledger->ops->blame(ledger, &lease, &attempt, 1), KT_OK);
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    cr_assert_eq(ledger->ops->outbox_put(ledger, &reject, 1), KT_OK);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, ids[2]).how, KT_OK);
    fixture_audit_clean(ledger);
}

static kt_err_t
open_other(const char *where, bool writer, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *other = NULL;
    why[0]             = '\0';
    kt_err_t err       = kt_ledger_postgres_open(&other, where, writer, why);
    kt_ledger_close(&other);
    return err;
}

Test(ledger_postgres_only, a_schema_that_is_not_this_program_s_is_refused_with_the_remedy)
{
    char why[KT_LEDGER_WHY];
    sql("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1");
    cr_assert_eq(open_other(url, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "0001_ledger") && strstr(why, "another text"), "%s", why);
    size_t applied = 7;
    cr_assert_eq(kt_ledger_postgres_migrate(url, &applied, why), KT_ESCHEMA, "nothing is applied on top of it");
    sql("DELETE FROM schema_migrations");
    cr_assert_eq(open_other(url, false, why), KT_ESCHEMA);
    cr_assert(strstr(why, "kithara db migrate"), "%s", why);
    sql("INSERT INTO schema_migrations VALUES (99, '0099_future', '', 0)");
    cr_assert_eq(open_other(url, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "schema 99") && strstr(why, "newer program"), "%s", why);
}

Test(ledger_postgres_only, migrations_are_applied_once_and_shown)
{
    char                why[KT_LEDGER_WHY] = "";
    kt_migration_row_t *rows               = NULL;
    size_t              n = 0, applied = 7;
    cr_assert_eq(kt_ledger_postgres_migrate(url, &applied, why), KT_OK, "%s", why);
    cr_assert_eq(applied, 0);
    sql("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1");
    sql("INSERT INTO schema_migrations VALUES (99, '0099_future', 'f', 0)");
    cr_assert_eq(kt_ledger_postgres_status(url, &rows, &n, why), KT_OK, "%s", why);
    cr_assert_geq(n, 2);
    cr_assert(rows[0].number == 1 && rows[0].state == KT_MIGRATION_CHANGED && rows[0].applied_ms > 0);
    cr_assert(rows[n - 1].number == 99 && rows[n - 1].state == KT_MIGRATION_NEWER);
    free(rows);
}

Test(ledger_postgres_only, failures_with_what_they_kept_are_rows_of_the_views)
{
    char out[256];
    fixture_store_with_warnings(ledger);
    fixture_postgres_sql("SELECT string_agg(concat_ws(':', file_path, coalesce(error, 'ok'), tempo), ' ' ORDER BY job)"
                         " FROM features",
                         out, sizeof out);
    cr_assert_str_eq(out, "/music/1.flac:ok:120 /music/2.flac:ETRUNCATED:90 /music/3.flac:ENOFILE");
    fixture_postgres_sql("SELECT string_agg(concat_ws(':', file_path, coalesce(error, 'ok'), code, text), ' '"
                         " ORDER BY job, code) FROM warnings",
                         out, sizeof out);
    cr_assert_str_eq(out, FIXTURE_WARNINGS);
}

Test(ledger_postgres_only, a_reader_sees_every_commit_and_changes_nothing)
{
    kt_lease_t    lease;
    kt_job_t      job;
    kt_new_job_t  row;
    kt_inserted_t how;
    uint64_t      id;
    kt_ledger_t  *reader = fixture_postgres(url, false);
    for (uint64_t i = 1; i <= 3; i++) {
        fixture_insert(ledger, i);
        cr_assert_eq(fixture_totals(reader).queued, i);
    }
    cr_assert_eq(fixture_audit_clean(reader), 3);
    fixture_job(9, KT_PRIORITY_NORMAL, 0, &job, &row);
    cr_assert_eq(reader->ops->insert_jobs(reader, &row, 1, &how, &id), KT_EACCESS);
    cr_assert_eq(reader->ops->lease_open(reader, "x", 1000, &lease), KT_EACCESS);
    kt_ledger_close(&reader);
}

Test(ledger_postgres_only, a_second_live_coordinator_of_the_same_name_is_refused)
{
    kt_lease_t   first = fixture_lease(ledger, "one"), lease;
    kt_ledger_t *other = fixture_postgres(url, true);
    cr_assert_eq(other->ops->lease_open(other, "one", 60000, &lease), KT_ELOCKED);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &first), KT_OK);
    cr_assert_eq(other->ops->lease_open(other, "two", 60000, &lease), KT_OK);
    kt_ledger_close(&ledger);
    cr_assert_eq(other->ops->lease_open(other, "one", 60000, &lease), KT_OK, "its session has ended");
    ledger = other;
}

static void
wait_ms(int64_t ms)
{
    for (int64_t end_ms = kt_clock_ms() + ms; kt_clock_ms() < end_ms;)
        sql("SELECT pg_sleep(0.05)");
}

Test(ledger_postgres_only, the_work_of_a_lost_session_continues_before_its_lease_expires)
{
    kt_run_id_t     ids[2];
    kt_outbox_row_t row;
    size_t          n      = 0;
    kt_ledger_t    *other  = fixture_postgres(url, true);
    kt_lease_t      steady = fixture_lease(ledger, "steady"), dead = fixture_lease(other, "dead");
    fixture_insert(ledger, 1);
    fixture_insert(ledger, 2);
    other->publishes = true;
    cr_assert_eq(fixture_claim_n(other, &dead, 2, 0, ids), 2);
    kt_result_t success = fixture_success(ids[0]);
    cr_assert_eq(fixture_store(other, &success), KT_STORED_NEW);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &steady), KT_OK);
    cr_assert_eq(fixture_claim_n(ledger, &steady, 2, 0, ids), 0, "its session is open");
    kt_ledger_close(&other);
    wait_ms(2100);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &steady), KT_OK);
    cr_assert_eq(fixture_claim_n(ledger, &steady, 2, 0, ids), 1);
    cr_assert_eq(ids[0].job, 2);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &steady, 1, 1, &row, &n), KT_OK);
    cr_assert(n == 1 && row.run.job == 1, "and what it had not published, behind what was taken before");
    free(row.bytes);
    fixture_audit_clean(ledger);
}

Test(ledger_postgres_only, a_live_coordinator_that_renews_is_left_alone)
{
    kt_run_id_t  ids[1];
    kt_ledger_t *other  = fixture_postgres(url, true);
    kt_lease_t   steady = fixture_lease(ledger, "steady"), busy = fixture_lease(other, "busy");
    fixture_insert(ledger, 1);
    cr_assert_eq(fixture_claim_n(other, &busy, 1, 0, ids), 1);
    wait_ms(2100);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &steady), KT_OK);
    cr_assert_eq(other->ops->lease_renew(other, &busy), KT_OK, "not renewed for two seconds, but its session is open");
    cr_assert_eq(fixture_claim_n(ledger, &steady, 1, 0, ids), 0);
    kt_ledger_close(&other);
}

Test(ledger_postgres_only, two_coordinators_never_claim_the_same_job)
{
    kt_run_id_t  ids[2][64];
    bool         seen[257] = {0};
    size_t       all       = 0;
    kt_ledger_t *other     = fixture_postgres(url, true);
    kt_lease_t   leases[2] = {fixture_lease(ledger, "one"), fixture_lease(other, "two")};
    kt_ledger_t *both[2]   = {ledger, other};
    for (uint64_t i = 1; i <= 256; i++)
        fixture_insert(ledger, i);
    for (size_t turn = 0; all < 256; turn++) {
        size_t n = fixture_claim_n(both[turn % 2], &leases[turn % 2], 64, 0, ids[turn % 2]);
        cr_assert_eq(n, 64);
        for (size_t i = 0; i < n; i++) {
            cr_assert(!seen[ids[turn % 2][i].job], "job %" PRIu64, ids[turn % 2][i].job);
            seen[ids[turn % 2][i].job] = true;
        }
        all += n;
    }
    kt_ledger_close(&other);
    cr_assert_eq(fixture_totals(ledger).claimed, 256);
}

// Ends the sessions that hold a lease's name. Their sockets close a moment later: until then a question finds it out.
static void
kick_backends(void)
{
    kt_totals_t totals;
    kt_err_t    err;
    sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND"
        " (classid::bigint << 32 | objid::bigint) IN (SELECT lock_key FROM leases)");
    while (number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                  " AND (classid::bigint << 32 | objid::bigint) IN (SELECT lock_key FROM leases)"))
        ;
    for (int tries = 0; (err = ledger->ops->totals(ledger, 0, &totals)) && tries < 100; tries++)
        cr_assert_eq(err, KT_EIO);
    cr_assert_eq(err, KT_OK);
}

Test(ledger_postgres_only, a_connection_that_broke_is_opened_again_and_the_lease_still_counts)
{
    kt_run_id_t ids[2];
    fixture_insert(ledger, 1);
    fixture_insert(ledger, 2);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, ids), 1);
    kick_backends();
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, ids + 1), 1);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &lease), KT_OK);
    cr_assert_eq(number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                        " AND (classid::bigint << 32 | objid::bigint) IN (SELECT lock_key FROM leases)"),
                 1, "the name is held again");
}

Test(ledger_postgres_only, a_success_that_races_a_cancel_is_judged_again)
{
    kt_sql_t     *self  = (kt_sql_t *)ledger;
    kt_run_id_t   id    = {fixture_insert(ledger, 1), 1};
    kt_sql_fact_t fact  = {.was        = {.id = id, .state = KT_JOB_CLAIMED, .epoch = 5},
                           .now        = {.id = id, .state = KT_JOB_DONE},
                           .changed_ms = 9};
    int           tries = KT_SQL_TRIES - 1;
    kt_err_t      err   = KT_EAGAIN;
    cr_assert(kt_sql_try(self, true, &err, &tries));
    kt_sql_write(self);
    kt_sql_facts_put(self, &(kt_sql_facts_t){.at = &fact, .n = 1}, 0);
    err = kt_sql_commit(self);
    cr_assert_eq(err, KT_EAGAIN, "it was claimed when it was judged, and is queued");
    cr_assert(!kt_sql_try(self, true, &err, &tries));
    cr_assert_eq(err, KT_EIO, "it was the last try");
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.queued == 1 && totals.done == 0);
}

Test(ledger_postgres_only, a_large_document_is_kept_byte_for_byte)
{
    size_t      length   = 3 << 20;
    char       *document = malloc(length + 1);
    kt_run_id_t id       = {fixture_insert(ledger, 1), 1};
    kt_result_t result   = fixture_success(id);
    for (size_t i = 0; i < length; i++) {
        char c      = (char)(' ' + i * 7919 % 90);
        document[i] = c == '"' || c == '\\' ? '.' : c;
    }
    memcpy(document, "{\"a\":\"", 6);
    memcpy(document + length - 2, "\"}", 3);
    result.document       = document;
    result.document_bytes = length;
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    kt_job_query_t query = {.state = KT_JOB_DONE, .documents = true};
    kt_job_row_t   row;
    size_t         n = 0;
    cr_assert_eq(ledger->ops->jobs(ledger, &query, &row, 1, &n), KT_OK);
    cr_assert(n == 1 && row.document_bytes == length && memcmp(row.document, document, length) == 0);
    free(row.document);
    free(document);
}

static const struct {
    const char *sql;
    const char *finding;
} BREAKS[] = {
#define KT_BREAK(sql, finding) {sql, finding},
#include "tests/unit/coordinator/ledger/audit_breaks.def"
#undef KT_BREAK
};

Test(ledger_postgres_audit, every_broken_rule_is_found)
{
    for (size_t i = 0; i < sizeof BREAKS / sizeof *BREAKS; i++) {
        set_up();
        fill();
        sql(BREAKS[i].sql);
        kt_ledger_t *reader = fixture_postgres(url, false);
        cr_assert_geq(fixture_findings(reader, BREAKS[i].finding), 1, "%s", BREAKS[i].sql);
        kt_ledger_close(&reader);
        tear_down();
    }
}

Test(ledger_postgres_state, every_sqlstate_has_its_meaning)
{
    cr_assert_eq(kt_pg_state_err("40001"), KT_EAGAIN);
    cr_assert_eq(kt_pg_state_err("40P01"), KT_EAGAIN);
    cr_assert_eq(kt_pg_state_err("40003"), KT_EIO);
    cr_assert_eq(kt_pg_state_err("53100"), KT_EDISK);
    cr_assert_eq(kt_pg_state_err("53300"), KT_EIO);
    cr_assert_eq(kt_pg_state_err("57P01"), KT_EIO);
    cr_assert_eq(kt_pg_state_err("57014"), KT_ETIME);
    cr_assert_eq(kt_pg_state_err("22021"), KT_EBADDATA);
    cr_assert_eq(kt_pg_state_err("23505"), KT_EBADDATA);
    cr_assert_eq(kt_pg_state_err("42P01"), KT_ESCHEMA);
    cr_assert_eq(kt_pg_state_err("42501"), KT_EIO, "rights can be given while work waits");
    cr_assert_eq(kt_pg_state_err("XX001"), KT_ESTATE);
    cr_assert_eq(kt_pg_state_err("ZZZZZ"), KT_EIO);
}
