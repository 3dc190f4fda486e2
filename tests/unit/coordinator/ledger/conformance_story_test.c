// Conformance: the story of one job.
#include "coordinator/ledger/story.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 };

static size_t
story(kt_ledger_t *ledger, uint64_t job, kt_story_row_t *rows, size_t capacity)
{
    size_t n = 0;
    cr_assert_eq(ledger->ops->story(ledger, job, rows, capacity, &n), KT_OK);
    cr_assert_leq(n, capacity);
    return n;
}

static void
blame(kt_ledger_t *ledger, const kt_lease_t *lease, kt_run_id_t id, uint32_t attempt, kt_err_t err)
{
    kt_attempt_t row = {.id        = id,
                        .attempt   = attempt,
                        .err       = err,
                        .crash     = err == KT_ENODELOST,
                        .node_name = attempt % 2 ? "odd" : "even",
                        .wall_ms   = 1000 + attempt};
    cr_assert_eq(ledger->ops->blame(ledger, lease, &row, 1), KT_OK);
}

CONFORMS(a_waiting_job_was_accepted_and_no_more)
{
    kt_story_row_t rows[ROWS];
    fixture_insert(ledger, 1);
    fixture_insert_of(ledger, 2, KT_PRIORITY_NORMAL, 123456);
    cr_assert_eq(story(ledger, 2, rows, ROWS), 1);
    cr_assert_eq(rows[0].type, KT_STORY_ACCEPTED);
    cr_assert_eq(rows[0].at_ms, 123456);
}

CONFORMS(a_story_of_no_job_is_not_found)
{
    kt_story_row_t rows[ROWS];
    size_t         n = 7;
    cr_assert_eq(ledger->ops->story(ledger, 99, rows, ROWS, &n), KT_ENOTFOUND);
    cr_assert_eq(n, 7);
}

CONFORMS(a_claimed_job_names_its_coordinator_and_what_failed_before)
{
    kt_story_row_t rows[ROWS];
    fixture_insert(ledger, 1);
    kt_lease_t  lease = fixture_lease(ledger, "north");
    kt_run_id_t id    = fixture_claim(ledger, &lease).id;
    blame(ledger, &lease, id, 1, KT_EIO);
    blame(ledger, &lease, id, 2, KT_ENODELOST);
    blame(ledger, &lease, id, 2, KT_ENODELOST);  // reported twice
    cr_assert_eq(story(ledger, id.job, rows, ROWS), 4);
    cr_assert_eq(rows[1].type, KT_STORY_ATTEMPT);
    cr_assert(rows[1].attempt == 1 && rows[1].err == KT_EIO && !rows[1].crash && rows[1].at_ms == 1001);
    cr_assert_str_eq(rows[1].name, "odd");
    cr_assert(rows[2].attempt == 2 && rows[2].err == KT_ENODELOST && rows[2].crash);
    cr_assert_str_eq(rows[2].name, "even");
    cr_assert_eq(rows[3].type, KT_STORY_CLAIMED);
    cr_assert_str_eq(rows[3].name, "north");
}

CONFORMS(an_outcome_ends_the_story_and_a_retry_begins_another_run_of_it)
{
    kt_story_row_t rows[ROWS];
    fixture_insert(ledger, 1);
    kt_lease_t  lease   = fixture_lease(ledger, "north");
    kt_run_id_t id      = fixture_claim(ledger, &lease).id;
    kt_result_t failure = fixture_failure(id, KT_EFORMAT);
    failure.node_name   = "n1";
    failure.attempt     = 3;
    failure.wall_ms     = 5000;
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_OK);
    id                  = fixture_claim(ledger, &lease).id;
    kt_result_t success = fixture_success(id);
    success.wall_ms     = 4000;  // another machine's clock: the order is the runs'
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(story(ledger, id.job, rows, ROWS), 3);
    cr_assert(rows[1].type == KT_STORY_OUTCOME && rows[1].run == 1 && rows[1].err == KT_EFORMAT);
    cr_assert(rows[1].attempt == 3 && rows[1].at_ms == 5000);
    cr_assert_str_eq(rows[1].name, "n1");
    cr_assert(strstr(rows[1].detail, "the file"));
    cr_assert(rows[2].type == KT_STORY_OUTCOME && rows[2].run == 2 && rows[2].err == KT_OK);
}

CONFORMS(a_long_story_loses_its_beginning)
{
    kt_story_row_t rows[3];
    fixture_insert(ledger, 1);
    kt_lease_t  lease = fixture_lease(ledger, "north");
    kt_run_id_t id    = fixture_claim(ledger, &lease).id;
    for (uint32_t attempt = 1; attempt <= 9; attempt++)
        blame(ledger, &lease, id, attempt, KT_EIO);
    cr_assert_eq(story(ledger, id.job, rows, 3), 3);
    cr_assert(rows[0].attempt == 8 && rows[1].attempt == 9 && rows[2].type == KT_STORY_CLAIMED);
}

CONFORMS(a_message_that_waits_to_be_published_is_told_until_it_is_confirmed)
{
    kt_story_row_t rows[ROWS];
    ledger->publishes = true;
    fixture_insert(ledger, 1);
    kt_lease_t      lease   = fixture_lease(ledger, "north");
    kt_result_t     success = fixture_success(fixture_claim(ledger, &lease).id);
    kt_outbox_row_t reject[1];
    size_t          n = 0;
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(story(ledger, success.id.job, rows, ROWS), 3);
    cr_assert(rows[2].type == KT_STORY_PUBLISHED && rows[2].at_ms == 0);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, 0, 1, reject, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(ledger->ops->outbox_done(ledger, &reject[0].id, 1, 777), KT_OK);
    free(reject[0].bytes);
    cr_assert_eq(story(ledger, success.id.job, rows, ROWS), 3);
    cr_assert(rows[2].type == KT_STORY_PUBLISHED && rows[2].at_ms == 777);
}

static kt_run_id_t
add_failure(kt_ledger_t *ledger, const kt_lease_t *lease, int number, kt_err_t err, int64_t wall_ms)
{
    fixture_insert(ledger, number);
    kt_result_t failure = fixture_failure(fixture_claim(ledger, lease).id, err);
    failure.wall_ms     = wall_ms;
    cr_assert_eq(fixture_fail(ledger, lease, &failure), KT_STORED_NEW);
    return failure.id;
}

CONFORMS(failed_jobs_are_counted_by_their_code_the_most_frequent_first)
{
    kt_failure_row_t rows[4];
    size_t           n     = 9;
    kt_lease_t       lease = fixture_lease(ledger, "north");
    cr_assert_eq(ledger->ops->failures(ledger, 100, rows, 4, &n), KT_OK);
    cr_assert_eq(n, 0);
    add_failure(ledger, &lease, 1, KT_EFORMAT, 9000);
    add_failure(ledger, &lease, 2, KT_ENOFILE, 3000);
    add_failure(ledger, &lease, 3, KT_ENOFILE, 4000);
    kt_run_id_t again = add_failure(ledger, &lease, 4, KT_EFORMAT, 5000);
    add_failure(ledger, &lease, 5, KT_ENOFILE, 1000);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, again).how, KT_OK);  // it is queued: no failure now
    cr_assert_eq(ledger->ops->failures(ledger, 100, rows, 4, &n), KT_OK);
    cr_assert_eq(n, 2);
    cr_assert(rows[0].err == KT_ENOFILE && rows[0].jobs == 3 && rows[0].last_ms == 4000);
    cr_assert(rows[1].err == KT_EFORMAT && rows[1].jobs == 1 && rows[1].last_ms == 9000);
    cr_assert_eq(ledger->ops->failures(ledger, 2, rows, 4, &n), KT_OK);  // of the last two
    cr_assert(n == 1 && rows[0].err == KT_ENOFILE && rows[0].jobs == 2);
    cr_assert_eq(ledger->ops->failures(ledger, 100, rows, 1, &n), KT_OK);
    cr_assert_eq(n, 1);
}
