// The audit finds errors of backfills: each rule is broken with plain SQL.
#include "tests/unit/coordinator/ledger/backfill_fixture.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

// A ledger with a backfill of four paths: one done, one failed, one open, one not fed.
static void
make(const char *folder)
{
    kt_ledger_t  *ledger = fixture_sqlite(folder);
    kt_lease_t    lease  = fixture_lease(ledger, "one");
    kt_backfill_t b      = backfill_folder(ledger, "t");
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 4, 77, true), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 3), 3);
    backfill_run(ledger, &lease, 1, KT_OK);
    backfill_run(ledger, &lease, 1, KT_EDAMAGED);
    backfill_settle(ledger, &lease, b.id);
    fixture_audit_clean(ledger);
    kt_ledger_close(&ledger);
}

static void
execute(const char *folder, const char *sql)
{
    char     path[FIXTURE_PATH + 32];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void
expect(const char *sql, const char *word)
{
    char folder[FIXTURE_PATH];
    fixture_folder(folder);
    make(folder);
    execute(folder, sql);
    kt_ledger_t *ledger = fixture_sqlite(folder);
    cr_assert_geq(fixture_findings(ledger, word), 1, "not seen: %s", sql);
    kt_ledger_close(&ledger);
    fixture_remove(folder);
}

Test(ledger_backfill_audit, a_lost_path_is_seen)
{
    expect("DELETE FROM backfill_paths WHERE row = 4", "counts 4 paths, its rows are 3");
}

Test(ledger_backfill_audit, a_path_that_was_never_fed_is_seen)
{
    expect("UPDATE backfills SET fed_row = 4", "counts 3 fed paths, its rows up to there are 4");
    expect("UPDATE inputs SET message_id = 'other' WHERE job = 3", "is fed but has no job");
    expect("UPDATE inputs SET file_path = '/m/9' WHERE job = 3", "is fed but has no job");
}

Test(ledger_backfill_audit, wrong_counts_and_items_are_seen)
{
    expect("UPDATE backfills SET done = 2", "its items are");
    expect("DELETE FROM backfill_items WHERE state = 1", "its items are");
    expect("UPDATE backfill_items SET job = 99 WHERE state = 0", "waits for a job that does not exist");
    expect("UPDATE files SET job = 99", "is remembered for a job that does not exist");
}

Test(ledger_backfill_audit, an_end_that_came_too_early_is_seen)
{
    expect("UPDATE backfills SET state = 3", "is done but 1 paths wait");
}
