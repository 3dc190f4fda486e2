#include "uplink_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(send, .init = uplink_setup, .fini = uplink_teardown);

static bool
is_text(kt_bytes_t bytes, const char *text)
{
    return bytes.n == strlen(text) && memcmp(bytes.at, text, bytes.n) == 0;
}

Test(send, hello_identifies_the_node)
{
    kt_send_hello(fixture.uplink, 1);
    const kt_msg_hello_t *hello = &uplink_last(1, KT_MSG_HELLO)->hello;
    cr_assert(is_text(hello->name, "n"));
    cr_assert(is_text(hello->host, "h"));
    cr_assert(is_text(hello->version, KT_VERSION));
    cr_assert_eq(hello->incarnation, 7);
    cr_assert_eq(hello->slots, UPLINK_THREADS);
    cr_assert_eq(hello->wire, KT_WIRE_VERSION);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 0);
}

Test(send, only_coordinators_that_have_welcomed_us_get_anything_else)
{
    uplink_welcome(1);
    uplink_clear_sent();
    kt_send_live(fixture.uplink);
    kt_send_beats(fixture.uplink);
    kt_send_hellos(fixture.uplink);
    kt_send_bye(fixture.uplink, "drained");
    cr_assert_eq(uplink_last(1, KT_MSG_LIVE)->live.workers.n, UPLINK_THREADS);
    cr_assert_eq(uplink_count(1, KT_MSG_BEAT), 1);
    cr_assert_eq(uplink_count(1, KT_MSG_HELLO), 1);
    cr_assert(is_text(uplink_last(1, KT_MSG_BYE)->bye.reason, "drained"));
    for (int type = KT_MSG_HELLO; type <= KT_MSG_BYE; type++)
        cr_assert_eq(uplink_count(0, (kt_msg_type_t)type), 0);
}

Test(send, a_beat_lists_each_task_by_its_stage)
{
    uplink_welcome(0);
    for (uint64_t job = 1; job <= 3; job++)
        uplink_batch(0, job, 2);
    uplink_finish(uplink_take(), "{}");
    uplink_start(uplink_take());
    kt_send_beats(fixture.uplink);
    const kt_msg_beat_t *beat = &uplink_last(0, KT_MSG_BEAT)->beat;
    cr_assert_eq(beat->kept.n, 1);
    cr_assert_eq(beat->kept.at[0].job, 1);
    cr_assert_eq(beat->held.n, 2);
    cr_assert(beat->held.at[0].job == 2 && beat->held.at[0].stage == 1 && beat->held.at[0].attempt == 2);
    cr_assert(beat->held.at[1].job == 3 && beat->held.at[1].stage == 0);
    cr_assert_eq(beat->seen_batch, 3);
    cr_assert_gt(beat->memory_mb, 0);
    cr_assert_not(beat->leaving);
}

Test(send, each_coordinator_is_sent_its_own_tasks_and_numbers)
{
    uplink_welcome(0);
    uplink_welcome(1);
    kt_send_beats(fixture.uplink);
    uplink_batch(0, 4, 1);
    kt_send_beats(fixture.uplink);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.held.n, 1);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.seen_batch, 4);
    cr_assert_eq(uplink_last(1, KT_MSG_BEAT)->beat.held.n, 0);
    cr_assert_eq(uplink_last(1, KT_MSG_BEAT)->beat.seen_batch, 0);
}

Test(send, a_draining_node_reports_it_and_requests_nothing)
{
    uplink_welcome(0);
    kt_uplink_drain(fixture.uplink);
    cr_assert(uplink_last(0, KT_MSG_BEAT)->beat.leaving);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
}

Test(send, a_start_is_reported_to_the_coordinator_that_gave_the_task)
{
    uplink_welcome(0);
    uplink_welcome(1);
    uplink_batch(0, 4, 6);
    uplink_start(uplink_take());
    const kt_msg_started_t *started = &uplink_last(0, KT_MSG_STARTED)->started;
    cr_assert_eq(started->items.n, 1);
    cr_assert(started->items.at[0].job == 4 && started->items.at[0].attempt == 6);
    cr_assert_eq(uplink_count(1, KT_MSG_STARTED), 0);
}

Test(send, what_starts_and_ends_in_one_turn_is_only_a_result)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    kt_task_t       *task  = uplink_take();
    kt_task_event_t *event = &task->started;
    cr_assert_eq(kt_queue_push(fixture.work.events, &event), KT_OK);
    uplink_finish(task, "{}");
    cr_assert_eq(uplink_count(0, KT_MSG_STARTED), 0);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 1);
}

// Finishes n tasks in one turn.
static void
finish_many(size_t n, const char *document)
{
    kt_wire_work_t *works = calloc(n, sizeof *works);
    kt_msg_t        batch = {.type = KT_MSG_BATCH, .batch = {.number = 1, .items = {works, n}}};
    for (size_t i = 0; i < n; i++)
        works[i] = (kt_wire_work_t){.job = i + 1, .run = 1, .attempt = 1, .body = kt_bytes_of("{}")};
    uplink_receive(0, &batch);
    free(works);
    cr_assert_eq(fixture.work.tasks.n, n);
    kt_task_t *last = NULL;
    for (kt_task_t *task; (task = uplink_take()); last = task) {
        kt_task_event_t *event       = &task->finished;
        task->outcome.document       = strdup(document);
        task->outcome.document_bytes = strlen(document);
        task->outcome.n_stages       = task->job % 3;
        task->outcome.processing_us  = 1;
        for (size_t i = 0; i < task->outcome.n_stages; i++) {
            snprintf(task->outcome.stages[i].name, sizeof task->outcome.stages[i].name, "s%zu", i);
            task->outcome.stages[i].us = (int64_t)(100 * task->job + i);
        }
        cr_assert_eq(kt_queue_push(fixture.work.events, &event), KT_OK);
    }
    cr_assert_not_null(last);
    kt_uplink_events(fixture.uplink, 1);
    kt_send_flush(fixture.uplink);
}

// The credit of a node whose files take a microsecond each: slots and the four batches ahead.
static void
raise_credit(void)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&fixture.settings, "ANALYZER_BATCH_SIZE", "200", why), KT_OK);
    fixture.work.mean_us = 1;
    uplink_welcome(0);
    cr_assert_gt(uplink_last(0, KT_MSG_BEAT)->beat.free, 600);
    uplink_clear_sent();
}

Test(send, outcomes_leave_in_few_frames_each_with_its_stages)
{
    uint64_t seen = 0;
    raise_credit();
    finish_many(600, "{}");
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 3);  // 256, 256, 88
    const kt_msg_result_t *result = &uplink_last(0, KT_MSG_RESULT)->result;
    cr_assert_eq(result->items.n, 88);
    for (size_t i = 0; i < result->items.n; i++) {
        const kt_wire_outcome_t *item = &result->items.at[i];
        cr_assert_eq(item->stages.n, item->job % 3);
        for (size_t k = 0; k < item->stages.n; k++)
            cr_assert_eq(item->stages.at[k].us, 100 * item->job + k);
        seen += item->stages.n;
    }
    cr_assert_gt(seen, 0);
}

Test(send, large_documents_are_spread_over_frames)
{
    char *document = malloc(100001);
    memset(document, ' ', 100000);
    document[100000] = '\0';
    raise_credit();
    finish_many(5, document);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 3);  // two per frame of 256 KiB
    free(document);
}

Test(send, an_outcome_without_a_document_is_not_sent)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    kt_task_t *task = uplink_take();
    uplink_finish(task, NULL);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
}

Test(send, an_outcome_is_sent_again_until_it_is_acknowledged)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    fixture.send_err = KT_EUNREACHABLE;
    uplink_finish(uplink_take(), "{\"a\":1}");
    fixture.send_err = KT_OK;
    uplink_clear_sent();
    kt_send_again(fixture.uplink, fixture.work.tasks.first->sent_ms);  // sent at that moment, so not before
    kt_send_flush(fixture.uplink);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
    kt_send_again(fixture.uplink, fixture.work.tasks.first->sent_ms + 1);
    kt_send_flush(fixture.uplink);
    cr_assert(is_text(uplink_last(0, KT_MSG_RESULT)->result.items.at[0].document, "{\"a\":1}"));
    uplink_ack(0, 4);
    uplink_clear_sent();
    kt_send_again(fixture.uplink, INT64_MAX);
    kt_send_flush(fixture.uplink);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
}
