// ledger_conformance -- what every ledger must do, written once and run on each implementation: CONFORMS(a_rule_holds)
// { ... } has a new, empty `ledger`, which is audited afterwards. Another implementation joins by its lines here.
#pragma once

#include "tests/unit/coordinator/ledger/fixture.h"

#include <criterion/criterion.h>

typedef void ledger_rule_t(kt_ledger_t *ledger);
void         conform_memory(ledger_rule_t *rule);
void         conform_sqlite(ledger_rule_t *rule);
void         conform_postgres(ledger_rule_t *rule);  // skipped without KITHARA_TEST_POSTGRES

// For what the ledger in memory does not have.
#define CONFORMS_STORED(name)                                                                                          \
    static void name(kt_ledger_t *ledger);                                                                             \
    Test(ledger_sqlite, name)                                                                                          \
    {                                                                                                                  \
        conform_sqlite(name);                                                                                          \
    }                                                                                                                  \
    Test(ledger_postgres, name)                                                                                        \
    {                                                                                                                  \
        conform_postgres(name);                                                                                        \
    }                                                                                                                  \
    static void name(kt_ledger_t *ledger)

#define CONFORMS(name)                                                                                                 \
    static void name(kt_ledger_t *ledger);                                                                             \
    Test(ledger_memory, name)                                                                                          \
    {                                                                                                                  \
        conform_memory(name);                                                                                          \
    }                                                                                                                  \
    Test(ledger_sqlite, name)                                                                                          \
    {                                                                                                                  \
        conform_sqlite(name);                                                                                          \
    }                                                                                                                  \
    Test(ledger_postgres, name)                                                                                        \
    {                                                                                                                  \
        conform_postgres(name);                                                                                        \
    }                                                                                                                  \
    static void name(kt_ledger_t *ledger)
