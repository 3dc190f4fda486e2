#include "tests/unit/coordinator/ledger/postgres_fixture.h"

#include "coordinator/ledger/postgres/schema.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char schema[32];

static void
run(const char *sql, const char *search_path, char *out, size_t capacity)
{
    PGconn *db = PQconnectdb(getenv("KITHARA_TEST_POSTGRES"));
    cr_assert_eq(PQstatus(db), CONNECTION_OK, "%s", PQerrorMessage(db));
    char path[128];
    snprintf(path, sizeof path, "SET client_min_messages = warning; SET search_path = %s", search_path);
    PQclear(PQexec(db, path));
    PGresult *answer = PQexec(db, sql);
    cr_assert(PQresultStatus(answer) == PGRES_COMMAND_OK || PQresultStatus(answer) == PGRES_TUPLES_OK, "%s: %s", sql,
              PQerrorMessage(db));
    if (out)
        snprintf(out, capacity, "%s", PQntuples(answer) ? PQgetvalue(answer, PQntuples(answer) - 1, 0) : "");
    PQclear(answer);
    PQfinish(db);
}

void
fixture_postgres_sql(const char *sql, char *out, size_t capacity)
{
    run(sql, schema, out, capacity);
}

bool
fixture_postgres_begin(char url[FIXTURE_URL])
{
    static int  made;
    char        sql[160];
    const char *server = getenv("KITHARA_TEST_POSTGRES");
    if (!server)
        return false;
    snprintf(schema, sizeof schema, "test_%ld_%d", (long)getpid(), made++);
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", schema, schema);
    run(sql, "public", NULL, 0);
    snprintf(url, FIXTURE_URL, "%s?options=-csearch_path%%3D%s", server, schema);
    return true;
}

void
fixture_postgres_end(void)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", schema);
    run(sql, "public", NULL, 0);
}

void
fixture_postgres_migrate(const char *url)
{
    char   why[KT_LEDGER_WHY] = "";
    size_t applied            = 0;
    cr_assert_eq(kt_ledger_postgres_migrate(url, &applied, why), KT_OK, "%s", why);
    cr_assert_geq(applied, 1);
}

kt_ledger_t *
fixture_postgres(const char *url, bool writer)
{
    kt_ledger_t *ledger             = NULL;
    char         why[KT_LEDGER_WHY] = "";
    cr_assert_eq(kt_ledger_postgres_open(&ledger, url, writer, why), KT_OK, "%s", why);
    return ledger;
}

void
conform_postgres(ledger_rule_t *rule)
{
    char url[FIXTURE_URL];
    if (!fixture_postgres_begin(url))
        cr_skip_test("no KITHARA_TEST_POSTGRES");
    fixture_postgres_migrate(url);
    kt_ledger_t *ledger = fixture_postgres(url, true);
    rule(ledger);
    fixture_audit_clean(ledger);
    kt_ledger_close(&ledger);
    kt_ledger_close(&ledger);
    fixture_postgres_end();
}
