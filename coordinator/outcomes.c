// Outcomes on their way into the ledger: the STORE and FAIL actions become requests, their answers become events.
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/core.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_stored_t
how_stored(const kt_ledger_request_t *request)
{
    if (request->err == KT_EFENCED)
        return KT_STORED_FENCED;
    return request->err ? KT_STORED_BAD_DATA : request->store.stored;
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
report_stored(kt_coordinator_t *self, const kt_ledger_request_t *request)
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
    if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_NEW) {
        kt_publisher_wake(self->outlet);
        kt_counters_outcome(&self->counters, event.stored.failure, -(int)request->store.result.err);
    }
    if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_ALREADY)
        self->counters.late_results++;
    kt_core_step_or_fail(self, &event);
}

// Gives the request back to its payload first: the scheduler may ask for it again, or drop it.
static void
on_payload_stored(void *context, kt_ledger_request_t **request_p)
{
    kt_payload_t        *payload = context;
    kt_coordinator_t    *self    = payload->owner;
    kt_ledger_request_t *request = *request_p;
    cache_outcome(self, request);
    payload->posted  = false;
    payload->request = request;
    *request_p       = NULL;
    if (payload->dropped)
        kt_tag_destroy(payload);
    else
        report_stored(self, request);
}

// A failure that this coordinator wrote itself has no payload.
static void
on_failure_stored(void *context, kt_ledger_request_t **request_p)
{
    cache_outcome(context, *request_p);
    report_stored(context, *request_p);
}

static void
post_payload(kt_coordinator_t *self, kt_payload_t *payload, kt_ledger_request_type_t type)
{
    if (payload->posted)
        return;  // asked again while the actor still has it: its answer comes
    kt_ledger_request_t *request = payload->request;
    request->type                = type;
    request->err                 = KT_OK;
    request->context             = payload;
    request->answered            = on_payload_stored;
    payload->request             = NULL;
    payload->posted              = true;
    payload->owner               = self;
    kt_ledger_port_post(&self->port, &request);
}

void
kt_core_act_store(kt_coordinator_t *self, const kt_action_t *action)
{
    post_payload(self, action->tag, KT_LREQ_STORE);
}

// The message of a failure that no node has written: a lost node, too many attempts.
static kt_err_t
write_failure(const kt_claim_t *claim, kt_err_t failure, const char *detail, char **document, size_t *bytes)
{
    char       why[KT_JOB_WHY];
    kt_buf_t   text;
    kt_stamp_t stamp = {.wall_ms = kt_clock_wall_ms()};
    kt_job_t  *job   = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    // A message that does not parse still fails by its number: the job stays empty then.
    if (claim && kt_job_parse(claim->body, claim->body_bytes, job, why))
        *job = (kt_job_t){0};
    kt_err_t err = kt_document_failure(job, failure, detail, &stamp, &text);
    free(job);
    char *taken = kt_buf_take(&text, bytes);
    if (err || !taken) {
        free(taken);
        return err ? err : KT_ENOMEM;
    }
    *document = taken;
    return KT_OK;
}

// The request of a failure with a message of our own.
static kt_ledger_request_t *
own_failure(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = kt_ledger_port_request(&self->port, KT_LREQ_FAIL, self, on_failure_stored);
    if (!request)
        return NULL;
    kt_result_t *result = &request->store.result;
    snprintf(request->store.detail, sizeof request->store.detail, "attempt %u%s%s", action->attempt,
             action->node_name ? " on " : "", action->node_name ? action->node_name : "");
    snprintf(request->store.node_name, sizeof request->store.node_name, "%s",
             action->node_name ? action->node_name : "");
    kt_err_t err = write_failure(kt_claims_find(&self->claims, action->id), action->err, request->store.detail,
                                 &request->store.document, &result->document_bytes);
    if (err) {
        kt_ledger_request_destroy(&request);
        kt_core_fail(self, "FAILURE-NOT-WRITTEN", err);
        return NULL;
    }
    result->document  = request->store.document;
    result->detail    = request->store.detail;
    result->node_name = request->store.node_name;
    result->id        = action->id;
    result->attempt   = action->attempt;
    result->err       = action->err;
    result->wall_ms   = kt_clock_wall_ms();
    return request;
}

void
kt_core_act_fail(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_payload_t *payload = action->tag;
    kt_log_info("JOB-FAILED", "job=%llu run=%u attempt=%u err=%s", (unsigned long long)action->id.job, action->id.run,
                action->attempt, kt_err_name(action->err));
    if (payload && (payload->posted || payload->request->store.result.err == action->err)) {
        post_payload(self, payload, KT_LREQ_FAIL);
        return;
    }
    kt_ledger_request_t *request = own_failure(self, action);
    if (request)
        kt_ledger_port_post(&self->port, &request);
}
