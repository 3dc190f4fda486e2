// Failures that may be of the node: final once a node of another name agrees; a name that stands out is drained.
#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>

enum { C = 9 };

TestSuite(sched_verdict, .init = open_sched, .fini = close_sched);

static void
two_nodes(uint32_t room_a, uint32_t room_b)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 2);
    sched_beat(A, 0, room_a, NULL, 0);
    sched_beat(B, 0, room_b, NULL, 0);
}

// Where the last step has sent that job; 0: nowhere.
static kt_node_handle_t
sent_to(uint64_t number, uint32_t *attempt)
{
    for (size_t i = 0; i < sched_out.n; i++) {
        const kt_action_t *action = &sched_out.at[i];
        for (size_t j = 0; action->type == KT_ACT_SEND && j < action->count; j++) {
            const kt_sent_t *sent = &sched_out.jobs[action->first_job + j];
            if (sent->id.job == number) {
                *attempt = sent->attempt;
                return action->node;
            }
        }
    }
    return 0;
}

Test(sched_verdict, with_a_single_node_it_is_final_at_once)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ENOFILE);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_ENOFILE);
    cr_assert_eq(sched_count(KT_ACT_DOUBT), 0);
}

Test(sched_verdict, a_failure_of_the_file_is_final_at_once)
{
    two_nodes(1, 0);
    sched_claimed_with(1, 1, 0, 0);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EFORMAT);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EFORMAT);
}

Test(sched_verdict, it_goes_to_another_name_which_may_agree)
{
    uint32_t attempt;
    two_nodes(1, 1);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sent_to(1, &attempt), A);
    sched_word(KT_EV_FAILED, A, 1, attempt, KT_ENOFILE);
    cr_assert_eq(sched_count(KT_ACT_FAIL), 0);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, A);
    cr_assert_eq(sched_one(KT_ACT_DOUBT)->err, KT_ENOFILE);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0, "it is no attempt of the file");
    cr_assert_eq(sent_to(1, &attempt), B);
    sched_word(KT_EV_FAILED, B, 1, attempt, KT_EACCESS);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EACCESS);
    sched_stored(1, KT_STORED_NEW, true);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, B);
}

Test(sched_verdict, of_three_names_two_that_agree_do_not_decide_before_the_third)
{
    static const kt_err_t THIRD[] = {KT_OK, KT_EFORMAT, KT_EACCESS};
    two_nodes(0, 0);
    sched_hello_as(C, "gamma", 3);
    for (uint64_t job = 1; job <= sizeof THIRD / sizeof *THIRD; job++) {
        uint32_t attempt;
        sched_beat(B, 99, 0, NULL, 0);
        sched_beat(C, 99, 0, NULL, 0);
        sched_beat(A, 99, 1, NULL, 0);
        sched_claimed_with(job, 1, 0, 0);
        cr_assert_eq(sent_to(job, &attempt), A);
        sched_word(KT_EV_FAILED, A, job, attempt, KT_EROOT);
        sched_beat(B, 99, 1, NULL, 0);
        cr_assert_eq(sent_to(job, &attempt), B);
        sched_word(KT_EV_FAILED, B, job, attempt, KT_EROOT);
        cr_assert_eq(sched_count(KT_ACT_FAIL), 0);
        cr_assert_eq(sched_one(KT_ACT_DOUBT)->err, KT_EROOT);
        sched_beat(A, 99, 2, NULL, 0);
        cr_assert_eq(sent_to(job, &attempt), 0, "those that have failed are not asked again");
        sched_beat(A, 99, 0, NULL, 0);
        sched_beat(C, 99, 1, NULL, 0);
        cr_assert_eq(sent_to(job, &attempt), C);
        sched_word(THIRD[job - 1] ? KT_EV_FAILED : KT_EV_RESULT, C, job, attempt, THIRD[job - 1]);
        if (THIRD[job - 1])
            cr_assert_eq(sched_one(KT_ACT_FAIL)->err, THIRD[job - 1]);
        else
            cr_assert_eq(sched_count(KT_ACT_STORE), 1);
        sched_stored(job, KT_STORED_NEW, THIRD[job - 1] != KT_OK);
    }
}

Test(sched_verdict, without_the_third_name_two_decide_at_once)
{
    uint32_t attempt;
    two_nodes(1, 0);
    sched_hello_as(C, "gamma", 3);
    sched_beat(C, 0, 0, NULL, 0);
    sched_claimed_with(1, 1, 0, 0);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EROOT);
    sched_beat(B, 99, 1, NULL, 0);
    cr_assert_eq(sent_to(1, &attempt), B);
    sched_word(KT_EV_FAILED, B, 1, attempt, KT_EROOT);
    sched_tell((kt_event_t){.type = KT_EV_GONE, .node = C});
    kt_node_handle_t to = sent_to(1, &attempt);
    if (!to) {
        sched_beat(A, 99, 1, NULL, 0);
        to = sent_to(1, &attempt);
    }
    cr_assert(to == A || to == B);
    sched_word(KT_EV_FAILED, to, 1, attempt, KT_EROOT);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EROOT);
}

Test(sched_verdict, it_waits_for_another_name_and_does_not_hold_up_the_others)
{
    uint32_t attempt;
    two_nodes(2, 0);
    sched_claimed_with(1, 1, 0, 0);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ENOFILE);
    cr_assert_eq(sched_view().ready, 1);
    sched_claimed_with(2, 1, 0, 0);
    cr_assert_eq(sent_to(2, &attempt), A);
    sched_now_ms += 2 * SILENCE_MS + 1;  // however long, as it is not avoided for a while only
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 2);
    sched_beat(A, 9, 2, NULL, 0);
    cr_assert_neq(sent_to(1, &attempt), A);
    sched_beat(B, 0, 1, NULL, 0);
    cr_assert_eq(sent_to(1, &attempt), B);
    cr_assert_eq(attempt, 2, "a late failure of before must not be taken for one of this attempt");
}

Test(sched_verdict, when_the_other_name_is_gone_the_same_node_decides)
{
    uint32_t attempt;
    two_nodes(1, 0);
    sched_claimed_with(1, 1, 0, 0);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ENOFILE);
    sched_tell((kt_event_t){.type = KT_EV_GONE, .node = B});
    cr_assert_eq(sent_to(1, &attempt), A);
    sched_word(KT_EV_FAILED, A, 1, attempt, KT_ENOFILE);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_ENOFILE);
}

Test(sched_verdict, no_node_that_takes_it_means_a_bounded_wait)
{
    uint32_t attempt = 0;
    two_nodes(1, 0);
    sched_claimed_with(1, 1, 0, 0);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ENOFILE);
    kt_node_handle_t to = 0;
    for (int64_t until_ms = sched_now_ms + DEADLINE_MS + 2000; sched_now_ms < until_ms && !to; sched_now_ms += 1000) {
        sched_beat(B, 0, 0, NULL, 0);
        to = sent_to(1, &attempt);
        sched_beat(A, 1, 1, NULL, 0);
        to = to ? to : sent_to(1, &attempt);
    }
    cr_assert_eq(to, A);
}

// Each file fails on alpha and is analysed by `on`. Returns whether the last step drained alpha.
static bool
refuted(uint64_t number, kt_node_handle_t on)
{
    uint32_t attempt = 0;
    sched_beat(B, 99, 0, NULL, 0);  // its last result gave it credit
    sched_beat(on, 99, 0, NULL, 0);
    sched_beat(A, 99, 1, NULL, 0);
    sched_claimed_with(number, 1, 0, 0);
    cr_assert_eq(sent_to(number, &attempt), A);
    sched_word(KT_EV_FAILED, A, number, attempt, KT_EROOT);
    sched_beat(on, 99, 1, NULL, 0);
    cr_assert_eq(sent_to(number, &attempt), on);
    sched_word(KT_EV_RESULT, on, number, attempt, KT_OK);
    bool drained = sched_count(KT_ACT_DRAIN) > 0;
    if (drained) {
        cr_assert_str_eq(sched_one(KT_ACT_DRAIN)->node_name, "alpha");
        cr_assert_eq(sched_one(KT_ACT_DRAIN)->err, KT_EROOT);
        cr_assert_geq(sched_one(KT_ACT_DRAIN)->count, 3);
    }
    sched_stored(number, KT_STORED_NEW, false);
    return drained;
}

Test(sched_verdict, a_name_whose_failures_others_refute_is_drained)
{
    two_nodes(0, 0);
    cr_assert_not(refuted(1, B));
    cr_assert_not(refuted(2, B));
    cr_assert(refuted(3, B));
    uint32_t attempt = 0;
    sched_beat(A, 99, 4, NULL, 0);
    sched_claimed_with(4, 1, 0, 0);
    cr_assert_neq(sent_to(4, &attempt), A);
}

Test(sched_verdict, successes_of_its_own_speak_for_it)
{
    uint32_t attempt = 0;
    two_nodes(0, 0);
    for (uint64_t i = 1; i <= 4; i++) {
        sched_beat(A, 99, 1, NULL, 0);
        sched_claimed_with(i, 1, 0, 0);
        cr_assert_eq(sent_to(i, &attempt), A);
        sched_word(KT_EV_RESULT, A, i, attempt, KT_OK);
        sched_stored(i, KT_STORED_NEW, false);
    }
    for (uint64_t i = 11; i <= 14; i++)
        cr_assert_not(refuted(i, B));
    cr_assert(refuted(15, B), "more of its files fail than succeed");
}

Test(sched_verdict, of_three_nodes_one_alone_cannot_drain_another)
{
    two_nodes(0, 0);
    sched_hello_as(C, "gamma", 3);
    for (uint64_t i = 1; i <= 5; i++)
        cr_assert_not(refuted(i, B));
    cr_assert(refuted(6, C));
}

Test(sched_verdict, two_names_that_agree_drain_nobody)
{
    uint32_t attempt = 0;
    two_nodes(0, 0);
    for (uint64_t i = 1; i <= 6; i++) {
        sched_beat(B, 99, 0, NULL, 0);
        sched_beat(A, 99, 1, NULL, 0);
        sched_claimed_with(i, 1, 0, 0);
        cr_assert_eq(sent_to(i, &attempt), A);
        sched_word(KT_EV_FAILED, A, i, attempt, KT_ENOFILE);
        sched_beat(B, 99, 1, NULL, 0);
        cr_assert_eq(sent_to(i, &attempt), B);
        sched_word(KT_EV_FAILED, B, i, attempt, KT_ENOFILE);
        cr_assert_eq(sched_count(KT_ACT_FAIL), 1);
        cr_assert_eq(sched_count(KT_ACT_DRAIN), 0);
        sched_stored(i, KT_STORED_NEW, true);
    }
}

Test(sched_verdict, the_doubt_is_shown_and_comes_again_after_a_restart)
{
    uint32_t      attempt;
    kt_job_view_t view;
    for (int start = 0; start < 2; start++) {  // the second one knows nothing of the first
        two_nodes(1, 0);
        sched_claimed_with(1, 1, 0, 0);
        cr_assert_eq(sent_to(1, &attempt), A);
        sched_word(KT_EV_FAILED, A, 1, attempt, KT_ENOFILE);
        cr_assert(kt_sched_view_job(sched_under_test, sched_job(1), sched_now_ms, &view));
        cr_assert_str_eq(view.doubt_node, "alpha");
        cr_assert_eq(view.doubt_err, KT_ENOFILE);
        if (start == 0) {
            close_sched();
            open_sched();
        }
    }
    sched_beat(B, 0, 1, NULL, 0);
    cr_assert_eq(sent_to(1, &attempt), B);
    sched_word(KT_EV_FAILED, B, 1, attempt, KT_ENOFILE);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_ENOFILE);
}
