// Answers of the ledger become events; the lease is opened, renewed, and given up for lost when it could not be renewed
// in time.
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/loop/core.h"
#include "coordinator/sched/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS_A_TURN = 512, MARKS_MS = 2000 };

static void
lease_ask(kt_coordinator_t *self, kt_ledger_request_type_t type)
{
    if (self->lease.asked)
        return;
    kt_ledger_request_t *request = kt_ledger_request_new(type, NULL);
    if (!request)
        return;  // the next tick tries again
    snprintf(request->open.lease.coordinator, sizeof request->open.lease.coordinator, "%s", self->name);
    request->open.lease.length_ms = self->settings->lease_ms;
    self->lease.asked             = true;
    self->lease.asked_ms          = kt_clock_ms();
    kt_core_post(self, request);
}

void
kt_core_lease_check(kt_coordinator_t *self)
{
    if (self->lease.held)
        lease_ask(self, KT_LREQ_RENEW);
}

// What was claimed is no longer ours.
static void
lose_lease(kt_coordinator_t *self, const char *why)
{
    kt_event_t event = {.type = KT_EV_LEASE_LOST};
    if (!self->lease.held)
        return;
    self->lease.held = false;
    kt_log_warn("LEASE-LOST", "coordinator=%s epoch=%llu why=\"%s\"", self->name, (unsigned long long)self->lease.epoch,
                why);
    kt_core_step_or_fail(self, &event);
}

void
kt_core_lease_guard(kt_coordinator_t *self, int64_t now_ms)
{
    if (self->lease.held && now_ms - self->lease.good_ms > self->settings->lease_ms)
        lose_lease(self, "not renewed in time");
}

void
kt_core_lease_tick(kt_coordinator_t *self, int64_t now_ms)
{
    kt_core_lease_guard(self, now_ms);
    if (!self->lease.held)
        lease_ask(self, KT_LREQ_OPEN);
    else if (now_ms - self->lease.asked_ms >= self->settings->lease_ms / 4)
        lease_ask(self, KT_LREQ_RENEW);
}

static void
on_opened(kt_coordinator_t *self, kt_ledger_request_t *request)
{
    kt_event_t event  = {.type = KT_EV_LEASE_OPEN};
    self->lease.asked = false;
    if (request->err) {
        kt_log_warn("LEASE-REFUSED", "coordinator=%s err=%s", self->name, kt_err_name(request->err));
        if (request->err == KT_ELOCKED)  // a live coordinator has our name: two of one name would fence each other
            kt_core_fail(self, "LEASE-NAME", KT_ELOCKED);
        return;  // the next tick asks again
    }
    self->lease.held    = true;
    self->lease.epoch   = request->open.lease.epoch;
    self->lease.good_ms = self->lease.asked_ms;
    kt_log_info("LEASE-OPEN", "coordinator=%s epoch=%llu", self->name, (unsigned long long)self->lease.epoch);
    kt_core_step_or_fail(self, &event);
}

static void
on_renewed(kt_coordinator_t *self, kt_ledger_request_t *request)
{
    kt_event_t event  = {.type = KT_EV_WORK};
    self->lease.asked = false;
    if (!request->err) {
        self->lease.good_ms = self->lease.asked_ms;
        kt_core_step_or_fail(self, &event);  // a renewal takes over what dead coordinators had
    } else if (request->err == KT_EFENCED) {
        lose_lease(self, "another holds it");
    }
}

static void
take_claim(kt_coordinator_t *self, kt_claimed_t *claimed)
{
    kt_claim_t *claim = NULL;
    uint32_t    cost_ms =
        kt_cost_ms(claimed->declared_bytes, claimed->declared_duration_s, claimed->body, claimed->body_bytes);
    if (kt_claims_add(&self->claims, claimed->id, &claimed->body, claimed->body_bytes, &claim)) {
        kt_core_fail(self, "CLAIM-LOST", KT_ENOMEM);
        return;
    }
    kt_sched_job_t job = {.id       = claimed->id,
                          .attempts = claimed->attempts,
                          .crashes  = claimed->crashes,
                          .cost_ms  = cost_ms,
                          .tag      = claim};
    kt_buf_add(&self->jobs, &job, sizeof job);
}

static void
on_claimed(kt_coordinator_t *self, kt_ledger_request_t *request)
{
    self->claiming = false;
    if (request->err == KT_EFENCED || request->err == KT_EUNKNOWN_COMMIT) {
        lose_lease(self, request->err == KT_EFENCED ? "another holds it" : "a claim's outcome is unknown");
        return;
    }
    kt_buf_clear(&self->jobs);
    for (size_t i = 0; i < request->claim.n && !request->err; i++)
        take_claim(self, &request->claim.claimed[i]);
    if (self->jobs.err)
        kt_core_fail(self, "CLAIM-LOST", KT_ENOMEM);
    kt_event_t event = {.type = KT_EV_CLAIMED};
    event.jobs.at    = (const kt_sched_job_t *)(void *)self->jobs.bytes;
    event.jobs.n     = self->jobs.length / sizeof(kt_sched_job_t);
    kt_core_step_or_fail(self, &event);
}

static kt_stored_t
how_stored(const kt_ledger_request_t *request)
{
    if (request->err == KT_EFENCED)
        return KT_STORED_FENCED;
    return request->err ? KT_STORED_BAD_DATA : request->store.stored;
}

static void
count_outcome(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    int code = -(int)request->store.result.err;
    kt_outlet_wake(self->outlet);
    self->done_in[self->second]++;
    if (request->type == KT_LREQ_STORE)
        self->tally.done++;
    else
        self->tally.failed++;
    if (request->type == KT_LREQ_FAIL && code > 0 && code < KT_TALLY_CODES)
        self->tally.failures[code]++;
}

// A copy: the message stays with its request, which the scheduler may ask for again.
static void
cache_outcome(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    if (!self->cache || request->err || request->store.stored != KT_STORED_NEW || !request->store.document)
        return;
    size_t bytes = request->store.result.document_bytes;
    char  *copy  = malloc(bytes + 1);
    if (!copy)
        return;  // the ledger has it
    memcpy(copy, request->store.document, bytes);
    copy[bytes] = '\0';
    kt_result_cache_put(self->cache, &copy, bytes);
}

static void
tell_stored(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    kt_event_t event = {.type = KT_EV_STORED, .id = request->store.result.id};
    if (request->err == KT_ECLOSED)
        return;  // the actor is ending, and so are we
    if (kt_err_verdict(request->err) == KT_VERDICT_CRASH) {
        kt_core_fail(self, "LEDGER-BROKEN", request->err);
        return;
    }
    if (request->err != KT_EFENCED && kt_err_verdict(request->err) == KT_VERDICT_RETRY)
        event.type = KT_EV_COMMIT_UNKNOWN;
    event.stored.failure = request->type == KT_LREQ_FAIL;
    event.stored.how     = how_stored(request);
    if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_NEW)
        count_outcome(self, request);
    else if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_ALREADY)
        self->late_results++;
    kt_core_step_or_fail(self, &event);
}

// Gives the request back to its payload first: the scheduler may ask for it again, or drop it.
static void
on_stored(kt_coordinator_t *self, kt_ledger_request_t **request_p)
{
    kt_ledger_request_t *request = *request_p;
    kt_payload_t        *payload = request->context;
    cache_outcome(self, request);
    if (payload) {
        payload->posted  = false;
        payload->request = request;
        *request_p       = NULL;
        if (payload->dropped) {
            kt_tag_destroy(payload);
            return;
        }
    }
    tell_stored(self, request);
}

static void
on_state(kt_coordinator_t *self, kt_ledger_request_t *request)
{
    kt_event_t event = {.type = request->err ? KT_EV_LEDGER_DOWN : KT_EV_LEDGER_UP};
    self->ledger_err = request->err;
    kt_core_step_or_fail(self, &event);
}

void
kt_core_ask_drained(kt_coordinator_t *self)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_DRAINED, (void *)(uintptr_t)self->marks);
    if (!request)
        return;  // a later tick asks again
    self->marks_ms = kt_clock_ms();
    kt_core_post(self, request);
}

void
kt_core_marks_tick(kt_coordinator_t *self, int64_t now_ms)
{
    if (now_ms - self->marks_ms >= MARKS_MS && !self->ledger_err)
        kt_core_ask_drained(self);
}

static void
mark(kt_coordinator_t *self, const char *name, bool on)
{
    kt_event_t event = {.type = KT_EV_DRAIN};
    event.drain.name = name;
    event.drain.on   = on;
    kt_log_info("NODE-DRAIN", "node=%s on=%d from=ledger", name, on);
    kt_core_step_or_fail(self, &event);
    kt_core_tell_drain(self, name, on, "asked by an operator");
    kt_core_set_drained(self, name, on);  // last: the name may stand in what this changes
}

static bool
is_listed(const kt_ledger_request_t *request, const char *name)
{
    for (size_t i = 0; i < request->drained.n; i++)
        if (strcmp(request->drained.names[i], name) == 0)
            return true;
    return false;
}

// The ledger's list is the truth, unless ours has changed since it was asked for.
static void
on_drained(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    if (request->err || (uint64_t)(uintptr_t)request->context != self->marks)
        return;
    for (size_t at = self->drained.length; at >= KT_PEER_TEXT && !self->failed; at -= KT_PEER_TEXT) {
        char name[KT_PEER_TEXT];
        memcpy(name, self->drained.bytes + at - KT_PEER_TEXT, sizeof name);
        if (!is_listed(request, name))
            mark(self, name, false);
    }
    for (size_t i = 0; i < request->drained.n && !self->failed; i++)
        if (!kt_core_is_drained(self, request->drained.names[i]))
            mark(self, request->drained.names[i], true);
}

static void
on_fenced(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    if (request->err == KT_EFENCED)
        lose_lease(self, "another holds it");
    else if (request->err)
        kt_log_warn("LEDGER-REFUSED", "request=%d err=%s", request->type, kt_err_name(request->err));
}

static void
answer(kt_coordinator_t *self, kt_ledger_request_t **request_p)
{
    kt_ledger_request_t *request = *request_p;
    switch (request->type) {
    case KT_LREQ_OPEN: on_opened(self, request); break;
    case KT_LREQ_RENEW: on_renewed(self, request); break;
    case KT_LREQ_CLAIM: on_claimed(self, request); break;
    case KT_LREQ_STORE:
    case KT_LREQ_FAIL: on_stored(self, request_p); break;
    case KT_LREQ_STATE: on_state(self, request); break;
    case KT_LREQ_DRAINED: on_drained(self, request); break;
    case KT_LREQ_RELEASE:
    case KT_LREQ_BLAME: on_fenced(self, request); break;
    default:
        if (request->answered)
            request->answered(request->context, request_p);
        else
            kt_core_call_answered(self, request_p);
    }
}

void
kt_core_answers(void *context)
{
    kt_coordinator_t *self = context;
    void             *answers[ANSWERS_A_TURN];
    size_t            n = 0;
    if (kt_queue_pop(kt_ledger_actor_answers(self->actor), answers, ANSWERS_A_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        kt_ledger_request_t *request = answers[i];
        if (!self->failed)
            answer(self, &request);
        kt_ledger_request_destroy(&request);
    }
    if (self->work_came) {
        kt_event_t event = {.type = KT_EV_WORK};
        self->work_came  = false;
        kt_core_step_or_fail(self, &event);
    }
    kt_outlet_turn(self->outlet);
    kt_core_post_overflow(self);
}
