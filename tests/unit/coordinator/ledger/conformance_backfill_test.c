// Conformance: backfills.
#include "tests/unit/coordinator/ledger/backfill_fixture.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdlib.h>
#include <string.h>

static const kt_backfill_ops_t *
ops(const kt_ledger_t *ledger)
{
    return ledger->ops->backfill;
}

CONFORMS_STORED(a_backfill_is_made_once_for_its_token)
{
    kt_backfill_t one = backfill_folder(ledger, "t1"), again = backfill_folder(ledger, "t1");
    kt_backfill_t two = backfill_list(ledger, "t2");
    cr_assert(one.id == again.id && one.id != two.id);
    cr_assert(one.state == KT_BACKFILL_RUNNING && two.state == KT_BACKFILL_SPOOLING);
    cr_assert_str_eq(backfill_now(ledger, one.id).name, "one \xc3\xa9tude");
    cr_assert_eq(backfill_now(ledger, two.id).created_ms, 1000);
}

CONFORMS_STORED(chunks_come_in_order_and_any_number_of_times)
{
    kt_backfill_t b      = backfill_list(ledger, "t");
    char         *bytes  = NULL;
    size_t        length = 0;
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 1, "x", 1), KT_EINVAL);
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 0, "a\0b", 3), KT_OK);
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 0, "a\0b", 3), KT_OK);
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 0, "a\0c", 3), KT_ECLASH);
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 1, "\xff", 1), KT_OK);
    cr_assert_eq(ops(ledger)->spool(ledger, 99, 0, "x", 1), KT_ENOTFOUND);
    cr_assert_eq(ops(ledger)->chunk(ledger, b.id, 0, &bytes, &length), KT_OK);
    cr_assert(length == 3 && !memcmp(bytes, "a\0b", 3));
    free(bytes);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_SEAL, 1, 0), KT_EINVAL);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_SEAL, 2, 0), KT_OK);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_SEAL, 2, 0), KT_OK);
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 2, "x", 1), KT_EINVAL);
    cr_assert_neq(backfill_list(ledger, "t").id, b.id, "a sealed list gives its token back");
}

CONFORMS_STORED(an_empty_list_is_not_sealed)
{
    kt_backfill_t b = backfill_list(ledger, "t");
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_SEAL, 0, 0), KT_EEMPTY);
    cr_assert_eq(backfill_now(ledger, b.id).state, KT_BACKFILL_SPOOLING);
}

CONFORMS_STORED(a_backfill_runs_from_listing_to_its_end)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 3, 77, false), KT_OK);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 4, 2, 77, true), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 4), 4);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 4), 1);
    cr_assert_eq(fixture_totals(ledger).queued, 5);
    backfill_run(ledger, &lease, 4, KT_OK);
    backfill_run(ledger, &lease, 1, KT_EDAMAGED);
    b = backfill_settle(ledger, &lease, b.id);
    cr_assert(b.listed == 5 && b.fed == 5 && b.done == 4 && b.failed == 1);
    cr_assert_eq(b.state, KT_BACKFILL_DONE);
    cr_assert_eq(b.ended_ms, 2000);
    cr_assert_eq(backfill_take(ledger, &lease), 0, "there is nothing to do any more");
}

CONFORMS_STORED(a_page_told_again_changes_nothing_and_one_of_the_past_is_refused)
{
    kt_lease_t         lease = fixture_lease(ledger, "one");
    kt_backfill_t      b     = backfill_folder(ledger, "t");
    kt_backfill_path_t path  = {.path = "/m/x"};
    kt_backfill_page_t page  = {.id = b.id, .cursor = "x", .distinct = true, .paths = &path, .n = 1};
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    cr_assert_eq(ops(ledger)->list(ledger, &lease, &page), KT_OK);
    cr_assert_eq(ops(ledger)->list(ledger, &lease, &page), KT_OK);
    cr_assert_eq(backfill_now(ledger, b.id).listed, 1);
    cr_assert_str_eq(backfill_now(ledger, b.id).cursor, "x");
    page.number = 5;
    cr_assert_eq(ops(ledger)->list(ledger, &lease, &page), KT_EINVAL);
}

CONFORMS_STORED(a_path_given_twice_is_listed_once)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_list(ledger, "t");
    cr_assert_eq(ops(ledger)->spool(ledger, b.id, 0, "x", 1), KT_OK);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_SEAL, 1, 0), KT_OK);
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    kt_backfill_path_t first[] = {{.path = "/m/a"}, {.path = "/m/b"}, {.path = "/m/a"}};
    kt_backfill_path_t then[]  = {
         {.path = "/m/b"}, {.path = "/m/c"}, {.path = "?", .err = KT_ENAME}, {.path = "?", .err = KT_ENAME}};
    cr_assert_eq(backfill_page_of(ledger, &lease, b.id, first, 3, false, false), KT_OK);
    cr_assert_eq(backfill_page_of(ledger, &lease, b.id, then, 4, true, false), KT_OK);
    b = backfill_now(ledger, b.id);
    cr_assert(b.listed == 5 && b.repeated == 2 && b.refused == 2,
              "bad names are not distinguished by what is left of them");
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 10), 3);
    backfill_run(ledger, &lease, 3, KT_OK);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).state, KT_BACKFILL_DONE);
}

CONFORMS_STORED(what_is_unchanged_is_known_and_what_changed_is_not)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t1");
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 2, 77, true), KT_OK);
    backfill_feed(ledger, &lease, b.id, 10);
    backfill_run(ledger, &lease, 1, KT_OK);
    backfill_run(ledger, &lease, 1, KT_EDAMAGED);
    backfill_settle(ledger, &lease, b.id);
    kt_backfill_path_t paths[] = {{.path = "/m/1", .bytes = 10, .mtime_ns = 77},
                                  {.path = "/m/2", .bytes = 10, .mtime_ns = 77},
                                  {.path = "/m/1", .bytes = 11, .mtime_ns = 77},
                                  {.path = "/m/1", .bytes = 10, .mtime_ns = 78},
                                  {.path = "/m/1", .bytes = 0, .mtime_ns = 0}};
    cr_assert_eq(ops(ledger)->known(ledger, &b, paths, 5), KT_OK);
    cr_assert(paths[0].job, "a success is known by size and time");
    cr_assert(!paths[1].job && !paths[2].job && !paths[3].job && !paths[4].job);
    uint64_t job = paths[0].job;
    paths[0].job = 0;
    b.options    = KT_OPTION_SPECTRAL;
    cr_assert_eq(ops(ledger)->known(ledger, &b, paths, 1), KT_OK);
    cr_assert(!paths[0].job, "other options were never analysed");
    b.options = KT_OPTION_ALL;
    strcpy(b.version, "2.0.0");
    cr_assert_eq(ops(ledger)->known(ledger, &b, paths, 1), KT_OK);
    cr_assert(!paths[0].job, "nor by another version");
    strcpy(b.version, "1.0.0");
    kt_backfill_path_t renamed = {.path = "/m/new", .bytes = 10, .mtime_ns = 99};
    kt_digest_of(&job, sizeof job, &renamed.digest);
    cr_assert_eq(ops(ledger)->known(ledger, &b, &renamed, 1), KT_OK);
    cr_assert_eq(renamed.job, job, "the same content under another name");
}

CONFORMS_STORED(a_skipped_path_is_no_job_and_shows_the_earlier_document)
{
    kt_lease_t           lease = fixture_lease(ledger, "one");
    kt_backfill_t        first = backfill_folder(ledger, "t1"), b;
    kt_backfill_result_t out[4];
    size_t               n = 0;
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, first.id, 1, 1, 77, true), KT_OK);
    backfill_feed(ledger, &lease, first.id, 10);
    backfill_run(ledger, &lease, 1, KT_OK);
    backfill_settle(ledger, &lease, first.id);
    b = backfill_folder(ledger, "t2");
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 2, 77, true), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 10), 1);
    b = backfill_settle(ledger, &lease, b.id);
    cr_assert(b.skipped == 1 && b.fed == 1);
    cr_assert_eq(ops(ledger)->results(ledger, b.id, 0, false, 1 << 20, out, 4, &n), KT_OK);
    cr_assert_eq(n, 2);
    cr_assert(out[0].outcome == KT_BACKFILL_SKIPPED && out[1].outcome == KT_BACKFILL_OPEN);
    cr_assert_str_eq(out[0].path, "/m/1");
    cr_assert_str_eq(out[0].document, "{\"success\":true,\"title\":\"\xc3\xa9tude\"}");
    cr_assert_null(out[1].document);
    for (size_t i = 0; i < n; i++) {
        free(out[i].path);
        free(out[i].document);
    }
    backfill_run(ledger, &lease, 1, KT_OK);
    backfill_settle(ledger, &lease, b.id);
}

CONFORMS_STORED(results_come_in_pages_and_failures_alone)
{
    kt_lease_t           lease = fixture_lease(ledger, "one");
    kt_backfill_t        b     = backfill_folder(ledger, "t");
    kt_backfill_result_t out[8];
    size_t               n       = 0;
    kt_backfill_path_t   refused = {.path = "/m/\xef\xbf\xbd", .err = KT_ENAME};
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 4, 77, false), KT_OK);
    cr_assert_eq(backfill_page_of(ledger, &lease, b.id, &refused, 1, true, true), KT_OK);
    backfill_feed(ledger, &lease, b.id, 10);
    backfill_run(ledger, &lease, 2, KT_OK);
    backfill_run(ledger, &lease, 2, KT_EDAMAGED);
    backfill_settle(ledger, &lease, b.id);
    cr_assert_eq(ops(ledger)->results(ledger, b.id, 0, true, 1 << 20, out, 8, &n), KT_OK);
    cr_assert_eq(n, 3);
    cr_assert(out[0].row == 3 && out[0].err == KT_EDAMAGED && out[0].outcome == KT_BACKFILL_FAILURE);
    cr_assert(out[2].row == 5 && out[2].err == KT_ENAME && out[2].outcome == KT_BACKFILL_REFUSED && !out[2].document);
    for (size_t i = 0; i < n; i++) {
        free(out[i].path);
        free(out[i].document);
    }
    uint64_t after = 0, rows = 0;
    do {
        cr_assert_eq(ops(ledger)->results(ledger, b.id, after, false, 1, out, 8, &n), KT_OK);
        for (size_t i = 0; i < n; i++) {
            cr_assert_eq(out[i].row, ++rows);
            free(out[i].path);
            free(out[i].document);
        }
        after = rows;
    } while (n);
    cr_assert_eq(rows, 5);
}

CONFORMS_STORED(a_paused_backfill_is_neither_listed_nor_fed_and_goes_on)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 2, 77, false), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 1), 1);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_PAUSE, 0, 0), KT_OK);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_PAUSE, 0, 0), KT_OK);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 3, 1, 77, true), KT_EINVAL);
    cr_assert_eq(ops(ledger)->feed(ledger, &lease, b.id, NULL, NULL, 0, 2), KT_EINVAL);
    cr_assert_eq(backfill_take(ledger, &lease), 1, "one is open and ends");
    backfill_run(ledger, &lease, 1, KT_OK);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).done, 1);
    cr_assert_eq(backfill_take(ledger, &lease), 0);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_RESUME, 0, 0), KT_OK);
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 3, 1, 77, true), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 10), 2);
    backfill_run(ledger, &lease, 2, KT_OK);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).state, KT_BACKFILL_DONE);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_PAUSE, 0, 0), KT_EINVAL);
    cr_assert_eq(ops(ledger)->control(ledger, 99, KT_BACKFILL_PAUSE, 0, 0), KT_ENOTFOUND);
}

CONFORMS_STORED(a_cancelled_backfill_takes_back_what_is_queued)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    kt_run_id_t   running;
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 4, 77, false), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &lease, b.id, 3), 3);
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, &running), 1);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_CANCEL, 0, 3000), KT_OK);
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    b = backfill_settle(ledger, &lease, b.id);
    cr_assert(b.cancelled == 2 && kt_backfill_open(&b) == 1 && b.ended_ms == 3000);
    cr_assert(fixture_totals(ledger).queued == 0 && fixture_totals(ledger).cancelled == 2);
    kt_result_t result = fixture_success(running);
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).done, 1);
    cr_assert_eq(backfill_take(ledger, &lease), 0);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_RESUME, 0, 0), KT_EINVAL);
    uint64_t after = 0;
    size_t   n     = 0;
    cr_assert_eq(ops(ledger)->retry(ledger, b.id, &after, 10, &n), KT_EINVAL);
}

CONFORMS_STORED(only_failures_are_tried_again_page_by_page)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    uint64_t      after = 0;
    size_t        n     = 9;
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 4, 77, true), KT_OK);
    backfill_feed(ledger, &lease, b.id, 10);
    backfill_run(ledger, &lease, 1, KT_OK);
    backfill_run(ledger, &lease, 3, KT_EDAMAGED);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).state, KT_BACKFILL_DONE);
    cr_assert_eq(ops(ledger)->retry(ledger, b.id, &after, 2, &n), KT_OK);
    cr_assert(n == 2 && after == 3);
    b = backfill_now(ledger, b.id);
    cr_assert(b.state == KT_BACKFILL_RUNNING && b.failed == 1 && kt_backfill_open(&b) == 2);
    cr_assert_eq(ops(ledger)->retry(ledger, b.id, &after, 2, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(ops(ledger)->retry(ledger, b.id, &after, 2, &n), KT_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(fixture_totals(ledger).retried, 3);
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    backfill_run(ledger, &lease, 3, KT_OK);
    b = backfill_settle(ledger, &lease, b.id);
    cr_assert(b.state == KT_BACKFILL_DONE && b.done == 4 && b.failed == 0);
}

CONFORMS_STORED(a_failure_tried_again_by_its_number_is_counted_as_it_stands)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    uint64_t      after = 0;
    size_t        n     = 9;
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page(ledger, &lease, b.id, 1, 1, 77, true), KT_OK);
    backfill_feed(ledger, &lease, b.id, 10);
    backfill_run(ledger, &lease, 1, KT_EDAMAGED);
    backfill_settle(ledger, &lease, b.id);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, (kt_run_id_t){.job = 1}).how, KT_OK);
    backfill_run(ledger, &lease, 1, KT_OK);
    cr_assert_eq(ops(ledger)->retry(ledger, b.id, &after, 10, &n), KT_OK);
    b = backfill_now(ledger, b.id);
    cr_assert(n == 0 && b.done == 1 && b.failed == 0 && b.state == KT_BACKFILL_DONE);
}

CONFORMS_STORED(a_retry_of_an_unknown_backfill_is_not_found_and_changes_nothing)
{
    uint64_t after = 7;
    size_t   n     = 9;
    cr_assert_eq(ops(ledger)->retry(ledger, 99, &after, 10, &n), KT_ENOTFOUND);
    cr_assert(after == 7 && n == 9);
}

CONFORMS_STORED(a_feed_is_checked_by_lease_then_repetition_then_state_then_jobs)
{
    kt_lease_t    one = fixture_lease(ledger, "one"), two = fixture_lease(ledger, "two");
    kt_backfill_t b      = backfill_folder(ledger, "t");
    kt_job_t      job    = {.file_path = "/m/1"};  // no message id: it cannot be stored
    kt_new_job_t  bad    = {.job = &job, .body = "{}", .body_bytes = 2};
    uint64_t      rows[] = {2};
    cr_assert_eq(backfill_take(ledger, &one), 1);
    cr_assert_eq(backfill_page(ledger, &one, b.id, 1, 2, 77, false), KT_OK);
    cr_assert_eq(backfill_feed(ledger, &one, b.id, 1), 1);
    cr_assert_eq(ops(ledger)->feed(ledger, &two, b.id, rows, &bad, 1, 1), KT_EFENCED, "the lease comes first");
    cr_assert_eq(ops(ledger)->feed(ledger, &one, b.id, rows, &bad, 1, 1), KT_OK, "a repeated feed is not checked");
    cr_assert_eq(ops(ledger)->feed(ledger, &one, b.id, rows, &bad, 1, 3), KT_EINVAL, "the range before the jobs");
    cr_assert_eq(ops(ledger)->feed(ledger, &one, b.id, rows, &bad, 1, 2), KT_EBADDATA);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_PAUSE, 0, 0), KT_OK);
    cr_assert_eq(ops(ledger)->feed(ledger, &one, b.id, rows, &bad, 1, 2), KT_EINVAL, "the state before the jobs");
    b = backfill_now(ledger, b.id);
    cr_assert(b.fed == 1 && b.fed_row == 1);
}

CONFORMS_STORED(a_backfill_is_worked_on_under_one_lease_and_taken_over)
{
    kt_lease_t    one = fixture_lease(ledger, "one"), two = fixture_lease(ledger, "two");
    kt_backfill_t b = backfill_folder(ledger, "t"), now;
    size_t        n = 0;
    cr_assert_eq(backfill_take(ledger, &one), 1);
    cr_assert_eq(backfill_take(ledger, &two), 0);
    cr_assert_eq(backfill_page(ledger, &two, b.id, 1, 1, 77, true), KT_EFENCED);
    cr_assert_eq(ops(ledger)->settle(ledger, &two, b.id, 9, 0, &n, &now), KT_EFENCED);
    cr_assert_eq(ops(ledger)->feed(ledger, &two, b.id, NULL, NULL, 0, 1), KT_EFENCED);
    kt_lease_t again = fixture_lease(ledger, "one");  // the first has crashed and restarted
    cr_assert_eq(backfill_take(ledger, &two), 1);
    cr_assert_eq(backfill_take(ledger, &again), 0);
    cr_assert_eq(backfill_page(ledger, &one, b.id, 1, 1, 77, true), KT_EFENCED);
    cr_assert_eq(ops(ledger)->take(ledger, &one, &now, 1, &n), KT_EFENCED);
    cr_assert_eq(backfill_page(ledger, &two, b.id, 1, 1, 77, true), KT_OK);
}

CONFORMS_STORED(a_folder_that_cannot_be_listed_is_broken_and_may_be_resumed)
{
    kt_lease_t         lease = fixture_lease(ledger, "one");
    kt_backfill_t      b     = backfill_folder(ledger, "t");
    kt_backfill_page_t page  = {.id = b.id, .cursor = "", .trouble = "the disk is not there"};
    backfill_take(ledger, &lease);
    cr_assert_eq(ops(ledger)->list(ledger, &lease, &page), KT_OK);
    b = backfill_now(ledger, b.id);
    cr_assert_eq(b.state, KT_BACKFILL_BROKEN);
    cr_assert_str_eq(b.detail, "the disk is not there");
    cr_assert_eq(backfill_take(ledger, &lease), 0);
    cr_assert_eq(ops(ledger)->control(ledger, b.id, KT_BACKFILL_RESUME, 0, 0), KT_OK);
    b = backfill_now(ledger, b.id);
    cr_assert(b.state == KT_BACKFILL_RUNNING && !b.detail[0]);
}

CONFORMS_STORED(an_empty_folder_is_done_at_once)
{
    kt_lease_t    lease = fixture_lease(ledger, "one");
    kt_backfill_t b     = backfill_folder(ledger, "t");
    backfill_take(ledger, &lease);
    cr_assert_eq(backfill_page_of(ledger, &lease, b.id, NULL, 0, true, true), KT_OK);
    cr_assert_eq(backfill_settle(ledger, &lease, b.id).state, KT_BACKFILL_DONE);
}

CONFORMS_STORED(what_a_walk_leaves_out_is_kept_by_kind_and_counted_once)
{
    kt_lease_t         lease = fixture_lease(ledger, "one");
    kt_backfill_t      b     = backfill_folder(ledger, "t");
    kt_backfill_page_t page  = {.id = b.id, .cursor = "c", .distinct = true};
    cr_assert_eq(backfill_take(ledger, &lease), 1);
    page.left_out.n[KT_NAME_PLAYLIST] = 3;
    page.left_out.unreadable          = 1;
    cr_assert_eq(ledger->ops->backfill->list(ledger, &lease, &page), KT_OK);
    cr_assert_eq(ledger->ops->backfill->list(ledger, &lease, &page), KT_OK, "a repeated page");
    page.number                    = 1;
    page.last                      = true;
    page.left_out.n[KT_NAME_IMAGE] = 2;
    cr_assert_eq(ledger->ops->backfill->list(ledger, &lease, &page), KT_OK);
    b = backfill_now(ledger, b.id);
    cr_assert(b.left_out == 8 && b.kinds.n[KT_NAME_PLAYLIST] == 6 && b.kinds.n[KT_NAME_IMAGE] == 2);
    cr_assert(kt_left_out_total(&b.kinds) == 8 && b.kinds.unreadable == 2);
}
