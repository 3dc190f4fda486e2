// The thread between the loop and the ledger. Requests keep their order; neighbours of one kind become one call. What
// each error means:
//
//   verdict RETRY (disk, full, busy, memory)  the same call again, after a pause that grows from 20 ms to 5 s; STATE
//   EFENCED                                   the answer: the loop opens a new lease
//   EUNKNOWN_COMMIT of a CLAIM                the answer: jobs may be claimed under this lease; the loop opens a new
//                                             one, which releases them. All other calls are repeated: they are
//                                             idempotent
//   verdict CRASH (the file is damaged)       the answer, and STATE
//   anything else, in a group                 row by row, so that only the bad row gets it
//   a reading call                            the answer: status waits for nothing
#include "coordinator/ledger/actor.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/ledger/calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { FIRST_PAUSE_MS = 20, LONGEST_PAUSE_MS = 5000, STOP_MS = 5000, IDLE_MS = 60000, ANSWER_MS = 100, RENEWALS = 4 };

struct kt_ledger_actor {
    kt_queue_t       *in, *out;
    kt_queue_t       *wake;  // stays empty; its closing ends a pause
    pthread_t         thread, renewal_thread;
    bool              started, renews_apart;
    kt_ledger_t      *renewer;     // with a thread of its own; NULL: RENEW goes with the others
    kt_queue_t       *renewals;    // for it
    _Atomic int64_t   stop_by_ms;  // 0: not stopping
    kt_err_t          reported;    // the last STATE
    int64_t           pause_ms;
    kt_ledger_group_t group;
};

// The answers' queue has room for twice the requests that can be open; a loop that takes none at all makes the thread
// wait here, which in turn fills the queue of requests, so that posting is refused.
static void
answer(kt_ledger_actor_t *self, kt_ledger_request_t **request_p)
{
    kt_err_t err;
    do {
        err = kt_queue_push_wait(self->out, request_p, ANSWER_MS);
    } while (err == KT_ETIME && !self->stop_by_ms);
    kt_ledger_request_destroy(request_p);  // no loop is left to receive it; after a push it is NULL
}

static void
answer_all(kt_ledger_actor_t *self, kt_ledger_request_t **requests, size_t n, kt_err_t err)
{
    for (size_t i = 0; i < n; i++) {
        requests[i]->err = err;
        answer(self, &requests[i]);
    }
}

// Once per change. Without memory for the message, after the next call.
static void
report_state(kt_ledger_actor_t *self, kt_err_t err)
{
    if (self->reported == err)
        return;
    kt_ledger_request_t *state = kt_ledger_request_new(KT_LREQ_STATE, NULL);
    if (!state)
        return;
    state->err     = err;
    self->reported = err;
    if (err)
        kt_log_error("LEDGER-DOWN", "err=%s text=\"%s\"", kt_err_name(err), kt_err_text(err));
    else
        kt_log_info("LEDGER-UP", "ledger=%s", self->group.ledger->ops->name);
    answer(self, &state);
}

// Repeats the call until its result is final, or until the actor is being destroyed.
static kt_err_t
call_until_answered(kt_ledger_actor_t *self, kt_ledger_request_t **requests, size_t n)
{
    kt_ledger_request_type_t type = requests[0]->type;
    for (;;) {
        kt_err_t err = kt_ledger_call(&self->group, requests, n);
        if (kt_ledger_is_reading(type))
            return err;
        bool final = err == KT_EFENCED || (err == KT_EUNKNOWN_COMMIT && type == KT_LREQ_CLAIM) ||
                     kt_err_verdict(err) != KT_VERDICT_RETRY;
        if (final) {
            report_state(self, kt_err_verdict(err) == KT_VERDICT_CRASH ? err : KT_OK);
            self->pause_ms = FIRST_PAUSE_MS;
            return err;
        }

        void  *nothing;
        size_t none;
        report_state(self, err);
        if (kt_queue_pop(self->wake, &nothing, 1, &none, self->pause_ms) == KT_ECLOSED)
            return err;
        self->pause_ms = 2 * self->pause_ms < LONGEST_PAUSE_MS ? 2 * self->pause_ms : LONGEST_PAUSE_MS;
    }
}

static void
serve_group(kt_ledger_actor_t *self, kt_ledger_request_t **requests, size_t n)
{
    bool     late = self->stop_by_ms && kt_clock_ms() > self->stop_by_ms;
    kt_err_t err  = late ? KT_ECLOSED : call_until_answered(self, requests, n);
    if (n == 1 || kt_err_verdict(err) != KT_VERDICT_REJECT) {
        answer_all(self, requests, n, err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        answer_all(self, &requests[i], 1, call_until_answered(self, &requests[i], 1));
}

// Of the texts that the call writes.
static size_t
written_bytes(const kt_ledger_request_t *request)
{
    switch (request->type) {
    case KT_LREQ_INSERT: return request->insert.body_bytes;
    case KT_LREQ_STORE:
    case KT_LREQ_FAIL: return request->store.result.document_bytes;
    case KT_LREQ_REJECT: return request->reject.reject.body_bytes + request->reject.reject.reply_bytes;
    default: return 0;
    }
}

static size_t
neighbours(kt_ledger_request_t *const *requests, size_t n)
{
    size_t same = 1, bytes = written_bytes(requests[0]);
    while (same < n && kt_ledger_is_grouped(requests[0]->type) && requests[same]->type == requests[0]->type &&
           (bytes += written_bytes(requests[same])) <= KT_LEDGER_GROUP_BYTES)
        same++;
    return same;
}

static void *
ledger_thread_main(void *context)
{
    kt_ledger_actor_t   *self = context;
    void                *items[KT_LEDGER_GROUP];
    kt_ledger_request_t *requests[KT_LEDGER_GROUP];
    for (kt_err_t err = KT_OK; err != KT_ECLOSED;) {
        size_t n = 0;
        err      = kt_queue_pop(self->in, items, KT_LEDGER_GROUP, &n, IDLE_MS);
        for (size_t i = 0; i < n; i++)
            requests[i] = items[i];
        for (size_t at = 0, same; at < n; at += same) {
            same = neighbours(requests + at, n - at);
            serve_group(self, requests + at, same);
        }
    }
    return NULL;
}

// A renewal that fails is not repeated here: the keeper of the lease asks again.
static void *
renewal_thread_main(void *context)
{
    kt_ledger_actor_t *self = context;
    for (kt_err_t err = KT_OK; err != KT_ECLOSED;) {
        void  *item;
        size_t n = 0;
        err      = kt_queue_pop(self->renewals, &item, 1, &n, IDLE_MS);
        if (!n)
            continue;
        kt_ledger_request_t *request = item;
        request->err                 = self->renewer->ops->lease_renew(self->renewer, &request->open.lease);
        answer(self, &request);
    }
    return NULL;
}

kt_err_t
kt_ledger_actor_renew_by(kt_ledger_actor_t *self, kt_ledger_t **ledger_p)
{
    kt_err_t err = kt_queue_new(&self->renewals, RENEWALS);
    if (err)
        return err;
    self->renewer = *ledger_p;
    *ledger_p     = NULL;
    if (pthread_create(&self->renewal_thread, NULL, renewal_thread_main, self))
        return KT_ESYSTEM;
    pthread_setname_np(self->renewal_thread, "lease");
    self->renews_apart = true;
    return KT_OK;
}

kt_err_t
kt_ledger_actor_new(kt_ledger_actor_t **self_p, kt_ledger_t **ledger_p)
{
    kt_err_t           err  = KT_ENOMEM;
    kt_ledger_actor_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    self->pause_ms = FIRST_PAUSE_MS;
    if ((err = kt_queue_new(&self->in, KT_LEDGER_QUEUE)) || (err = kt_queue_new(&self->wake, 1)) ||
        (err = kt_queue_new(&self->out, 2 * KT_LEDGER_QUEUE)))
        goto fail;
    self->group.ledger = *ledger_p;
    err                = KT_ESYSTEM;
    if (pthread_create(&self->thread, NULL, ledger_thread_main, self))
        goto fail;
    pthread_setname_np(self->thread, "ledger");
    self->started = true;
    *ledger_p     = NULL;
    *self_p       = self;
    return KT_OK;
fail:
    self->group.ledger = NULL;
    kt_ledger_actor_destroy(&self);
    return err;
}

static void
drop_requests(kt_queue_t *queue)
{
    void  *item;
    size_t n;
    while (queue && kt_queue_pop(queue, &item, 1, &n, 0) == KT_OK) {
        kt_ledger_request_t *request = item;
        kt_ledger_request_destroy(&request);
    }
}

void
kt_ledger_actor_destroy(kt_ledger_actor_t **self_p)
{
    kt_ledger_actor_t *self = *self_p;
    if (!self)
        return;
    if (self->started) {
        self->stop_by_ms = kt_clock_ms() + STOP_MS;
        kt_queue_close(self->in);
        kt_queue_close(self->wake);
        pthread_join(self->thread, NULL);
    }
    if (self->renews_apart) {
        kt_queue_close(self->renewals);
        pthread_join(self->renewal_thread, NULL);
    }
    drop_requests(self->renewals);
    drop_requests(self->in);
    drop_requests(self->out);
    kt_queue_destroy(&self->in);
    kt_queue_destroy(&self->out);
    kt_queue_destroy(&self->wake);
    kt_queue_destroy(&self->renewals);
    kt_ledger_close(&self->renewer);
    kt_ledger_close(&self->group.ledger);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_ledger_actor_post(kt_ledger_actor_t *self, kt_ledger_request_t **request_p)
{
    const bool apart = self->renews_apart && (*request_p)->type == KT_LREQ_RENEW;
    return kt_queue_push(apart ? self->renewals : self->in, request_p);
}

kt_queue_t *
kt_ledger_actor_answers(kt_ledger_actor_t *self)
{
    return self->out;
}

size_t
kt_ledger_actor_waiting(const kt_ledger_actor_t *self)
{
    return kt_queue_count(self->in);
}
