// What only the SQLite ledger has: its file, its lock, its readers, its schema, a full disk, and its audit, which is
// proved by breaking every rule with plain SQL.
#include "coordinator/ledger/sqlite/sqlite.h"
#include "tests/unit/coordinator/ledger/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char         folder[FIXTURE_PATH];
static char         path[FIXTURE_PATH + 32];
static kt_ledger_t *ledger;

static void
set_up(void)
{
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
    ledger = fixture_sqlite(folder);
}

static void
tear_down(void)
{
    kt_ledger_close(&ledger);
    fixture_remove(folder);
}

TestSuite(ledger_file, .init = set_up, .fini = tear_down);

static void
sql(const char *text)
{
    cr_assert_eq(kt_sqlite_exec((kt_sqlite_t *)ledger, text), KT_OK, "%s", text);
}

static void
reopen(void)
{
    kt_ledger_close(&ledger);
    ledger = fixture_sqlite(folder);
}

// One job of each final state and of each open one.
static void
fill(void)
{
    kt_run_id_t ids[4];
    for (uint64_t i = 1; i <= 5; i++)
        fixture_insert(ledger, i);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 4, 0, ids), 4);
    kt_result_t  success = fixture_success(ids[0]), failure = fixture_failure(ids[1], KT_EFORMAT);
    kt_attempt_t attempt = {.id = ids[1], .attempt = 1, .err = KT_ENODELOST, .crash = true, .node_name = "n"};
    cr_assert_eq(ledger->ops->blame(ledger, &lease, &attempt, 1), KT_OK);
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, ids[2]).how, KT_OK);
    fixture_audit_clean(ledger);
}

static void
put_reject(void)
{
    const kt_reject_t reject = {
        .body = "x", .body_bytes = 1, .message_id = "", .err = KT_EMESSAGE, .reason = "no JSON"};
    cr_assert_eq(ledger->ops->outbox_put(ledger, &reject, 1), KT_OK);
}

Test(ledger_file, what_was_committed_is_there_after_a_restart)
{
    fill();
    reopen();
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.done == 1 && totals.failed == 1 && totals.cancelled == 1 && totals.claimed == 1 &&
              totals.queued == 1);
    cr_assert_eq(fixture_audit_clean(ledger), 5 + 2 + 1);
}

Test(ledger_file, a_second_coordinator_is_refused_with_the_remedy)
{
    char         why[KT_LEDGER_WHY] = "", pid[32], other[sizeof path + 8];
    kt_ledger_t *second             = NULL;
    cr_assert_eq(kt_ledger_sqlite_open(&second, path, true, why), KT_ELOCKED);
    cr_assert_null(second);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    cr_assert(strstr(why, path) && strstr(why, pid) && strstr(why, "DATABASE_URL"), "%s", why);
    snprintf(other, sizeof other, "%s/../%s/ledger.sqlite", folder, strrchr(folder, '/') + 1);
    cr_assert_eq(kt_ledger_sqlite_open(&second, other, true, why), KT_ELOCKED, "the same file by another name");
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&ledger, path, true, why), KT_OK, "%s", why);
}

Test(ledger_file, a_reader_sees_every_commit_beside_the_writer_and_changes_nothing)
{
    char          why[KT_LEDGER_WHY] = "";
    kt_ledger_t  *reader             = NULL;
    kt_lease_t    lease;
    kt_job_t      job;
    kt_new_job_t  row;
    kt_inserted_t how;
    uint64_t      id;
    cr_assert_eq(kt_ledger_sqlite_open(&reader, path, false, why), KT_OK, "%s", why);
    for (uint64_t i = 1; i <= 3; i++) {
        fixture_insert(ledger, i);
        cr_assert_eq(fixture_totals(reader).queued, i);
    }
    cr_assert_eq(fixture_audit_clean(reader), 3);
    fixture_job(9, KT_PRIORITY_NORMAL, 0, &job, &row);
    cr_assert_eq(reader->ops->insert_jobs(reader, &row, 1, &how, &id), KT_EACCESS);
    cr_assert_eq(reader->ops->lease_open(reader, "x", 1000, &lease), KT_EACCESS);
    kt_ledger_close(&reader);
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&reader, path, false, why), KT_OK, "without a coordinator: %s", why);
    cr_assert_eq(fixture_audit_clean(reader), 3);
    kt_ledger_close(&reader);
}

Test(ledger_file, a_reader_of_a_missing_ledger_makes_none)
{
    char         why[KT_LEDGER_WHY] = "", other[sizeof path + 8];
    kt_ledger_t *reader             = NULL;
    snprintf(other, sizeof other, "%s.not", path);
    cr_assert_eq(kt_ledger_sqlite_open(&reader, other, false, why), KT_ENOTFOUND);
    cr_assert(strstr(why, other) && strstr(why, "start a coordinator"), "%s", why);
    cr_assert_neq(access(other, F_OK), 0);
}

Test(ledger_file, a_schema_of_another_version_is_refused)
{
    char         why[KT_LEDGER_WHY] = "";
    kt_ledger_t *other              = NULL;
    sql("INSERT INTO schema_migrations VALUES (99, '0099_future', '', 0)");
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&other, path, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "99") && strstr(why, "newer"), "%s", why);
    cr_assert_eq(kt_ledger_sqlite_open(&other, path, false, why), KT_ESCHEMA, "readers too");
}

Test(ledger_file, missing_migrations_are_applied_by_the_writer_and_shown)
{
    char                why[KT_LEDGER_WHY] = "";
    kt_ledger_t        *reader             = NULL;
    kt_migration_row_t *rows               = NULL;
    size_t              n                  = 0;
    sql("DELETE FROM schema_migrations WHERE number IN (2, 3); DROP VIEW warnings; DROP TABLE backfills;"
        " DROP TABLE backfill_chunks; DROP TABLE backfill_paths; DROP TABLE backfill_items; DROP TABLE files");
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&reader, path, false, why), KT_ESCHEMA);
    cr_assert(strstr(why, "older schema"), "%s", why);
    ledger = fixture_sqlite(folder);
    cr_assert_eq(((kt_sqlite_t *)ledger)->migrated, 2);
    cr_assert_eq(kt_ledger_sqlite_status(ledger, &rows, &n), KT_OK);
    cr_assert_gt(n, 3);
    size_t all = n;
    cr_assert(rows[0].state == KT_MIGRATION_APPLIED && rows[1].state == KT_MIGRATION_APPLIED && rows[1].applied_ms > 0);
    free(rows);
    cr_assert_eq(kt_ledger_sqlite_status(NULL, &rows, &n), KT_OK);
    cr_assert(n == all && rows[0].state == KT_MIGRATION_MISSING);
    free(rows);
    fixture_audit_clean(ledger);
}

static void
keep_text(void *context, int columns, char **values)
{
    (void)columns;
    snprintf(context, 256, "%s", values[0] ? values[0] : "");
}

Test(ledger_file, warnings_of_successes_and_failures_are_rows_of_a_view)
{
    char      out[256] = "";
    kt_sql_t *base     = (kt_sql_t *)ledger;
    fixture_store_with_warnings(ledger);
    cr_assert_eq(base->driver->plain(base,
                                     "SELECT group_concat(row, ' ') FROM (SELECT file_path || ':' || coalesce(error,"
                                     " 'ok') || ':' || code || ':' || text AS row FROM warnings ORDER BY job, code)",
                                     keep_text, out),
                 KT_OK);
    cr_assert_str_eq(out, FIXTURE_WARNINGS);
    sql("UPDATE jobs SET retained = 1");
    cr_assert_eq(base->driver->plain(base, "SELECT count(*) FROM warnings", keep_text, out), KT_OK);
    cr_assert_str_eq(out, "0", "documents are gone");
}

Test(ledger_file, a_migration_with_another_text_is_refused)
{
    char         why[KT_LEDGER_WHY] = "";
    kt_ledger_t *other              = NULL;
    sql("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1");
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&other, path, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "0001_ledger") && strstr(why, "another text"), "%s", why);
}

static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(ledger_file, a_file_that_is_no_ledger_is_refused_and_left_alone)
{
    char         why[KT_LEDGER_WHY] = "", other[sizeof path + 8], text[8192];
    kt_ledger_t *strange            = NULL;
    struct stat  facts;
    snprintf(other, sizeof other, "%s.txt", path);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_file(other, text);
    cr_assert_eq(kt_ledger_sqlite_open(&strange, other, true, why), KT_ESTATE);
    cr_assert(strstr(why, other), "%s", why);
    cr_assert(stat(other, &facts) == 0 && facts.st_size == sizeof text - 1);
    sql("DROP TABLE schema_migrations");
    kt_ledger_close(&ledger);
    cr_assert_eq(kt_ledger_sqlite_open(&strange, path, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "another program"), "%s", why);
}

Test(ledger_file, missing_folders_are_made_for_the_writer)
{
    char         why[KT_LEDGER_WHY] = "", deep[sizeof path + 32], name[sizeof path + 64];
    kt_ledger_t *made               = NULL;
    snprintf(deep, sizeof deep, "%s/a/b/new.sqlite", folder);
    cr_assert_eq(kt_ledger_sqlite_open(&made, deep, true, why), KT_OK, "%s", why);
    kt_ledger_close(&made);
    const char *const left[] = {"a/b/new.sqlite", "a/b/new.sqlite.lock"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, left[i]);
        cr_assert_eq(unlink(name), 0, "%s", name);
    }
    snprintf(name, sizeof name, "%s/a/b", folder);
    cr_assert_eq(rmdir(name), 0);
    snprintf(name, sizeof name, "%s/a", folder);
    cr_assert_eq(rmdir(name), 0);
}

static kt_err_t
insert_big(uint64_t first, size_t n)
{
    static char    body[8192];
    kt_job_t      *job = calloc(n, sizeof *job);
    kt_new_job_t  *row = calloc(n, sizeof *row);
    kt_inserted_t *how = calloc(n, sizeof *how);
    uint64_t      *ids = calloc(n, sizeof *ids);
    memset(body, 'b', sizeof body);
    for (size_t i = 0; i < n; i++) {
        fixture_job(first + i, KT_PRIORITY_NORMAL, 0, &job[i], &row[i]);
        row[i].body = body, row[i].body_bytes = sizeof body;
    }
    kt_err_t err = ledger->ops->insert_jobs(ledger, row, n, how, ids);
    free(job), free(row), free(how), free(ids);
    return err;
}

Test(ledger_file, a_full_database_takes_a_call_whole_or_not_at_all)
{
    fill();
    sql("PRAGMA max_page_count = 60");
    cr_assert_eq(insert_big(100, 200), KT_EDISK);
    cr_assert_eq(fixture_totals(ledger).queued, 1);
    fixture_audit_clean(ledger);
    sql("PRAGMA max_page_count = 100000");
    cr_assert_eq(insert_big(100, 200), KT_OK);
    cr_assert_eq(fixture_totals(ledger).queued, 201);
}

Test(ledger_file, a_file_system_that_refuses_more_bytes_is_a_full_disk)
{
    struct rlimit limit, small;
    fill();
    cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small          = limit;
    small.rlim_cur = 512 << 10;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    kt_err_t err = insert_big(100, 300);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(err, KT_EDISK);
    cr_assert_eq(fixture_totals(ledger).queued, 1);
    cr_assert_eq(insert_big(100, 300), KT_OK, "room again: the same call works");
    reopen();
    cr_assert_eq(fixture_totals(ledger).queued, 301);
    fixture_audit_clean(ledger);
}

Test(ledger_file, a_damaged_page_is_distinguished_from_a_transient_error)
{
    char junk[16384];
    fill();
    cr_assert_eq(insert_big(100, 200), KT_OK);
    kt_ledger_close(&ledger);
    memset(junk, 0x5a, sizeof junk);
    int fd = open(path, O_WRONLY);
    for (int page = 120; page < 320; page++)  // behind the schema's own pages
        cr_assert_eq(pwrite(fd, junk, 8192, page * 8192), 8192);
    close(fd);
    ledger         = fixture_sqlite(folder);
    kt_err_t err   = KT_OK;
    uint64_t after = 0;
    size_t   n     = 1;
    for (kt_job_row_t row; !err && n; after = row.id.job) {
        kt_job_query_t query = {.after_job = after, .state = -1};
        err                  = ledger->ops->jobs(ledger, &query, &row, 1, &n);
    }
    if (!err)
        err = insert_big(1000, 200);
    cr_assert_eq(err, KT_ESTATE);
}

static const struct {
    const char *sql;
    const char *finding;
} BREAKS[] = {
#define KT_BREAK(sql, finding) {sql, finding},
#include "tests/unit/coordinator/ledger/audit_breaks.def"
#undef KT_BREAK
    {"UPDATE outbox SET epoch = 44", "waits under epoch 44, which no lease has"},
    {"DROP TRIGGER jobs_retain", "the trigger jobs_retain is missing"},
    {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'state = 0', 'state = 2')"
     " WHERE name = 'jobs_claimable'; PRAGMA writable_schema = RESET",
     "SQLite finds the file damaged"},
};

Test(ledger_audit, every_broken_rule_is_found)
{
    for (size_t i = 0; i < sizeof BREAKS / sizeof *BREAKS; i++) {
        set_up();
        ledger->publishes = true;
        fill();
        put_reject();
        sql(BREAKS[i].sql);
        kt_ledger_t *reader             = NULL;
        char         why[KT_LEDGER_WHY] = "";
        cr_assert_eq(kt_ledger_sqlite_open(&reader, path, false, why), KT_OK, "%s", why);
        cr_assert_geq(fixture_findings(reader, BREAKS[i].finding), 1, "%s", BREAKS[i].sql);
        kt_ledger_close(&reader);
        tear_down();
    }
}
