// ledger_backfill_fixture -- short ways to make backfills in a ledger, for tests.
#pragma once

#include "coordinator/ledger/backfill_rules.h"
#include "tests/unit/coordinator/ledger/fixture.h"

// A folder (RUNNING), and one that is taken under the lease.
kt_backfill_t backfill_folder(kt_ledger_t *ledger, const char *token);
kt_backfill_t backfill_list(kt_ledger_t *ledger, const char *token);  // SPOOLING
kt_backfill_t backfill_now(kt_ledger_t *ledger, uint64_t id);
size_t        backfill_take(kt_ledger_t *ledger, const kt_lease_t *lease);  // how many are ours
// Lists n paths "/m/<first>", "/m/<first+1>" ... of 10 bytes and that time as one page.
kt_err_t backfill_page(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, uint64_t first, size_t n,
                       int64_t mtime_ns, bool last);
kt_err_t backfill_page_of(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, const kt_backfill_path_t *paths,
                          size_t n, bool last, bool distinct);
// Feeds the waiting rows of the ledger, at most want; returns how many.
size_t        backfill_feed(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, size_t want);
kt_backfill_t backfill_settle(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id);
// Claims n jobs and gives each this outcome.
void backfill_run(kt_ledger_t *ledger, const kt_lease_t *lease, size_t n, kt_err_t err);
