#include "tests/unit/coordinator/ledger/sql_fixture.h"

#include "coordinator/ledger/open/migrate.h"
#include "coordinator/ledger/postgres/schema.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER = 4096 };

bool         sql_on_postgres;
char         sql_url[FIXTURE_URL];
kt_ledger_t *sql_ledger;

static char folder[FIXTURE_PATH];

static void
keep_answer(void *context, int columns, char **values)
{
    (void)columns;
    snprintf(context, ANSWER, "%s", values[0]);
}

const char *
sql_query(const char *sql)
{
    static char out[ANSWER];
    *out = '\0';
    if (sql_on_postgres) {
        fixture_postgres_sql(sql, out, sizeof out);
    } else {
        kt_sql_t *self = (kt_sql_t *)sql_ledger;
        cr_assert_eq(self->driver->plain(self, sql, keep_answer, out), KT_OK, "%s: %s", sql, self->why);
    }
    return out;
}

void
sql_expect(const char *sql, const char *answer)
{
    const char *got = sql_query(sql);
    cr_assert_str_eq(got, answer, "%s: %s", sql, got);
}

void
sql_begin(bool postgres)
{
    sql_on_postgres = postgres;
    if (postgres && !fixture_postgres_begin(sql_url))
        cr_skip_test("no KITHARA_TEST_POSTGRES");
    if (postgres)
        fixture_postgres_migrate(sql_url);
    else
        fixture_folder(folder);
    sql_ledger = postgres ? fixture_postgres(sql_url, true) : fixture_sqlite(folder);
}

void
sql_end(void)
{
    fixture_audit_clean(sql_ledger);
    sql_remove();
}

void
sql_remove(void)
{
    kt_ledger_close(&sql_ledger);
    if (sql_on_postgres)
        fixture_postgres_end();
    else
        fixture_remove(folder);
}

kt_err_t
sql_start_again(char why[KT_LEDGER_WHY])
{
    char     path[FIXTURE_PATH + 32];
    size_t   applied = 0;
    kt_err_t err     = KT_OK;
    kt_ledger_close(&sql_ledger);
    why[0] = '\0';
    if (!sql_on_postgres) {
        snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
        return kt_ledger_sqlite_open(&sql_ledger, path, true, why);
    }
    err = kt_ledger_postgres_migrate(sql_url, &applied, why);
    return err ? err : kt_ledger_postgres_open(&sql_ledger, sql_url, true, why);
}

void
sql_expect_start(void)
{
    char     why[KT_LEDGER_WHY];
    kt_err_t err = sql_start_again(why);
    cr_assert_eq(err, KT_OK, "%s", why);
}
