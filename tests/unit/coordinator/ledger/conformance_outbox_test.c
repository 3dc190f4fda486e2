// Conformance: the outbox.
#include "common/clock.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 };

static void
free_rows(kt_outbox_row_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kt_outbox_row_fini(&rows[i]);
}

// The numbers of what waits under the lease behind `after`.
static size_t
waiting(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t after, uint64_t ids[ROWS])
{
    kt_outbox_row_t rows[ROWS];
    size_t          n = 0;
    cr_assert_eq(ledger->ops->outbox_take(ledger, lease, after, ROWS, rows, &n), KT_OK);
    for (size_t i = 0; i < n; i++)
        ids[i] = rows[i].id;
    free_rows(rows, n);
    return n;
}

static size_t
count_waiting(kt_ledger_t *ledger, const kt_lease_t *lease)
{
    uint64_t ids[ROWS];
    return waiting(ledger, lease, 0, ids);
}

static kt_reject_t
a_reject(const char *message_id, const char *reply)
{
    return (kt_reject_t){.body        = "not\0JSON\xff",
                         .body_bytes  = 9,
                         .message_id  = message_id,
                         .err         = KT_EMESSAGE,
                         .reason      = "line 1: no value \xff",
                         .reply       = reply,
                         .reply_bytes = reply ? strlen(reply) : 0,
                         .wall_ms     = 5};
}

// A job that is done under the lease; its run.
static kt_run_id_t
finish_one(kt_ledger_t *ledger, const kt_lease_t *lease, uint64_t number)
{
    fixture_insert(ledger, number);
    kt_run_id_t id     = fixture_claim(ledger, lease).id;
    kt_result_t result = fixture_success(id);
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    return id;
}

CONFORMS(an_outcome_waits_in_the_outbox_with_the_bytes_that_were_stored)
{
    kt_outbox_row_t rows[ROWS];
    kt_run_id_t     ids[2];
    size_t          n = 0;
    ledger->publishes = true;
    fixture_insert(ledger, 1);
    fixture_insert(ledger, 2);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 2, 0, ids), 2);
    kt_result_t success = fixture_success(ids[0]), failure = fixture_failure(ids[1], KT_EFORMAT);
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(fixture_fail(ledger, &lease, &failure), KT_STORED_NEW);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, 0, ROWS, rows, &n), KT_OK);
    cr_assert_eq(n, 2);
    cr_assert(rows[0].kind == KT_OUTBOX_RESULT && rows[0].run.job == ids[0].job && rows[0].run.run == 1);
    cr_assert(rows[0].err == KT_OK && rows[1].err == KT_EFORMAT && rows[0].id < rows[1].id);
    cr_assert_str_eq(rows[0].message_id, "m1");
    cr_assert_eq(rows[0].n_bytes, success.document_bytes);
    cr_assert_eq(memcmp(rows[0].bytes, success.document, success.document_bytes), 0);
    cr_assert_eq(rows[1].n_bytes, failure.document_bytes);
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 2);
    free_rows(rows, n);
}

CONFORMS(where_nothing_is_published_no_outcome_waits)
{
    kt_lease_t lease = fixture_lease(ledger, "one");
    finish_one(ledger, &lease, 1);
    cr_assert_eq(count_waiting(ledger, &lease), 0);
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 0);
}

CONFORMS(a_second_result_of_a_run_is_not_published)
{
    ledger->publishes = true;
    kt_lease_t  lease = fixture_lease(ledger, "one");
    kt_result_t again = fixture_success(finish_one(ledger, &lease, 1));
    cr_assert_eq(fixture_store(ledger, &again), KT_STORED_ALREADY);
    cr_assert_eq(count_waiting(ledger, &lease), 1);
}

CONFORMS(each_run_of_a_retried_job_is_published)
{
    ledger->publishes = true;
    kt_lease_t lease  = fixture_lease(ledger, "one");
    fixture_insert(ledger, 1);
    kt_run_id_t id     = fixture_claim(ledger, &lease).id;
    kt_result_t failed = fixture_failure(id, KT_EFORMAT);
    cr_assert_eq(fixture_fail(ledger, &lease, &failed), KT_STORED_NEW);
    cr_assert_eq(fixture_ask(ledger, KT_ASK_RETRY, id).how, KT_OK);
    id                  = fixture_claim(ledger, &lease).id;
    kt_result_t success = fixture_success(id);
    cr_assert_eq(fixture_store(ledger, &success), KT_STORED_NEW);
    cr_assert_eq(count_waiting(ledger, &lease), 2);
}

CONFORMS(what_the_broker_confirmed_waits_no_longer_however_often_it_is_told)
{
    uint64_t ids[ROWS], strange[] = {0, 123456789, UINT64_MAX};
    ledger->publishes = true;
    kt_lease_t lease  = fixture_lease(ledger, "one");
    for (uint64_t i = 1; i <= 3; i++)
        finish_one(ledger, &lease, i);
    cr_assert_eq(waiting(ledger, &lease, 0, ids), 3);
    cr_assert_eq(ledger->ops->outbox_done(ledger, &ids[1], 1, 9), KT_OK);
    cr_assert_eq(ledger->ops->outbox_done(ledger, &ids[1], 1, 9), KT_OK);
    cr_assert_eq(ledger->ops->outbox_done(ledger, strange, 3, 9), KT_OK);
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 2);
    uint64_t left[ROWS];
    cr_assert_eq(waiting(ledger, &lease, 0, left), 2);
    cr_assert(left[0] == ids[0] && left[1] == ids[2]);
    cr_assert_eq(ledger->ops->outbox_done(ledger, ids, 3, 9), KT_OK);
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 0);
}

CONFORMS(a_page_of_the_outbox_starts_behind_its_mark_and_is_no_longer_than_wanted)
{
    uint64_t        ids[ROWS];
    kt_outbox_row_t rows[ROWS];
    size_t          n = 0;
    ledger->publishes = true;
    kt_lease_t lease  = fixture_lease(ledger, "one");
    for (uint64_t i = 1; i <= 5; i++)
        finish_one(ledger, &lease, i);
    cr_assert_eq(waiting(ledger, &lease, 0, ids), 5);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, ids[1], 2, rows, &n), KT_OK);
    cr_assert(n == 2 && rows[0].id == ids[2] && rows[1].id == ids[3]);
    free_rows(rows, n);
    cr_assert_eq(waiting(ledger, &lease, ids[4], ids), 0);
    cr_assert_eq(waiting(ledger, &lease, UINT64_MAX, ids), 0);
}

CONFORMS(a_page_holds_a_bounded_number_of_bytes_but_always_one_message)
{
    enum { BIG = 5 << 20 };
    kt_outbox_row_t rows[ROWS];
    size_t          n    = 0;
    char           *text = malloc(BIG);
    cr_assert_not_null(text);
    memset(text, 'x', BIG);
    kt_lease_t  lease  = fixture_lease(ledger, "one");
    kt_reject_t reject = {.body = text, .body_bytes = BIG, .message_id = "", .err = KT_EMESSAGE, .reason = ""};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(ledger->ops->outbox_put(ledger, &reject, 1), KT_OK);
    uint64_t after = 0;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, after, ROWS, rows, &n), KT_OK);
        cr_assert_eq(n, 1, "two of 5 MiB are more than 8");
        cr_assert_eq(rows[0].n_bytes, BIG);
        after = rows[0].id;
        free_rows(rows, n);
    }
    free(text);
}

CONFORMS(a_letter_waits_byte_for_byte_and_its_reply_beside_it)
{
    kt_outbox_row_t rows[ROWS];
    size_t          n     = 0;
    kt_lease_t      lease = fixture_lease(ledger, "one");
    kt_reject_t     two[] = {a_reject("m7", "{\"success\":false}"), a_reject("", NULL)};
    cr_assert_eq(ledger->ops->outbox_put(ledger, two, 2), KT_OK);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, 0, ROWS, rows, &n), KT_OK);
    cr_assert_eq(n, 3);
    cr_assert(rows[0].kind == KT_OUTBOX_DEAD && rows[1].kind == KT_OUTBOX_REPLY && rows[2].kind == KT_OUTBOX_DEAD);
    cr_assert(rows[0].n_bytes == 9 && memcmp(rows[0].bytes, "not\0JSON\xff", 9) == 0);
    cr_assert_str_eq(rows[0].message_id, "m7");
    cr_assert_str_eq(rows[1].bytes, "{\"success\":false}");
    cr_assert(rows[1].err == KT_EMESSAGE && strncmp(rows[1].reason, "line 1: no value", 16) == 0);
    cr_assert_str_eq(rows[2].message_id, "");
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 3);
    uint64_t id = rows[1].id;
    cr_assert_eq(ledger->ops->outbox_done(ledger, &id, 1, 9), KT_OK);
    cr_assert_eq(count_waiting(ledger, &lease), 2);
    free_rows(rows, n);
}

CONFORMS(the_next_lease_of_a_name_takes_over_what_waits)
{
    kt_outbox_row_t row;
    size_t          n;
    ledger->publishes  = true;
    kt_lease_t  old    = fixture_lease(ledger, "one");
    kt_reject_t reject = a_reject("m9", NULL);
    finish_one(ledger, &old, 1);
    cr_assert_eq(ledger->ops->outbox_put(ledger, &reject, 1), KT_OK);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(ledger->ops->outbox_take(ledger, &old, 0, 1, &row, &n), KT_EFENCED);
    cr_assert_eq(count_waiting(ledger, &lease), 2);
}

CONFORMS(what_a_dead_name_left_goes_to_the_one_that_renews)
{
    kt_lease_t brief;
    ledger->publishes = true;
    kt_lease_t steady = fixture_lease(ledger, "steady");
    cr_assert_eq(ledger->ops->lease_open(ledger, "brief", 1, &brief), KT_OK);
    finish_one(ledger, &steady, 1);  // written under the lease that this ledger opened last
    for (int64_t end_ms = kt_clock_wall_ms() + 5; kt_clock_wall_ms() < end_ms;)
        ;
    cr_assert_eq(ledger->ops->lease_renew(ledger, &steady), KT_OK);
    cr_assert_eq(count_waiting(ledger, &steady), 1);
}

CONFORMS(properties_go_with_a_reject_and_with_the_outcome_of_their_job)
{
    static const char properties[] = "\x10\x00\0\xff of the broker";
    kt_outbox_row_t   rows[ROWS];
    kt_job_t          job;
    kt_new_job_t      row;
    kt_inserted_t     how;
    uint64_t          id;
    size_t            n = 0;
    ledger->publishes   = true;
    kt_lease_t lease    = fixture_lease(ledger, "one");
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job, &row);
    row.properties       = properties;
    row.properties_bytes = sizeof properties;
    cr_assert_eq(ledger->ops->insert_jobs(ledger, &row, 1, &how, &id), KT_OK);
    kt_result_t result = fixture_success(fixture_claim(ledger, &lease).id);
    cr_assert_eq(fixture_store(ledger, &result), KT_STORED_NEW);
    kt_reject_t reject      = a_reject("m7", "{}");
    reject.properties       = properties;
    reject.properties_bytes = sizeof properties;
    cr_assert_eq(ledger->ops->outbox_put(ledger, &reject, 1), KT_OK);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, 0, ROWS, rows, &n), KT_OK);
    cr_assert_eq(n, 3);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(rows[i].n_properties, sizeof properties);
        cr_assert_eq(memcmp(rows[i].properties, properties, sizeof properties), 0);
    }
    cr_assert_eq(rows[1].created_ms, 5);
    free_rows(rows, n);
}

CONFORMS(the_answer_of_a_finished_job_is_published_again_when_it_is_asked_for)
{
    char            other[] = "to another";
    kt_outbox_row_t rows[ROWS];
    size_t          n = 0;
    ledger->publishes = true;
    kt_lease_t  lease = fixture_lease(ledger, "one");
    kt_run_id_t id    = finish_one(ledger, &lease, 1);
    uint64_t    ids[ROWS], job = id.job;
    kt_replay_t replay = {.job = job, .properties = other, .properties_bytes = 10};
    cr_assert_eq(ledger->ops->outbox_replay(ledger, &replay), KT_OK);
    cr_assert(!replay.found, "it waits already");
    cr_assert_eq(waiting(ledger, &lease, 0, ids), 1);
    cr_assert_eq(ledger->ops->outbox_done(ledger, ids, 1, 9), KT_OK);
    cr_assert_eq(ledger->ops->outbox_replay(ledger, &replay), KT_OK);
    cr_assert(replay.found);
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 1);
    cr_assert_eq(ledger->ops->outbox_take(ledger, &lease, ids[0], ROWS, rows, &n), KT_OK);
    cr_assert_eq(n, 1, "behind what the publisher has read");
    cr_assert(rows[0].n_properties == 10 && !memcmp(rows[0].properties, "to another", 10));
    cr_assert_gt(rows[0].n_bytes, 0);
    free_rows(rows, n);

    kt_replay_t unknown = {.job = 99}, open = {.job = job + 1};
    fixture_insert(ledger, 2);
    cr_assert_eq(ledger->ops->outbox_replay(ledger, &unknown), KT_OK);
    cr_assert_eq(ledger->ops->outbox_replay(ledger, &open), KT_OK);
    cr_assert(!unknown.found && !open.found, "what has not ended has no answer yet");
    cr_assert_eq(fixture_totals(ledger).outbox_waiting, 1);
}
