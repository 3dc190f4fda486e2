// Conformance: what is left of a job after its time.
#include "common/clock.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdlib.h>

static size_t
retain(kt_ledger_t *ledger, int64_t before_ms, size_t want)
{
    size_t n = 99;
    cr_assert_eq(ledger->ops->retain(ledger, before_ms, want, &n), KT_OK);
    return n;
}

static kt_run_id_t
done_at(kt_ledger_t *ledger, uint64_t number, int64_t wall_ms)
{
    kt_run_id_t id     = {fixture_insert(ledger, number), 1};
    kt_result_t result = fixture_success(id);
    result.wall_ms     = wall_ms;
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    return id;
}

static bool
has_document(kt_ledger_t *ledger, uint64_t job)
{
    kt_job_row_t   row;
    size_t         n     = 0;
    kt_job_query_t query = {.after_job = job - 1, .state = -1, .documents = true};
    cr_assert_eq(ledger->ops->jobs(ledger, &query, &row, 1, &n), KT_OK);
    cr_assert(n == 1 && row.id.job == job);
    bool has = row.document != NULL;
    free(row.document);
    return has;
}

CONFORMS(what_ended_before_that_time_loses_its_document_and_nothing_else)
{
    kt_run_id_t old = done_at(ledger, 1, 1000), fresh = done_at(ledger, 2, 2000);
    fixture_insert(ledger, 3);
    cr_assert_eq(retain(ledger, 1000, 10), 0, "ended at, not before");
    cr_assert_eq(retain(ledger, 1001, 10), 1);
    cr_assert_eq(retain(ledger, 1001, 10), 0);
    cr_assert(!has_document(ledger, old.job) && has_document(ledger, fresh.job));
    kt_totals_t totals = fixture_totals(ledger);
    cr_assert(totals.done == 2 && totals.queued == 1 && totals.processing_us_total == 500);
    kt_job_row_t row = fixture_row(ledger, old.job);
    cr_assert(row.state == KT_JOB_DONE && row.stored_wall_ms == 1000);
    cr_assert_str_eq(row.message_id, "m1");
}

CONFORMS(its_message_stays_known)
{
    kt_job_t      job;
    kt_new_job_t  message;
    kt_inserted_t how;
    uint64_t      id;
    done_at(ledger, 1, 1000);
    cr_assert_eq(retain(ledger, 5000, 10), 1);
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job, &message);
    cr_assert_eq(ledger->ops->insert_jobs(ledger, &message, 1, &how, &id), KT_OK);
    cr_assert_eq(how, KT_INSERTED_KNOWN);
    job.body_digest.bytes[0]++;
    cr_assert_eq(ledger->ops->insert_jobs(ledger, &message, 1, &how, &id), KT_OK);
    cr_assert_eq(how, KT_INSERTED_CLASH);
}

CONFORMS(a_job_without_its_message_is_not_tried_again)
{
    kt_run_id_t id = done_at(ledger, 1, 1000);
    cr_assert_eq(retain(ledger, 5000, 10), 1);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_EINVAL);
    cr_assert_eq(fixture_totals(ledger).queued, 0);
}

CONFORMS(retention_takes_the_oldest_first_and_no_more_than_it_is_asked_for)
{
    kt_run_id_t ids[4];
    for (uint64_t i = 0; i < 4; i++)
        ids[i] = done_at(ledger, i + 1, 1000 + (int64_t)i);
    cr_assert_eq(retain(ledger, 5000, 3), 3);
    cr_assert(!has_document(ledger, ids[2].job) && has_document(ledger, ids[3].job));
    cr_assert_eq(retain(ledger, 5000, 3), 1);
    cr_assert_eq(retain(ledger, 5000, 0), 0);
}

CONFORMS(what_waits_to_be_published_is_kept)
{
    kt_outbox_row_t row;
    size_t          n = 0;
    ledger->publishes = true;
    kt_lease_t lease  = fixture_lease(ledger, "one");
    done_at(ledger, 1, 1000);
    cr_assert_eq(retain(ledger, 5000, 10), 0);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, 0, 1, &row, &n), KT_OK);
    cr_assert_eq(n, 1);
    free(row.bytes);
    cr_assert_eq(ledger->ops->outbox_done(ledger, &row.id, 1, 3000), KT_OK);
    cr_assert_eq(retain(ledger, 5000, 10), 1);
}

CONFORMS(a_job_that_was_tried_again_is_kept_until_it_ends)
{
    kt_run_id_t id = done_at(ledger, 1, 1000);
    cr_assert_eq(fixture_redo(ledger, id).how, KT_OK);
    cr_assert_eq(retain(ledger, 5000, 10), 0);
    kt_result_t result = fixture_success((kt_run_id_t){id.job, 2});
    result.wall_ms     = 2000;
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    cr_assert_eq(retain(ledger, 2000, 10), 0);
    cr_assert_eq(retain(ledger, 2001, 10), 1);
}

CONFORMS(a_cancelled_job_has_its_time_too)
{
    int64_t     now_ms = kt_clock_wall_ms();
    kt_run_id_t id     = {fixture_insert(ledger, 1), 1};
    cr_assert_eq(fixture_ask(ledger, KT_ASK_CANCEL, id).how, KT_OK);
    cr_assert_eq(retain(ledger, now_ms - 60000, 10), 0);
    cr_assert_eq(retain(ledger, now_ms + 60000, 10), 1);
}
