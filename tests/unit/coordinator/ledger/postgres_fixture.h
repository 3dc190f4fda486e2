// ledger_postgres_fixture -- a ledger of its own in the PostgreSQL server that KITHARA_TEST_POSTGRES names: a schema,
// which is dropped afterwards. tests/farm/postgres_conformance.py starts such a server; without the variable these
// tests are skipped.
#pragma once

#include "tests/unit/coordinator/ledger/fixture.h"

#include <stdbool.h>

enum { FIXTURE_URL = 512 };

// false: there is no server, and the test is to end.
bool fixture_postgres_begin(char url[FIXTURE_URL]);  // an empty schema; url of it
void fixture_postgres_end(void);
void fixture_postgres_migrate(const char *url);
// A ledger on a migrated schema, as writer or reader.
kt_ledger_t *fixture_postgres(const char *url, bool writer);
// Any SQL in that schema, by another connection. The first value of its last row in out, if there is one.
void fixture_postgres_sql(const char *sql, char *out, size_t capacity);
