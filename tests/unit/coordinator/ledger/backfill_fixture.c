#include "tests/unit/coordinator/ledger/backfill_fixture.h"

#include "common/clock.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 100 };

static kt_backfill_t
make(kt_ledger_t *ledger, const char *token, kt_backfill_kind_t kind)
{
    kt_backfill_t wanted = {.kind = kind, .options = KT_OPTION_ALL, .priority = KT_PRIORITY_LOW}, made;
    snprintf(wanted.name, sizeof wanted.name, "one \xc3\xa9tude");
    snprintf(wanted.token, sizeof wanted.token, "%s", token);
    snprintf(wanted.source, sizeof wanted.source, "/m");
    snprintf(wanted.version, sizeof wanted.version, "1.0.0");
    cr_assert_eq(ledger->ops->backfill->create(ledger, &wanted, 1000, &made), KT_OK);
    return made;
}

kt_backfill_t
backfill_folder(kt_ledger_t *ledger, const char *token)
{
    return make(ledger, token, KT_BACKFILL_FOLDER);
}

kt_backfill_t
backfill_list(kt_ledger_t *ledger, const char *token)
{
    return make(ledger, token, KT_BACKFILL_LIST);
}

kt_backfill_t
backfill_now(kt_ledger_t *ledger, uint64_t id)
{
    kt_backfill_t row = {0};
    size_t        n   = 0;
    cr_assert_eq(ledger->ops->backfill->find(ledger, id - 1, &row, 1, &n), KT_OK);
    cr_assert(n == 1 && row.id == id);
    return row;
}

size_t
backfill_take(kt_ledger_t *ledger, const kt_lease_t *lease)
{
    kt_backfill_t *rows = calloc(16, sizeof *rows);
    size_t         n    = 0;
    cr_assert_eq(ledger->ops->backfill->take(ledger, lease, rows, 16, &n), KT_OK);
    free(rows);
    return n;
}

kt_err_t
backfill_page_of(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, const kt_backfill_path_t *paths, size_t n,
                 bool last, bool distinct)
{
    kt_backfill_t      b    = backfill_now(ledger, id);
    kt_backfill_page_t page = {.id       = id,
                               .number   = b.pages,
                               .cursor   = "somewhere",
                               .chunk    = b.chunk + (last && b.kind == KT_BACKFILL_LIST),
                               .last     = last,
                               .distinct = distinct,
                               .paths    = paths,
                               .n        = n};
    return ledger->ops->backfill->list(ledger, lease, &page);
}

kt_err_t
backfill_page(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, uint64_t first, size_t n, int64_t mtime_ns,
              bool last)
{
    char               texts[MOST][32];
    kt_backfill_path_t paths[MOST];
    kt_backfill_t      b = backfill_now(ledger, id);
    cr_assert_leq(n, MOST);
    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "/m/%" PRIu64, first + i);
        paths[i] = (kt_backfill_path_t){.path = texts[i], .bytes = 10, .mtime_ns = mtime_ns};
    }
    cr_assert_eq(ledger->ops->backfill->known(ledger, &b, paths, n), KT_OK);
    return backfill_page_of(ledger, lease, id, paths, n, last, true);
}

size_t
backfill_feed(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id, size_t want)
{
    static const char  body[] = "{\"a\":1}";
    kt_backfill_path_t paths[MOST];
    kt_job_t          *jobs = calloc(MOST, sizeof *jobs);
    kt_new_job_t       news[MOST];
    uint64_t           rows[MOST];
    size_t             n = 0;
    kt_backfill_t      b = backfill_now(ledger, id);
    cr_assert_eq(ledger->ops->backfill->waiting(ledger, &b, want, paths, &n), KT_OK);
    for (size_t i = 0; i < n; i++) {
        snprintf(jobs[i].message_id, sizeof jobs[i].message_id, "backfill-%" PRIu64 "-%" PRIu64, id, paths[i].row);
        snprintf(jobs[i].file_path, sizeof jobs[i].file_path, "%s", paths[i].path);
        jobs[i].priority = KT_PRIORITY_LOW;
        rows[i]          = paths[i].row;
        news[i]          = (kt_new_job_t){.job = &jobs[i], .body = body, .body_bytes = sizeof body - 1, .wall_ms = 5};
    }
    uint64_t up_to = n == want ? rows[n - 1] : b.listed;
    for (int again = 0; again < 2; again++)  // called twice, it makes each job once
        cr_assert_eq(ledger->ops->backfill->feed(ledger, lease, id, rows, news, n, up_to), KT_OK);
    for (size_t i = 0; i < n; i++)
        free((char *)paths[i].path);
    free(jobs);
    return n;
}

kt_backfill_t
backfill_settle(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t id)
{
    kt_backfill_t b = {0};
    size_t        n = 0;
    cr_assert_eq(ledger->ops->backfill->settle(ledger, lease, id, MOST, 2000, &n, &b), KT_OK);
    return b;
}

void
backfill_run(kt_ledger_t *ledger, const kt_lease_t *lease, size_t n, kt_err_t err)
{
    kt_run_id_t ids[MOST];
    cr_assert_eq(fixture_claim_n(ledger, lease, n, 0, ids), n);
    for (size_t i = 0; i < n; i++) {
        kt_result_t result = err ? fixture_failure(ids[i], err) : fixture_success(ids[i]);
        kt_digest_of(&ids[i].job, sizeof ids[i].job, &result.content_digest);
        cr_assert_eq(err ? fixture_fail(ledger, lease, &result) : fixture_store(ledger, &result), KT_STORED_NEW);
    }
}
