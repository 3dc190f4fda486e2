// sql_fixture -- one SQL ledger of either kind for tests that hold for both, and plain SQL beside it.
#pragma once

#include "coordinator/ledger/sql/sql.h"
#include "tests/unit/coordinator/ledger/fixture.h"
#include "tests/unit/coordinator/ledger/postgres_fixture.h"

extern kt_ledger_t *sql_ledger;  // as writer
extern bool         sql_on_postgres;
extern char         sql_url[FIXTURE_URL];  // PostgreSQL's

// A new ledger. Without a PostgreSQL server the test is skipped.
void sql_begin(bool postgres);
void sql_end(void);     // the audit finds nothing
void sql_remove(void);  // closed or not, whatever the audit finds

// The first column of the last row; statements as the database has them.
const char *sql_query(const char *sql);
void        sql_expect(const char *sql, const char *answer);

// As the next start of the program does: migrates.
kt_err_t sql_start_again(char why[KT_LEDGER_WHY]);
void     sql_expect_start(void);

#define BOTH(suite, rule, finish)                                                                                      \
    Test(suite, rule##_in_sqlite)                                                                                      \
    {                                                                                                                  \
        sql_begin(false);                                                                                              \
        rule();                                                                                                        \
        finish;                                                                                                        \
    }                                                                                                                  \
    Test(suite, rule##_in_postgresql)                                                                                  \
    {                                                                                                                  \
        sql_begin(true);                                                                                               \
        rule();                                                                                                        \
        finish;                                                                                                        \
    }
