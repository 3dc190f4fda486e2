// Conformance: outcomes, blame, requests of operators, pages, totals.
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdlib.h>
#include <string.h>

CONFORMS(the_first_result_of_a_run_wins)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease  = fixture_lease(ledger, "one");
    kt_run_id_t id     = fixture_claim(ledger, &lease).id;
    kt_result_t first  = fixture_success(id);
    kt_result_t second = first;
    second.document = "{\"other\":1}", second.document_bytes = 11;
    cr_assert_eq(fixture_store(ledger, &first), KT_STORED_NEW);
    cr_assert_eq(fixture_store(ledger, &second), KT_STORED_ALREADY);
    kt_job_query_t query = {.state = KT_JOB_DONE, .documents = true};
    kt_job_row_t   row;
    size_t         n = 0;
    cr_assert_eq(ledger->ops->jobs(ledger, &query, &row, 1, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(row.document, first.document);
    cr_assert_eq(row.document_bytes, first.document_bytes);
    free(row.document);
}

CONFORMS(the_same_result_twice_in_one_group_is_stored_once)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease = fixture_lease(ledger, "one");
    kt_result_t results[2];
    kt_stored_t how[2];
    results[0] = results[1] = fixture_success(fixture_claim(ledger, &lease).id);
    cr_assert_eq(ledger->ops->store(ledger, results, 2, how), KT_OK);
    cr_assert(how[0] == KT_STORED_NEW && how[1] == KT_STORED_ALREADY);
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.done == 1 && totals.claimed == 0 && totals.done_today == 1 && totals.processing_us_total == 250);
}

CONFORMS(a_success_needs_no_lease_and_a_failure_does)
{
    fixture_insert(ledger, 1);
    fixture_insert(ledger, 2);
    kt_lease_t  lost    = fixture_lease(ledger, "one");
    kt_run_id_t first   = fixture_claim(ledger, &lost).id;
    kt_run_id_t second  = fixture_claim(ledger, &lost).id;
    kt_lease_t  lease   = fixture_lease(ledger, "one");
    kt_result_t success = fixture_success(first), failure = fixture_failure(second, KT_EFORMAT);
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(fixture_fail(ledger, &lost, &failure), KT_STORED_FENCED);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_FENCED, "queued, not claimed");
    cr_assert_eq(fixture_claim(ledger, &lease).id.job, second.job);
    cr_assert_eq(fixture_fail(ledger, &lost, &failure), KT_STORED_FENCED);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_ALREADY);
    kt_result_t late = fixture_success(second);
    cr_assert_eq(fixture_store(ledger, &late), KT_STORED_ALREADY);
}

CONFORMS(a_failure_is_shown_with_its_error_and_a_readable_detail)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease   = fixture_lease(ledger, "one");
    kt_run_id_t id      = fixture_claim(ledger, &lease).id;
    kt_result_t failure = fixture_failure(id, KT_EFORMAT);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    kt_job_row_t row = fixture_row(ledger, id.job);
    cr_assert_eq(row.err, KT_EFORMAT);
    cr_assert_str_eq(row.detail, "the file \xef\xbf\xbd is bad");
    cr_assert_str_eq(row.node_name, "node-a");
    cr_assert(row.stored_wall_ms == failure.wall_ms && row.processing_us == 250);
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.failed == 1 && totals.done == 0 && totals.done_today == 0);
}

CONFORMS(one_bad_row_harms_no_other)
{
    kt_result_t results[5];
    kt_stored_t how[5];
    kt_run_id_t ids[5];
    for (uint64_t i = 1; i <= 5; i++)
        fixture_insert(ledger, i);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 5, 0, ids), 5);
    for (size_t i = 0; i < 5; i++)
        results[i] = fixture_success(ids[i]);
    results[1].document = "{\"bad\":\"\xc3\"}", results[1].document_bytes = strlen(results[1].document);
    results[2].document = "{\"nul\":\"\0\"}", results[2].document_bytes = 11;
    results[3].id.job = 4711;
    cr_assert_eq(ledger->ops->store(ledger, results, 5, how), KT_OK);
    cr_assert(how[0] == KT_STORED_NEW && how[4] == KT_STORED_NEW);
    for (size_t i = 1; i < 4; i++)
        cr_assert_eq(how[i], KT_STORED_BAD_DATA, "row %zu", i);
    cr_assert_eq(fixture_totals(ledger).claimed, 3);
}

CONFORMS(outcomes_that_do_not_fit_are_bad_data)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease = fixture_lease(ledger, "one");
    kt_run_id_t id    = fixture_claim(ledger, &lease).id;
    kt_result_t ahead = fixture_success(id), failure = fixture_failure(id, KT_EFORMAT), success = fixture_success(id);
    ahead.id.run++;
    cr_assert_eq(fixture_store(ledger, &ahead), KT_STORED_BAD_DATA);
    cr_assert_eq(fixture_store(ledger, &failure), KT_STORED_BAD_DATA);
    cr_assert_eq(fixture_fail(ledger, &lease, &success), KT_STORED_BAD_DATA);
    success.n_stages = KT_RESULT_STAGES + 1;
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_BAD_DATA);
}

CONFORMS(a_result_without_a_claim_counts_too)
{
    uint64_t    id     = fixture_insert(ledger, 1);
    kt_result_t result = fixture_success((kt_run_id_t){id, 1});
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    kt_run_id_t ids[1];
    kt_lease_t  lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, ids), 0);
}

static void
blame(kt_ledger_t *ledger, const kt_lease_t *lease, kt_run_id_t id, uint32_t attempt, bool crash)
{
    kt_attempt_t row = {.id = id, .attempt = attempt, .err = KT_ENODELOST, .crash = crash, .node_name = "node-a"};
    cr_assert_eq(ledger->ops->blame(ledger, lease, &row, 1), KT_OK);
}

CONFORMS(blame_counts_once_and_outlives_the_lease)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease = fixture_lease(ledger, "one");
    kt_run_id_t id    = fixture_claim(ledger, &lease).id;
    blame(ledger, &lease, id, 1, true);
    blame(ledger, &lease, id, 1, true);
    blame(ledger, &lease, id, 2, false);
    kt_lease_t next = fixture_lease(ledger, "one");
    blame(ledger, &lease, id, 3, true);  // fenced: does nothing
    kt_claimed_t row = fixture_claim(ledger, &next);
    cr_assert(row.attempts == 2 && row.crashes == 1);
}

CONFORMS(a_cancelled_job_takes_no_result_and_is_not_claimed)
{
    kt_run_id_t queued = {fixture_insert(ledger, 1), 1}, claimed = {fixture_insert(ledger, 2), 1};
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, queued).how, KT_OK);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim(ledger, &lease).id.job, claimed.job);
    kt_ask_t ask = fixture_ask(ledger, KT_ASK_CANCEL, (kt_run_id_t){claimed.job, 0});
    cr_assert(ask.how == KT_OK && ask.id.run == 1);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, claimed).how, KT_OK, "requested twice");
    kt_result_t late = fixture_success(claimed), failure = fixture_failure(claimed, KT_EFORMAT);
    cr_assert_eq(fixture_store(ledger, &late), KT_STORED_CANCELLED);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_CANCELLED);
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.cancelled == 2 && totals.queued == 0 && totals.claimed == 0);
    cr_assert_eq(fixture_row(ledger, claimed.job).err, KT_ECANCELLED);
}

CONFORMS(a_retry_is_a_new_run_whose_older_results_are_kept_out)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease   = fixture_lease(ledger, "one");
    kt_run_id_t id      = fixture_claim(ledger, &lease).id;
    kt_result_t failure = fixture_failure(id, KT_EATTEMPTS);
    blame(ledger, &lease, id, 1, true);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    kt_ask_t ask = fixture_ask(ledger, KT_ASK_RETRY, id);
    cr_assert(ask.how == KT_OK && ask.id.run == 2);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_OK, "the same retry requested twice is one");
    kt_claimed_t row = fixture_claim(ledger, &lease);
    cr_assert(row.id.run == 2 && row.attempts == 0 && row.crashes == 0);
    kt_result_t old = fixture_success(id), fresh = fixture_success(row.id);
    cr_assert_eq(fixture_store(ledger, &old), KT_STORED_ALREADY);
    cr_assert_eq(fixture_store(ledger, &fresh), KT_STORED_NEW);
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.retried == 1 && totals.done == 1 && totals.failed == 0 && totals.processing_us_total == 500);
}

static void
expect_document(kt_ledger_t *ledger, uint64_t job, kt_job_state_t state, const char *text)
{
    kt_job_row_t   row;
    size_t         n     = 0;
    kt_job_query_t query = {.after_job = job - 1, .state = -1, .documents = true};
    cr_assert_eq(ledger->ops->jobs(ledger, &query, &row, 1, &n), KT_OK);
    cr_assert(n == 1 && row.id.job == job && row.state == state);
    cr_assert(row.document && strstr(row.document, text), "%s", row.document ? row.document : "none");
    free(row.document);
}

CONFORMS(a_done_job_is_done_again_only_by_force_and_keeps_its_result_until_then)
{
    fixture_insert(ledger, 1);
    kt_lease_t  lease  = fixture_lease(ledger, "one");
    kt_run_id_t id     = fixture_claim(ledger, &lease).id;
    kt_result_t result = fixture_success(id);
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_EINVAL);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, id).how, KT_EINVAL);
    expect_document(ledger, id.job, KT_JOB_DONE, "title");
    kt_ask_t again = fixture_redo(ledger, id);
    cr_assert(again.how == KT_OK && again.id.run == 2);
    cr_assert_eq(fixture_redo(ledger, id).how, KT_OK, "the same request twice is one");
    expect_document(ledger, id.job, KT_JOB_QUEUED, "title");
    kt_run_id_t next = fixture_claim(ledger, &lease).id;
    expect_document(ledger, id.job, KT_JOB_CLAIMED, "title");
    kt_result_t failure = fixture_failure(next, KT_EFORMAT);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    expect_document(ledger, id.job, KT_JOB_FAILED, "false");
}

CONFORMS(asks_that_cannot_be_fulfilled_say_so)
{
    kt_run_id_t id = {fixture_insert(ledger, 1), 1};
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_EINVAL, "queued");
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, (kt_run_id_t){99, 0}).how, KT_ENOTFOUND);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, (kt_run_id_t){id.job, 7}).how, KT_EINVAL, "no such run");
    kt_result_t result = fixture_success(id);
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, id).how, KT_EINVAL, "done");
    cr_assert_eq(fixture_ask(ledger, KT_ASK_DRAIN, id).how, KT_EINVAL, "no name");
}

CONFORMS(a_cancelled_and_retried_job_is_claimed_once)
{
    kt_run_id_t ids[4], id = {fixture_insert(ledger, 1), 0};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, id).how, KT_OK);
        cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_OK);
    }
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 4, 0, ids), 1);
    cr_assert_eq(ids[0].run, 4);
}

CONFORMS(drained_nodes_are_listed_until_they_are_undrained)
{
    char     names[4][64];
    size_t   n       = 9;
    kt_ask_t asks[4] = {{.type = KT_ASK_DRAIN, .node_name = "b"},
                        {.type = KT_ASK_DRAIN, .node_name = "a"},
                        {.type = KT_ASK_DRAIN, .node_name = "b"},
                        {.type = KT_ASK_UNDRAIN, .node_name = "unknown"}};
    cr_assert_eq(ledger->ops->ask(ledger, asks, 4), KT_OK);
    cr_assert_eq(ledger->ops->drained(ledger, names, 4, &n), KT_OK);
    cr_assert_eq(n, 2);
    cr_assert_str_eq(names[0], "a");
    cr_assert_str_eq(names[1], "b");
    asks[0].type = KT_ASK_UNDRAIN;
    cr_assert_eq(ledger->ops->ask(ledger, asks, 1), KT_OK);
    cr_assert_eq(ledger->ops->drained(ledger, names, 4, &n), KT_OK);
    cr_assert(n == 1 && !strcmp(names[0], "a"));
}

static size_t
count_pages(kt_ledger_t *ledger, kt_job_query_t query, size_t page)
{
    kt_job_row_t rows[4];
    size_t       n, all = 0;
    do {
        cr_assert_eq(ledger->ops->jobs(ledger, &query, rows, page, &n), KT_OK);
        for (size_t i = 0; i < n; i++) {
            cr_assert_gt(rows[i].id.job, query.after_job);
            cr_assert(query.state < 0 || (int)rows[i].state == query.state);
            query.after_job = rows[i].id.job;
        }
        all += n;
    } while (n);
    return all;
}

CONFORMS(pages_of_jobs_hold_each_job_of_the_state_once)
{
    kt_run_id_t ids[20];
    for (uint64_t i = 1; i <= 20; i++)
        fixture_insert_of(ledger, i, (kt_priority_t)(i % 3), 0);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 13, 0, ids), 13);
    for (size_t i = 0; i < 4; i++) {
        kt_result_t success = fixture_success(ids[i]);
        cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    }
    for (size_t i = 4; i < 7; i++) {
        kt_result_t failure = fixture_failure(ids[i], KT_EFORMAT);
        cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    }
    for (size_t i = 7; i < 9; i++)
        cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, ids[i]).how, KT_OK);
    const size_t expected[] = {7, 4, 4, 3, 2};
    for (int state = 0; state < 5; state++) {
        cr_assert_eq(count_pages(ledger, (kt_job_query_t){.state = state}, 2), expected[state], "state %d", state);
        kt_job_query_t prefix = {.state = state, .path_prefix = "/music/"};
        cr_assert_eq(count_pages(ledger, prefix, 3), expected[state], "state %d and a prefix", state);
    }
    cr_assert_eq(count_pages(ledger, (kt_job_query_t){.state = -1}, 3), 20);
    cr_assert_eq(count_pages(ledger, (kt_job_query_t){.state = -1, .path_prefix = "/music/1"}, 3), 11);
    cr_assert_eq(count_pages(ledger, (kt_job_query_t){.state = -1, .message_id = "m7"}, 3), 1);
    cr_assert_eq(count_pages(ledger, (kt_job_query_t){.state = -1, .message_id = "m77"}, 3), 0);
}

CONFORMS(pages_of_jobs_go_down_too_and_know_node_error_and_time)
{
    kt_job_row_t rows[8];
    size_t       n = 0;
    for (uint64_t i = 1; i <= 6; i++)
        fixture_insert_of(ledger, i, (kt_priority_t)(i % 3), 1000);
    kt_lease_t  lease  = fixture_lease(ledger, "one");
    kt_result_t result = fixture_success(fixture_claim(ledger, &lease).id);
    result.node_name   = "gpu7";
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    uint64_t seen = 0;
    for (kt_job_query_t query = {.state = -1, .newest = true};;) {
        cr_assert_eq(ledger->ops->jobs(ledger, &query, rows, 2, &n), KT_OK);
        for (size_t i = 0; i < n; i++, seen++)
            cr_assert_eq(rows[i].id.job, 6 - seen);
        if (n == 0)
            break;
        query.after_job = rows[n - 1].id.job;
    }
    cr_assert_eq(seen, 6);
    const struct {
        kt_job_query_t query;
        size_t         n;
    } CASES[] = {{{.state = KT_JOB_QUEUED, .newest = true}, 5},
                 {{.state = KT_JOB_DONE, .newest = true}, 1},
                 {{.state = -1, .node = "gpu7", .newest = true}, 1},
                 {{.state = -1, .node = "gpu8"}, 0},
                 {{.state = -1, .err = KT_ENOFILE}, 0},
                 {{.state = -1, .err = KT_ECANCELLED}, 0},
                 {{.state = -1, .since_ms = 1, .newest = true}, 6},
                 {{.state = -1, .since_ms = INT64_MAX / 2}, 0},
                 {{.state = KT_JOB_QUEUED, .since_ms = 1}, 5}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        cr_assert_eq(ledger->ops->jobs(ledger, &CASES[i].query, rows, 8, &n), KT_OK, "case %zu", i);
        cr_assert_eq(n, CASES[i].n, "case %zu: %zu", i, n);
    }
}

CONFORMS(a_group_over_midnight_counts_each_day_for_itself)
{
    kt_result_t results[3];
    kt_stored_t how[3];
    kt_totals_t totals;
    for (uint64_t i = 1; i <= 3; i++) {
        results[i - 1]         = fixture_success((kt_run_id_t){fixture_insert(ledger, i), 1});
        results[i - 1].wall_ms = (int64_t)i / 2 * 86400000;
    }
    cr_assert_eq(ledger->ops->store(ledger, results, 3, how), KT_OK);
    cr_assert_eq(ledger->ops->totals(ledger, 100, &totals), KT_OK);
    cr_assert_eq(totals.done_today, 1);
    cr_assert_eq(ledger->ops->totals(ledger, 86400000, &totals), KT_OK);
    cr_assert_eq(totals.done_today, 2);
    cr_assert_eq(ledger->ops->totals(ledger, 86400000 * 5L, &totals), KT_OK);
    cr_assert_eq(totals.done_today, 0);
}

CONFORMS(an_empty_call_is_fine)
{
    kt_lease_t lease = fixture_lease(ledger, "one");
    size_t     n     = 5;
    cr_assert_eq(ledger->ops->insert_jobs(ledger, NULL, 0, NULL, NULL), KT_OK);
    cr_assert_eq(ledger->ops->claim(ledger, &lease, 0, 0, NULL, &n), KT_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(ledger->ops->store(ledger, NULL, 0, NULL), KT_OK);
    cr_assert_eq(ledger->ops->release(ledger, &lease, NULL, 0), KT_OK);
}

// Random calls on a model that only counts: whatever the calls, the numbers add up and the audit agrees.
CONFORMS(random_calls_keep_every_rule)
{
    srand(7);
    uint64_t   jobs  = 0;
    kt_lease_t lease = fixture_lease(ledger, "one");
    for (int step = 0; step < 600; step++) {
        kt_run_id_t ids[4], id = {jobs ? (uint64_t)rand() % jobs + 1 : 0, (uint32_t)(rand() % 3)};
        kt_result_t success = fixture_success(id), failure = fixture_failure(id, KT_EDECODER);
        switch (rand() % 8) {
        case 0:
        case 1: fixture_insert_of(ledger, ++jobs, (kt_priority_t)(rand() % 3), step); break;
        case 2: fixture_claim_n(ledger, &lease, 4, step * 10000, ids); break;
        case 3: fixture_store(ledger, &success); break;
        case 4: fixture_fail(ledger, &lease, &failure); break;
        case 5: fixture_ask(ledger, rand() % 2 ? KT_ASK_CANCEL : KT_ASK_RETRY, id); break;
        case 6: blame(ledger, &lease, id, (uint32_t)(rand() % 3), rand() % 2); break;
        default:
            if (rand() % 8 == 0)
                lease = fixture_lease(ledger, "one");
            else
                cr_assert_eq(ledger->ops->release(ledger, &lease, &id, 1), KT_OK);
        }
    }
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert_eq(totals.queued + totals.claimed + totals.done + totals.failed + totals.cancelled, jobs);
    cr_assert_gt(fixture_audit_clean(ledger), jobs);
}
