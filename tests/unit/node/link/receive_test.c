#include "uplink_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(receive, .init = uplink_setup, .fini = uplink_teardown);
TestSuite(receive_first, .init = uplink_setup_new, .fini = uplink_teardown);

static void
welcome_with(const char *name, const char *value)
{
    kt_wire_setting_t setting = {kt_bytes_of(name), kt_bytes_of(value)};
    kt_msg_t          msg     = {.type = KT_MSG_WELCOME, .welcome = {.wire = 1, .settings = {&setting, 1}}};
    uplink_receive(0, &msg);
}

Test(receive_first, work_before_the_first_welcome_is_dropped)
{
    uplink_batch(0, 1, 1);
    cr_assert_eq(fixture.work.tasks.n, 0);
}

Test(receive_first, the_shared_settings_of_a_welcome_replace_the_node_s_own)
{
    welcome_with("ANALYZER_N_MFCC", "20");
    cr_assert_eq(fixture.settings.n_mfcc, 20);
    cr_assert_eq(fixture.settings.workers, UPLINK_THREADS);
    cr_assert_not_null(fixture.work.threads);
    cr_assert_eq(fixture.unable, KT_OK);
    cr_assert(uplink_last(0, KT_MSG_BEAT)->beat.free > 0);
}

Test(receive_first, a_shared_choice_replaces_the_node_s_own)
{
    cr_assert_str_eq(fixture.settings.video_mode, "full");
    welcome_with("ANALYZER_VIDEO_MODE", "keyframes");
    cr_assert_str_eq(fixture.settings.video_mode, "keyframes");
    cr_assert_eq(fixture.unable, KT_OK);
}

Test(receive_first, a_setting_that_is_not_shared_is_ignored)
{
    welcome_with("ANALYZER_MEDIA_ROOTS", "/");
    cr_assert_str_eq(fixture.settings.media_roots, "");
    cr_assert_eq(fixture.unable, KT_OK);
}

Test(receive_first, a_shared_setting_out_of_range_ends_the_node)
{
    welcome_with("ANALYZER_N_FFT", "3");
    cr_assert_eq(fixture.unable, KT_ESETTING);
    cr_assert_null(fixture.work.threads);
    cr_assert_neq(fixture.settings.n_fft, 3);
}

Test(receive_first, a_wire_version_that_is_not_supported_is_no_welcome)
{
    kt_msg_t msg = {.type = KT_MSG_WELCOME, .welcome = {.wire = KT_WIRE_VERSION + 1}};
    uplink_receive(0, &msg);
    cr_assert_not(kt_uplink_is_welcome(fixture.uplink));
}

Test(receive, the_same_shared_settings_again_are_fine_and_others_end_the_node)
{
    welcome_with("ANALYZER_N_MFCC", "13");
    cr_assert_eq(fixture.unable, KT_OK);
    welcome_with("ANALYZER_N_MFCC", "20");
    cr_assert_eq(fixture.unable, KT_ESETTING);
    cr_assert_eq(fixture.settings.n_mfcc, 13);
}

Test(receive, work_beyond_the_credit_is_dropped)
{
    uplink_welcome(0);
    uint64_t credit = uplink_last(0, KT_MSG_BEAT)->beat.free;
    for (uint64_t job = 1; job <= credit + 3; job++)
        uplink_batch(0, job, 1);
    cr_assert_eq(fixture.work.tasks.n, credit);
    kt_send_beats(fixture.uplink);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.held.n, credit);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
}

static bool
is_credential(kt_bytes_t credential, const char *text)
{
    return credential.n == strlen(text) && memcmp(credential.at, text, credential.n) == 0;
}

Test(receive, work_that_comes_again_takes_the_newer_attempt)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_batch(0, 4, 3);
    uplink_batch(0, 4, 2);  // late
    cr_assert_eq(fixture.work.tasks.n, 1);
    cr_assert_eq(fixture.work.tasks.first->attempt, 3);
    kt_send_beats(fixture.uplink);
    cr_assert(is_credential(uplink_last(0, KT_MSG_BEAT)->beat.held.at[0].credential, "attempt-3"));
}

Test(receive, work_that_is_finished_keeps_its_attempt_and_is_sent_again)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_finish(uplink_take(), "{}");
    uplink_clear_sent();
    uplink_batch(0, 4, 2);
    cr_assert_eq(uplink_last(0, KT_MSG_RESULT)->result.items.n, 1);
    cr_assert_eq(uplink_last(0, KT_MSG_RESULT)->result.items.at[0].attempt, 1);
    cr_assert(is_credential(uplink_last(0, KT_MSG_RESULT)->result.items.at[0].credential, "attempt-1"));
    cr_assert_null(uplink_take());
}

Test(receive, an_acknowledged_outcome_is_removed)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_finish(uplink_take(), "{}");
    uplink_ack(0, 4);
    uplink_ack(0, 4);  // twice
    cr_assert_eq(fixture.work.tasks.n, 0);
}

Test(receive, an_ack_of_work_that_goes_on_stops_it)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    kt_task_t *task = uplink_take();
    uplink_start(task);
    uplink_ack(0, 4);
    cr_assert(task->cancelled);
    cr_assert_eq(kt_work_in_flight(&fixture.work), 1);
    uplink_clear_sent();
    uplink_finish(task, "{}");
    cr_assert_eq(kt_work_in_flight(&fixture.work), 0);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
}

Test(receive, a_cancel_by_the_coordinator_that_gave_the_task_removes_it)
{
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_cancel(0, 4);
    kt_send_beats(fixture.uplink);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.held.n, 0);
    cr_assert_eq(fixture.work.n_detached, 1);
}

Test(receive, a_cancel_by_another_one_is_an_outcome_for_the_coordinator_that_gave_the_task)
{
    uplink_welcome(0);
    uplink_welcome(1);
    uplink_batch(0, 4, 1);
    uplink_cancel(1, 4);
    kt_task_t *task = uplink_take();
    cr_assert(task->cancelled);
    cr_assert_not(task->detached);
    uplink_finish(task, NULL);
    cr_assert_eq(uplink_last(0, KT_MSG_RESULT)->result.items.at[0].err, KT_ECANCELLED);
    cr_assert_eq(uplink_count(1, KT_MSG_RESULT), 0);
}

Test(receive, a_refused_outcome_becomes_a_failure_of_that_code)
{
    kt_wire_refusal_t refusals[] = {{4, 1, KT_EDOCUMENT}, {5, 1, KT_EDOCUMENT}};  // the second is not here
    kt_msg_t          nack       = {.type = KT_MSG_NACK, .nack = {.items = {refusals, 2}}};
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_finish(uplink_take(), "{}");
    uplink_clear_sent();
    uplink_receive(0, &nack);
    cr_assert_eq(uplink_last(0, KT_MSG_RESULT)->result.items.n, 1);
    cr_assert_eq(uplink_last(0, KT_MSG_RESULT)->result.items.at[0].err, KT_EDOCUMENT);
}

Test(receive, a_refusal_of_work_that_is_not_finished_is_ignored)
{
    kt_wire_refusal_t refusal = {4, 1, KT_EDOCUMENT};
    kt_msg_t          nack    = {.type = KT_MSG_NACK, .nack = {.items = {&refusal, 1}}};
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_receive(0, &nack);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
    cr_assert_null(fixture.work.tasks.first->outcome.document);
}

Test(receive, a_drain_ends_with_the_next_welcome_unless_it_is_sent_again)
{
    kt_msg_t drain = {.type = KT_MSG_DRAIN, .drain = {.on = true}};
    uplink_welcome(0);
    uplink_receive(0, &drain);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
    uplink_welcome(0);  // undrained while this node was away
    cr_assert_gt(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
}

Test(receive, a_drained_node_offers_its_credit_to_the_other_coordinator)
{
    kt_msg_t drain = {.type = KT_MSG_DRAIN, .drain = {.on = true}};
    uplink_welcome(0);
    uint64_t all = uplink_last(0, KT_MSG_BEAT)->beat.free;
    uplink_welcome(1);
    uplink_receive(0, &drain);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
    cr_assert_eq(uplink_last(1, KT_MSG_BEAT)->beat.free, all);
    drain.drain.on = false;
    uplink_receive(0, &drain);
    uint64_t first = uplink_last(0, KT_MSG_BEAT)->beat.free;
    cr_assert_gt(first, 0);
    cr_assert_eq(first + uplink_last(1, KT_MSG_BEAT)->beat.free, all);
}

Test(receive, a_refused_node_sends_no_hello_for_a_while_and_its_outcomes_to_the_other)
{
    kt_msg_t refuse = {.type = KT_MSG_REFUSE, .refuse = {.err = KT_EAUTH, .text = kt_bytes_of("not allowed")}};
    kt_msg_t who    = {.type = KT_MSG_WHO, .who = {.wire = 1}};
    uplink_welcome(0);
    uplink_welcome(1);
    uplink_batch(0, 4, 1);
    uplink_receive(0, &refuse);
    uplink_clear_sent();
    uplink_receive(0, &who);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 0);
    uplink_finish(uplink_take(), "{}");
    cr_assert_eq(uplink_last(1, KT_MSG_RESULT)->result.items.at[0].job, 4);
    cr_assert_eq(uplink_count(0, KT_MSG_RESULT), 0);
}

Test(receive, who_is_answered_with_hello_and_ends_the_welcome)
{
    kt_msg_t who = {.type = KT_MSG_WHO, .who = {.wire = 1}};
    uplink_welcome(0);
    uplink_receive(0, &who);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 1);
    cr_assert_not(kt_uplink_is_welcome(fixture.uplink));
}

Test(receive, an_exclusive_task_waits_for_the_others_and_closes_the_node_to_more)
{
    kt_wire_work_t work  = {.job = 9, .run = 1, .attempt = 1, .body = kt_bytes_of("{}"), .exclusive = true};
    kt_msg_t       batch = {.type = KT_MSG_BATCH, .batch = {.number = 2, .items = {&work, 1}}};
    uplink_welcome(0);
    uplink_batch(0, 4, 1);
    uplink_receive(0, &batch);
    uplink_batch(0, 5, 1);
    kt_task_t *first = uplink_take();
    cr_assert_eq(first->job, 4);
    cr_assert_null(uplink_take());
    kt_send_beats(fixture.uplink);
    cr_assert_eq(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
    uplink_finish(first, "{}");
    kt_task_t *second = uplink_take();
    cr_assert_eq(second->job, 9);
    uplink_finish(second, "{}");
    kt_send_beats(fixture.uplink);
    cr_assert_gt(uplink_last(0, KT_MSG_BEAT)->beat.free, 0);
}

Test(receive, a_stopped_node_takes_nothing)
{
    uplink_welcome(0);
    kt_uplink_stop(fixture.uplink);
    uplink_batch(0, 4, 1);
    cr_assert_eq(fixture.work.tasks.n, 0);
}

Test(receive, bytes_that_are_no_message_and_messages_of_the_other_direction_change_nothing)
{
    kt_msg_t bye = {.type = KT_MSG_BYE};
    char     bytes[200];
    uplink_welcome(0);
    uplink_clear_sent();
    for (unsigned length = 1; length < sizeof bytes; length += 9) {
        memset(bytes, (int)(length * 37), sizeof bytes);
        kt_uplink_receive(fixture.uplink, 0, bytes, length);
    }
    uplink_receive(0, &bye);
    cr_assert_eq(fixture.work.tasks.n, 0);
    cr_assert(kt_uplink_is_welcome(fixture.uplink));
}
