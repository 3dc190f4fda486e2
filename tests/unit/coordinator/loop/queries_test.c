// Calls of HTTP threads: answered at once, or when the ledger has answered all their requests.
#include "loop_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(queries, .init = loop_set_up, .fini = loop_tear_down);

static kt_call_t *
call_of(kt_ledger_request_type_t type, size_t n)
{
    kt_call_t *call = kt_call_new(n);
    for (size_t i = 0; i < n; i++)
        call->requests[i] = kt_ledger_request_new(type, call);
    call->n_requests = n;
    return call;
}

Test(queries, a_call_without_requests_is_answered_at_once)
{
    kt_call_t *call   = kt_call_new(0);
    call->wants_nodes = true;
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 1);
    kt_queries_begin(&loop.queries, call);
    cr_assert(call->done);
    cr_assert_eq(call->err, KT_OK);
    cr_assert_str_eq(call->snapshot.coordinator, "here");
    cr_assert_str_eq(call->snapshot.ledger_kind, "test");
    cr_assert_eq(call->snapshot.n_nodes, 2);  // node-b is allowed, so that it is expected
    cr_assert_str_eq(call->snapshot.nodes[0].view.state, "live");
    cr_assert_str_eq(call->snapshot.nodes[1].view.state, "absent");
    cr_assert_str_eq(call->snapshot.nodes[1].view.name, "node-b");
    cr_assert_eq(call->snapshot.nodes_absent, 1);
    cr_assert_str_eq(call->snapshot.nodes[0].device, "cpu");
    cr_assert_eq(call->snapshot.nodes[0].memory_mb, 99);
    cr_assert_eq(call->snapshot.gpu_nodes, 0);
    kt_call_destroy(&call);
}

Test(queries, a_call_is_answered_with_the_last_of_its_requests)
{
    kt_call_t *call = call_of(KT_LREQ_JOBS, 2);
    kt_queries_begin(&loop.queries, call);
    posted_answer(&loop.port, posted_take(KT_LREQ_JOBS), KT_OK);
    cr_assert_not(call->done);
    cr_assert_eq(loop.queries.n_pending, 1);
    posted_answer(&loop.port, posted_take(KT_LREQ_JOBS), KT_EIO);
    cr_assert(call->done);
    cr_assert_eq(call->err, KT_OK);
    cr_assert_eq(call->requests[1]->err, KT_EIO);
    cr_assert_eq(loop.queries.n_pending, 0);
    kt_call_destroy(&call);
}

Test(queries, a_caller_that_gave_up_leaves_the_call_to_the_loop)
{
    kt_call_t *call = call_of(KT_LREQ_JOBS, 1);
    call->abandoned = true;
    kt_queries_begin(&loop.queries, call);
    posted_answer(&loop.port, posted_take(KT_LREQ_JOBS), KT_OK);
    cr_assert_eq(loop.queries.n_pending, 0);  // freed: the address sanitizer would report a leak
}

Test(queries, totals_are_fresh_from_a_ledger_that_answers_else_the_last_ones)
{
    kt_call_t *call    = kt_call_new(1);
    call->wants_totals = true;
    kt_queries_begin(&loop.queries, call);
    kt_ledger_request_t *totals  = posted_take(KT_LREQ_TOTALS);
    totals->totals.totals.queued = 42;
    posted_answer(&loop.port, totals, KT_OK);
    cr_assert_eq(call->snapshot.totals.queued, 42);
    kt_call_destroy(&call);

    loop.port.err      = KT_EIO;
    call               = kt_call_new(1);
    call->wants_totals = true;
    kt_queries_begin(&loop.queries, call);
    cr_assert(call->done);
    cr_assert_eq(call->snapshot.totals.queued, 42);
    kt_call_destroy(&call);
}

Test(queries, calls_that_wait_for_the_ledger_have_a_bound)
{
    kt_call_t *calls[KT_CALLS_PENDING];
    for (size_t i = 0; i < KT_CALLS_PENDING; i++) {
        calls[i] = call_of(KT_LREQ_ASK, 1);
        kt_queries_begin(&loop.queries, calls[i]);
    }
    kt_call_t *more = call_of(KT_LREQ_ASK, 1);
    kt_queries_begin(&loop.queries, more);
    cr_assert_eq(more->err, KT_EFULL);
    kt_call_destroy(&more);
    kt_queries_close(&loop.queries);
    for (size_t i = 0; i < KT_CALLS_PENDING; i++) {
        cr_assert_eq(calls[i]->err, KT_ECLOSED);
        kt_call_destroy(&calls[i]);
    }
}

Test(queries, a_new_job_is_reported_to_the_scheduler_once_per_turn)
{
    kt_inserted_t how[] = {KT_INSERTED_NEW, KT_INSERTED_NEW, KT_INSERTED_KNOWN, KT_INSERTED_CLASH};
    kt_call_t    *call  = call_of(KT_LREQ_INSERT, 4);
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_open_lease();
    loop_beat(NODE_A, KEY_A, 1);
    loop_answer_claim(1, 0, KT_OK);  // the ledger was empty
    kt_queries_begin(&loop.queries, call);
    for (size_t i = 0; i < 4; i++) {
        kt_ledger_request_t *insert = posted_take(KT_LREQ_INSERT);
        insert->insert.inserted     = how[i];
        posted_answer(&loop.port, insert, KT_OK);
    }
    cr_assert(loop.dispatcher.work_pending);
    cr_assert_eq(posted_count(KT_LREQ_CLAIM), 0);
    kt_loop_answered(&loop);
    cr_assert_eq(posted_count(KT_LREQ_CLAIM), 1);
    cr_assert_eq(loop.counters.outcomes.submitted_new, 2);
    cr_assert_eq(loop.counters.outcomes.submitted_known, 1);
    cr_assert_eq(loop.counters.outcomes.submitted_clash, 1);
    kt_call_destroy(&call);
}

Test(queries, a_drain_that_the_ledger_has_goes_to_the_node_and_a_refused_one_does_not)
{
    kt_err_t hows[] = {KT_EINVAL, KT_OK};
    loop_hello(NODE_A, KEY_A, "node-a");
    for (size_t i = 0; i < 2; i++) {
        kt_call_t *call                 = call_of(KT_LREQ_ASK, 1);
        call->requests[0]->ask.ask.type = KT_ASK_DRAIN;
        kt_queries_begin(&loop.queries, call);
        kt_ledger_request_t *ask = posted_take(KT_LREQ_ASK);
        snprintf(ask->ask.node_name, sizeof ask->ask.node_name, "node-a");
        ask->ask.ask.how = hows[i];
        posted_answer(&loop.port, ask, KT_OK);
        cr_assert_eq(loop_n_sent(KT_MSG_DRAIN), i);
        kt_call_destroy(&call);
    }
    cr_assert(kt_drains_has(&loop.drains, "node-a"));
}

Test(queries, an_answered_ledger_call_wakes_the_backfiller)
{
    kt_call_t *call = call_of(KT_LREQ_CALL, 1);
    kt_queries_begin(&loop.queries, call);
    posted_answer(&loop.port, posted_take(KT_LREQ_CALL), KT_OK);
    cr_assert_eq(loop_ledger_calls, 1);
    cr_assert(loop.dispatcher.work_pending);
    kt_call_destroy(&call);
}
