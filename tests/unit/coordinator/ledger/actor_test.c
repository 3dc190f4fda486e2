// The ledger's thread, on a ledger in memory behind a gate that can delay a call or let it fail.
#include "common/clock.h"
#include "coordinator/ledger/actor.h"
#include "tests/unit/coordinator/ledger/fixture.h"
#include "tests/unit/coordinator/ledger/gate.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static kt_ledger_actor_t *actor;

static void
set_up(void)
{
    kt_ledger_t *ledger = &gate.base;
    gate.base.ops       = &GATE_OPS;
    gate.real           = fixture_memory();
    cr_assert_eq(kt_queue_new(&gate.entered, 4), KT_OK);
    cr_assert_eq(kt_queue_new(&gate.go, 4), KT_OK);
    cr_assert_eq(kt_ledger_actor_new(&actor, &ledger), KT_OK);
    cr_assert_null(ledger);
}

static void
tear_down(void)
{
    kt_ledger_actor_destroy(&actor);
    kt_ledger_actor_destroy(&actor);
    cr_assert(gate.closed);
    fixture_audit_clean(gate.real);
    kt_ledger_close(&gate.real);
    kt_queue_destroy(&gate.entered);
    kt_queue_destroy(&gate.go);
}

TestSuite(ledger_actor, .init = set_up, .fini = tear_down);

static kt_ledger_request_t *
make(kt_ledger_request_type_t type)
{
    kt_ledger_request_t *request = kt_ledger_request_new(type, &gate);
    cr_assert_not_null(request);
    return request;
}

static void
post(kt_ledger_request_t *request)
{
    cr_assert_eq(kt_ledger_actor_post(actor, &request), KT_OK);
    cr_assert_null(request);
}

static void
post_insert(uint64_t number)
{
    kt_ledger_request_t *request = make(KT_LREQ_INSERT);
    kt_new_job_t         row;
    fixture_job(number, KT_PRIORITY_NORMAL, 0, &request->insert.job, &row);
    request->insert.body       = strdup(row.body);
    request->insert.body_bytes = row.body_bytes;
    post(request);
}

static void
post_open(void)
{
    kt_ledger_request_t *request = make(KT_LREQ_OPEN);
    strcpy(request->open.lease.coordinator, "one");
    request->open.lease.length_ms = 60000;
    post(request);
}

static void
post_claim(size_t want)
{
    kt_ledger_request_t *request = make(KT_LREQ_CLAIM);
    request->claim.want          = want;
    post(request);
}

static void
post_outcome(kt_ledger_request_type_t type, uint64_t job)
{
    static const char    document[] = "{\"ok\":true}";
    kt_ledger_request_t *request    = make(type);
    request->store.result           = (kt_result_t){.id             = {job, 1},
                                                    .attempt        = 1,
                                                    .err            = type == KT_LREQ_FAIL ? KT_EFORMAT : KT_OK,
                                                    .document_bytes = sizeof document - 1};
    request->store.document         = strdup(document);
    strcpy(request->store.node_name, "node-a");
    post(request);
}

static void
post_job_id(kt_ledger_request_type_t type, uint64_t job)
{
    kt_ledger_request_t *request = make(type);
    if (type == KT_LREQ_RELEASE)
        request->release.id = (kt_run_id_t){job, 1};
    if (type == KT_LREQ_BLAME) {
        request->blame.attempt = (kt_attempt_t){.id = {job, 1}, .attempt = 1, .err = KT_ENODELOST, .crash = true};
        strcpy(request->blame.node_name, "node-a");
    }
    if (type == KT_LREQ_ASK)
        request->ask.ask = (kt_ask_t){.type = KT_ASK_CANCEL, .id = {job, 1}};
    post(request);
}

// The next answer, found as the loop finds it: by polling the descriptor.
static kt_ledger_request_t *
next(void)
{
    void         *item = NULL;
    size_t        n    = 0;
    struct pollfd fd   = {.fd = kt_queue_fd(kt_ledger_actor_answers(actor)), .events = POLLIN};
    cr_assert_eq(poll(&fd, 1, GATE_WAIT_MS), 1, "no answer");
    cr_assert_eq(kt_queue_pop(kt_ledger_actor_answers(actor), &item, 1, &n, 0), KT_OK);
    return item;
}

static void
expect(kt_ledger_request_type_t type, kt_err_t err)
{
    kt_ledger_request_t *request = next();
    cr_assert_eq(request->type, type, "type %d, not %d", request->type, type);
    cr_assert_eq(request->err, err, "%s", kt_err_name(request->err));
    cr_assert(type == KT_LREQ_STATE || request->context == &gate);
    kt_ledger_request_destroy(&request);
    cr_assert_null(request);
}

// Everything posted between hold_up and go_on lies in the queue together.
static void
hold_up(void)
{
    void  *item;
    size_t n;
    gate.hold = true;
    post(make(KT_LREQ_TOTALS));
    cr_assert_eq(kt_queue_pop(gate.entered, &item, 1, &n, GATE_WAIT_MS), KT_OK);
    gate.hold    = false;
    gate.n_calls = 0;
}

static void
go_on(void)
{
    static char token;
    void       *word = &token;
    cr_assert_eq(kt_queue_push(gate.go, &word), KT_OK);
}

Test(ledger_actor, every_kind_of_request_is_answered)
{
    post_open();
    expect(KT_LREQ_OPEN, KT_OK);
    for (uint64_t i = 1; i <= 4; i++) {
        post_insert(i);
        kt_ledger_request_t *inserted = next();
        cr_assert(inserted->insert.inserted == KT_INSERTED_NEW && inserted->insert.id == i);
        kt_ledger_request_destroy(&inserted);
    }
    post_claim(10);
    kt_ledger_request_t *claimed = next();
    cr_assert(claimed->err == KT_OK && claimed->claim.n == 4 && claimed->claim.claimed[3].body);
    kt_ledger_request_destroy(&claimed);
    post_job_id(KT_LREQ_BLAME, 1);
    expect(KT_LREQ_BLAME, KT_OK);
    post_outcome(KT_LREQ_STORE, 1);
    kt_ledger_request_t *stored = next();
    cr_assert(stored->err == KT_OK && stored->store.stored == KT_STORED_NEW);
    kt_ledger_request_destroy(&stored);
    post_outcome(KT_LREQ_FAIL, 2);
    expect(KT_LREQ_FAIL, KT_OK);
    post_job_id(KT_LREQ_RELEASE, 3);
    expect(KT_LREQ_RELEASE, KT_OK);
    post_job_id(KT_LREQ_ASK, 4);
    expect(KT_LREQ_ASK, KT_OK);
    post(make(KT_LREQ_RENEW));
    expect(KT_LREQ_RENEW, KT_OK);
    post(make(KT_LREQ_DRAINED));
    expect(KT_LREQ_DRAINED, KT_OK);
    post(make(KT_LREQ_TOTALS));
    kt_ledger_request_t *totals = next();
    kt_totals_t         *t      = &totals->totals.totals;
    cr_assert(t->done == 1 && t->failed == 1 && t->queued == 1 && t->cancelled == 1 && t->claimed == 0);
    kt_ledger_request_destroy(&totals);
}

Test(ledger_actor, a_page_of_jobs_comes_with_its_documents)
{
    kt_ledger_request_t *request = make(KT_LREQ_JOBS);
    post_insert(1);
    expect(KT_LREQ_INSERT, KT_OK);
    post_outcome(KT_LREQ_STORE, 1);
    expect(KT_LREQ_STORE, KT_OK);
    request->jobs.query       = (kt_job_query_t){.state = -1, .documents = true};
    request->jobs.capacity    = 10;
    request->jobs.path_prefix = strdup("/music/");
    strcpy(request->jobs.message_id, "m1");
    post(request);
    request = next();
    cr_assert(request->err == KT_OK && request->jobs.n == 1);
    cr_assert_str_eq(request->jobs.rows[0].document, "{\"ok\":true}");
    kt_ledger_request_destroy(&request);
    request                = make(KT_LREQ_JOBS);
    request->jobs.capacity = KT_LEDGER_PAGE + 1;
    post(request);
    expect(KT_LREQ_JOBS, KT_EINVAL);
}

Test(ledger_actor, neighbours_of_a_kind_are_one_call_and_kinds_keep_their_order)
{
    post_open();
    expect(KT_LREQ_OPEN, KT_OK);
    hold_up();
    for (uint64_t i = 1; i <= 5; i++)
        post_insert(i);
    post_claim(2);
    post_claim(2);
    for (uint64_t i = 1; i <= 3; i++)
        post_outcome(KT_LREQ_STORE, i);
    post_insert(6);
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
    for (int i = 0; i < 5; i++)
        expect(KT_LREQ_INSERT, KT_OK);
    expect(KT_LREQ_CLAIM, KT_OK);
    expect(KT_LREQ_CLAIM, KT_OK);
    for (int i = 0; i < 3; i++)
        expect(KT_LREQ_STORE, KT_OK);
    expect(KT_LREQ_INSERT, KT_OK);
    cr_assert_eq(gate.n_calls, 5);
    cr_assert_arr_eq(gate.calls, "iccsi", 5);
    cr_assert(gate.sizes[0] == 5 && gate.sizes[3] == 3 && gate.sizes[4] == 1);
}

Test(ledger_actor, more_than_a_group_is_several_calls)
{
    hold_up();
    for (uint64_t i = 1; i <= KT_LEDGER_GROUP + 10; i++)
        post_insert(i);
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
    for (int i = 0; i < KT_LEDGER_GROUP + 10; i++)
        expect(KT_LREQ_INSERT, KT_OK);
    cr_assert(gate.n_calls == 2 && gate.sizes[0] == KT_LEDGER_GROUP && gate.sizes[1] == 10);
}

Test(ledger_actor, a_group_has_so_many_bytes_at_most_but_always_one_request)
{
    static const size_t BYTES[] = {KT_LEDGER_GROUP_BYTES + 1, KT_LEDGER_GROUP_BYTES / 2, KT_LEDGER_GROUP_BYTES / 2, 1};
    hold_up();
    for (size_t i = 0; i < sizeof BYTES / sizeof *BYTES; i++) {
        kt_ledger_request_t *request         = make(KT_LREQ_STORE);
        request->store.document              = calloc(BYTES[i] + 1, 1);
        request->store.result.id             = (kt_run_id_t){i + 1, 1};
        request->store.result.document_bytes = BYTES[i];
        post(request);
    }
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
    for (size_t i = 0; i < sizeof BYTES / sizeof *BYTES; i++)
        expect(KT_LREQ_STORE, KT_OK);
    cr_assert_eq(gate.n_calls, 3);
    cr_assert(gate.sizes[0] == 1 && gate.sizes[1] == 2 && gate.sizes[2] == 1);
}

Test(ledger_actor, a_renewal_with_a_connection_of_its_own_does_not_wait_for_a_long_call)
{
    kt_ledger_t *renewer = fixture_memory();
    kt_lease_t   lease;
    cr_assert_eq(renewer->ops->lease_open(renewer, "one", 60000, &lease), KT_OK);
    cr_assert_eq(kt_ledger_actor_renew_by(actor, &renewer), KT_OK);
    cr_assert_null(renewer);
    hold_up();
    for (int i = 0; i < 3; i++) {
        kt_ledger_request_t *request = make(KT_LREQ_RENEW);
        request->open.lease          = lease;
        request->open.lease.epoch += i == 2;
        post(request);
        expect(KT_LREQ_RENEW, i < 2 ? KT_OK : KT_EFENCED);
    }
    cr_assert_eq(gate.n_calls, 0);
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
}

Test(ledger_actor, a_bad_row_of_a_group_gets_the_error_alone)
{
    hold_up();
    post_insert(1);
    kt_ledger_request_t *bad = make(KT_LREQ_INSERT);
    bad->insert.body         = strdup("{}");
    post(bad);
    post_insert(2);
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
    expect(KT_LREQ_INSERT, KT_OK);
    expect(KT_LREQ_INSERT, KT_EBADDATA);
    expect(KT_LREQ_INSERT, KT_OK);
    cr_assert_eq(fixture_totals(gate.real).queued, 2);
}

Test(ledger_actor, a_ledger_that_is_down_is_retried_and_nothing_is_lost)
{
    post_insert(1);
    expect(KT_LREQ_INSERT, KT_OK);
    gate.err   = KT_EDISK;
    gate.fails = 3;
    post_outcome(KT_LREQ_STORE, 1);
    post_insert(2);
    expect(KT_LREQ_STATE, KT_EDISK);
    expect(KT_LREQ_STATE, KT_OK);
    expect(KT_LREQ_STORE, KT_OK);
    expect(KT_LREQ_INSERT, KT_OK);
    kt_totals_t totals = fixture_totals(gate.real);
    cr_assert(totals.done == 1 && totals.queued == 1);
}

Test(ledger_actor, an_unknown_commit_is_repeated_but_for_a_claim)
{
    post_open();
    expect(KT_LREQ_OPEN, KT_OK);
    gate.err   = KT_EUNKNOWN_COMMIT;
    gate.fails = 1;
    post_insert(1);
    expect(KT_LREQ_STATE, KT_EUNKNOWN_COMMIT);
    expect(KT_LREQ_STATE, KT_OK);
    expect(KT_LREQ_INSERT, KT_OK);
    gate.fails = 1;
    post_claim(1);
    expect(KT_LREQ_CLAIM, KT_EUNKNOWN_COMMIT);
    post_claim(1);
    expect(KT_LREQ_CLAIM, KT_OK);
}

Test(ledger_actor, a_question_about_a_ledger_that_is_down_is_answered_at_once)
{
    gate.err   = KT_EIO;
    gate.fails = 1;
    post(make(KT_LREQ_TOTALS));
    expect(KT_LREQ_TOTALS, KT_EIO);
    post(make(KT_LREQ_TOTALS));
    expect(KT_LREQ_TOTALS, KT_OK);
}

Test(ledger_actor, a_damaged_ledger_is_reported_and_answered)
{
    gate.err   = KT_ESTATE;
    gate.fails = 1;
    post_insert(1);
    expect(KT_LREQ_STATE, KT_ESTATE);
    expect(KT_LREQ_INSERT, KT_ESTATE);
}

Test(ledger_actor, without_a_lease_nothing_is_claimed_and_no_failure_stored)
{
    post_insert(1);
    expect(KT_LREQ_INSERT, KT_OK);
    post_claim(1);
    expect(KT_LREQ_CLAIM, KT_EFENCED);
    post(make(KT_LREQ_RENEW));
    expect(KT_LREQ_RENEW, KT_EFENCED);
    post_outcome(KT_LREQ_FAIL, 1);
    kt_ledger_request_t *request = next();
    cr_assert(request->err == KT_OK && request->store.stored == KT_STORED_FENCED);
    kt_ledger_request_destroy(&request);
}

Test(ledger_actor, destroy_finishes_what_is_queued)
{
    hold_up();
    for (uint64_t i = 1; i <= 1000; i++)
        post_insert(i);
    go_on();
    kt_ledger_actor_destroy(&actor);
    cr_assert_eq(fixture_totals(gate.real).queued, 1000);
}

Test(ledger_actor, destroy_does_not_wait_for_a_ledger_that_is_down)
{
    gate.err   = KT_EIO;
    gate.fails = 1000000;
    for (uint64_t i = 1; i <= 2000; i++)
        post_insert(i);
    expect(KT_LREQ_STATE, KT_EIO);
    int64_t start_ms = kt_clock_ms();
    kt_ledger_actor_destroy(&actor);
    cr_assert_lt(kt_clock_ms() - start_ms, 5000);
}

Test(ledger_actor, a_full_queue_refuses_and_leaves_the_request)
{
    kt_err_t             err;
    size_t               n       = 0;
    kt_ledger_request_t *request = NULL;
    hold_up();
    do {
        request = make(KT_LREQ_RELEASE);
        err     = kt_ledger_actor_post(actor, &request);
        n += !err;
    } while (!err);
    cr_assert(err == KT_EFULL && request && n == KT_LEDGER_QUEUE);
    kt_ledger_request_destroy(&request);
    go_on();
    expect(KT_LREQ_TOTALS, KT_OK);
    for (size_t i = 0; i < n; i++)
        expect(KT_LREQ_RELEASE, KT_OK);
}
