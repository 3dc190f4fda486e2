#include "coordinator/loop/dispatcher.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/sched/cost.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// FRAME_HEAD_BYTES: room for the array's and the fields' own lengths within a frame.
enum { FRAME_HEAD_BYTES = 1024, BATCH_ITEMS = 1000, LIST_BYTES = 64 << 20, DRAIN_WHY = 96 };

kt_err_t
kt_dispatcher_init(kt_dispatcher_t *self, const kt_dispatcher_opts_t *opts, const kt_sched_opts_t *sched)
{
    *self = (kt_dispatcher_t){.opts = *opts};
    kt_buf_init(&self->frame, KT_MAX_FRAME_BYTES);
    kt_buf_init(&self->works, LIST_BYTES);
    kt_buf_init(&self->jobs, LIST_BYTES);
    kt_buf_init(&self->refused, LIST_BYTES);
    return kt_sched_new(&self->sched, sched);
}

void
kt_dispatcher_fini(kt_dispatcher_t *self)
{
    kt_buf_t *all[] = {&self->frame, &self->works, &self->jobs, &self->refused};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kt_buf_fini(all[i]);
    if (self->sched)
        kt_sched_drain_tags(self->sched, kt_tag_destroy);
    kt_sched_destroy(&self->sched);
    kt_actions_fini(&self->actions);
    kt_claims_fini(&self->claims);
}

// A state that cannot be repaired in place, such as no memory between two changes that belong together.
static void
dispatcher_fail(kt_dispatcher_t *self, const char *id, kt_err_t err)
{
    if (!self->failed)
        kt_log_error(id, "err=%s text=\"%s\"", kt_err_name(err),
                     err == KT_ELOCKED  ? "set ANALYZER_COORDINATOR_NAME to a name of its own"
                     : err == KT_ESTATE ? "the ledger was moved, replaced or damaged: see the lines before"
                                        : "the next start reads the ledger");
    self->failed = true;
    kt_ledger_port_close(self->opts.port);
    self->opts.on_fatal(self->opts.context);
}

static void
dispatcher_event(void *context, const kt_event_t *event)
{
    kt_dispatcher_step_or_fail(context, event);
}

static void
dispatcher_fatal(void *context, const char *id, kt_err_t err)
{
    dispatcher_fail(context, id, err);
}

static void
dispatcher_work(void *context)
{
    kt_dispatcher_t *self = context;
    self->work_pending    = true;
}

kt_sink_t
kt_dispatcher_sink(kt_dispatcher_t *self)
{
    return (kt_sink_t){self, dispatcher_event, dispatcher_fatal, dispatcher_work};
}

void
kt_dispatcher_send(kt_dispatcher_t *self, kt_node_handle_t to, const kt_msg_t *msg)
{
    kt_buf_clear(&self->frame);
    kt_err_t err = kt_wire_encode(msg, &self->frame);
    if (!err)
        err = self->frame.err;
    if (err) {
        kt_log_error("ENCODE-FAILED", "message=%s err=%s", kt_msg_name(msg->type), kt_err_name(err));
        return;
    }
    err = self->opts.sender.send(self->opts.sender.context, to, self->frame.bytes, self->frame.length);
    if (err == KT_EUNREACHABLE)
        kt_buf_add(&self->refused, &to, sizeof to);  // reported to the scheduler after this step
    else if (err)
        kt_log_debug("SEND-LOST", "message=%s peer=%#llx", kt_msg_name(msg->type), (unsigned long long)to);
}

static void
dispatcher_send_to_peer(void *context, kt_peer_t *peer, const kt_msg_t *msg)
{
    kt_dispatcher_send(context, peer->handle, msg);
}

void
kt_dispatcher_flush(kt_dispatcher_t *self)
{
    kt_peers_flush(self->opts.peers, dispatcher_send_to_peer, self);
    while (self->refused.length && !self->failed) {  // each step may find more closed connections
        kt_event_t event = {.type = KT_EV_SEND_REFUSED};
        self->refused.length -= sizeof event.node;
        memcpy(&event.node, self->refused.bytes + self->refused.length, sizeof event.node);
        kt_peers_remove(self->opts.peers, event.node);
        kt_dispatcher_step_or_fail(self, &event);
    }
}

static void
dispatcher_forget_claim(kt_dispatcher_t *self, kt_claim_t *claim)
{
    kt_claims_drop(&self->claims, claim);
    kt_tag_destroy(claim);
}

static void
dispatcher_on_claimed(void *context, kt_ledger_request_t **request_p)
{
    kt_dispatcher_t           *self    = context;
    const kt_ledger_request_t *request = *request_p;
    self->claiming                     = false;
    if (request->err == KT_EFENCED || request->err == KT_EUNKNOWN_COMMIT) {
        kt_lease_lose(self->opts.lease,
                      request->err == KT_EFENCED ? "another holds it" : "a claim's outcome is unknown");
        return;
    }
    kt_buf_clear(&self->jobs);
    for (size_t i = 0; i < request->claim.n && !request->err; i++) {
        kt_claimed_t    *claimed = &request->claim.claimed[i];
        kt_claim_t      *claim   = NULL;
        kt_sched_claim_t job     = {.id = claimed->id, .attempts = claimed->attempts, .crashes = claimed->crashes};
        // Only a row that was changed by hand has such a body. It fits no BATCH; an empty one fails as a bad message.
        if (claimed->body_bytes > KT_JOB_MAX_BYTES)
            claimed->body[claimed->body_bytes = 0] = '\0';
        job.cost_ms =
            kt_cost_ms(claimed->declared_bytes, claimed->declared_duration_s, claimed->body, claimed->body_bytes);
        if (kt_claims_add(&self->claims, claimed->id, &claimed->body, claimed->body_bytes, &claim)) {
            dispatcher_fail(self, "CLAIM-LOST", KT_ENOMEM);
            continue;
        }
        claim->created_wall_ms = claimed->id.run == 1 ? claimed->created_wall_ms : 0;
        claim->sent            = claimed->attempts > 0;
        job.tag                = claim;
        kt_buf_add(&self->jobs, &job, sizeof job);
        if (self->jobs.err) {
            dispatcher_forget_claim(self, claim);
            dispatcher_fail(self, "CLAIM-LOST", self->jobs.err);
        }
    }

    kt_event_t event = {.type = KT_EV_CLAIMED};
    event.jobs.at    = (const kt_sched_claim_t *)(void *)self->jobs.bytes;
    event.jobs.n     = self->jobs.length / sizeof(kt_sched_claim_t);
    kt_err_t err     = kt_dispatcher_step(self, &event);
    for (size_t i = 0; i < event.jobs.n && err; i++)
        dispatcher_forget_claim(self, event.jobs.at[i].tag);
    if (err)
        dispatcher_fail(self, "STEP-FAILED", err);
}

static void
dispatcher_act_claim(kt_dispatcher_t *self, const kt_action_t *action)
{
    if (self->draining || self->claiming)
        return;
    kt_ledger_request_t *request = kt_ledger_port_request(self->opts.port, KT_LREQ_CLAIM, self, dispatcher_on_claimed);
    if (!request)
        return;
    request->claim.want = action->count;
    self->claiming      = true;
    kt_ledger_port_post(self->opts.port, &request);
}

// Those from `first` on.
static void
dispatcher_send_batch(kt_dispatcher_t *self, const kt_action_t *action, size_t first, size_t n)
{
    kt_msg_t msg       = {.type = KT_MSG_BATCH};
    msg.batch.number   = action->batch;
    msg.batch.items.at = (kt_wire_work_t *)(void *)self->works.bytes + first;
    msg.batch.items.n  = n;
    kt_dispatcher_send(self, action->node, &msg);
}

static void
dispatcher_sign(kt_dispatcher_t *self, const kt_peer_t *peer, const kt_sent_t *sent, kt_claim_t *claim)
{
    claim->credential = (kt_credential_t){0};
    if (peer)
        kt_credential_sign(self->opts.credentials, sent->id, sent->attempt, peer->key_bytes, &claim->credential);
}

bool
kt_dispatcher_knows(const kt_dispatcher_t *self, const kt_peer_t *peer, kt_run_id_t id, uint32_t attempt,
                    kt_bytes_t credential)
{
    const kt_claim_t *claim = kt_claims_find(&self->claims, id);
    return (claim && kt_credential_is(&claim->credential, attempt, peer->key_bytes, credential.at, credential.n)) ||
           kt_credential_check(self->opts.credentials, id, attempt, peer->key_bytes, credential.at, credential.n);
}

// The time in the queue ends with the first sending: a job that has attempts was sent before, by this coordinator or
// not.
static void
dispatcher_count_sent(kt_dispatcher_t *self, kt_claim_t *claim)
{
    if (!claim->sent && claim->created_wall_ms)
        kt_histogram_add(&self->opts.counters->queue, 1000 * (kt_clock_wall_ms() - claim->created_wall_ms));
    claim->sent = true;
}

// A batch may need several frames, which carry the same number.
static void
dispatcher_act_send(kt_dispatcher_t *self, const kt_action_t *action)
{
    size_t           bytes = FRAME_HEAD_BYTES, first = 0, n = 0;
    const kt_peer_t *peer = kt_peers_find(self->opts.peers, action->node);
    if (peer && peer->cancels.length)  // first, because the batch takes the room of the cancelled jobs
        kt_peers_flush(self->opts.peers, dispatcher_send_to_peer, self);
    kt_buf_clear(&self->works);
    for (size_t i = 0; i < action->count; i++) {
        const kt_sent_t *sent  = &self->actions.jobs[action->first_job + i];
        kt_claim_t      *claim = sent->tag;
        kt_wire_work_t   work  = {.job         = sent->id.job,
                                  .run         = sent->id.run,
                                  .attempt     = sent->attempt,
                                  .body        = {claim->body, claim->body_bytes},
                                  .cost_ms     = sent->cost_ms,
                                  .deadline_ms = (uint64_t)self->opts.job_deadline_ms,
                                  .isolated    = action->isolated,
                                  .exclusive   = action->exclusive,
                                  .credential  = {(const char *)claim->credential.bytes, KT_CREDENTIAL_BYTES}};
        size_t           more  = kt_wire_work_bytes(&work);
        dispatcher_count_sent(self, claim);
        if (n > first && (bytes + more > KT_MAX_FRAME_BYTES || n - first == BATCH_ITEMS)) {
            dispatcher_send_batch(self, action, first, n - first);
            first = n;
            bytes = FRAME_HEAD_BYTES;
        }
        kt_buf_add(&self->works, &work, sizeof work);
        dispatcher_sign(self, peer, sent, claim);
        if (self->works.err)
            break;  // the next BEATs lack the unsent jobs, which are then sent again
        bytes += more;
        n++;
    }
    if (n > first)
        dispatcher_send_batch(self, action, first, n - first);
    kt_log_debug("BATCH-SENT", "peer=%#llx batch=%llu jobs=%u solo=%d", (unsigned long long)action->node,
                 (unsigned long long)action->batch, action->count, action->isolated);
}

// Stored outcomes alone are counted: a node repeats those whose acknowledgement was lost.
static void
dispatcher_count_stored(kt_dispatcher_t *self, const kt_ledger_request_t *request)
{
    const kt_result_t *result   = &request->store.result;
    kt_counters_t     *counters = self->opts.counters;
    const kt_claim_t  *claim    = kt_claims_find(&self->claims, result->id);
    kt_counters_outcome(counters, request->type == KT_LREQ_FAIL, -(int)result->err);
    kt_counters_decoder(counters, -(int)result->err);
    if (claim && claim->created_wall_ms)
        kt_histogram_add(&counters->whole, 1000 * (kt_clock_wall_ms() - claim->created_wall_ms));
    if (result->err)
        return;
    if (result->processing_us)
        kt_histogram_add(&counters->job, result->processing_us);
    for (size_t i = 0; i < result->n_stages; i++) {
        kt_counters_stage(counters, result->stages[i].name, result->stages[i].us);
        counters->node_cache_hits += strcmp(result->stages[i].name, "cache") == 0;  // a stage of hits alone
    }
}

static void
dispatcher_report_stored(kt_dispatcher_t *self, const kt_ledger_request_t *request)
{
    kt_event_t event = {.type = KT_EV_STORED, .id = request->store.result.id};
    if (request->err == KT_ECLOSED)
        return;  // the process is ending
    if (kt_err_verdict(request->err) == KT_VERDICT_CRASH) {
        dispatcher_fail(self, "LEDGER-BROKEN", request->err);
        return;
    }
    if (request->err != KT_EFENCED && kt_err_verdict(request->err) == KT_VERDICT_RETRY)
        event.type = KT_EV_COMMIT_UNKNOWN;
    event.stored.failure = request->type == KT_LREQ_FAIL;
    event.stored.how     = request->err == KT_EFENCED ? KT_STORED_FENCED
                           : request->err             ? KT_STORED_BAD_DATA
                                                      : request->store.stored;
    if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_NEW)
        dispatcher_count_stored(self, request);
    if (event.type == KT_EV_STORED && event.stored.how == KT_STORED_ALREADY)
        self->opts.counters->late_results++;
    kt_dispatcher_step_or_fail(self, &event);
}

static void
dispatcher_observe(kt_dispatcher_t *self, const kt_ledger_request_t *request)
{
    if (!request->err && request->store.stored == KT_STORED_NEW)
        self->opts.on_outcome(self->opts.context, request);
}

// The payload gets its request back before the event, in which the scheduler may post or drop it again.
static void
dispatcher_on_payload_stored(void *context, kt_ledger_request_t **request_p)
{
    kt_payload_t        *payload = context;
    kt_dispatcher_t     *self    = payload->owner;
    kt_ledger_request_t *request = *request_p;
    dispatcher_observe(self, request);
    payload->posted  = false;
    payload->request = request;
    *request_p       = NULL;
    if (payload->dropped)
        kt_tag_destroy(payload);
    else
        dispatcher_report_stored(self, request);
}

// A failure without a node's document has no payload.
static void
dispatcher_on_failure_stored(void *context, kt_ledger_request_t **request_p)
{
    dispatcher_observe(context, *request_p);
    dispatcher_report_stored(context, *request_p);
}

static void
dispatcher_post_payload(kt_dispatcher_t *self, kt_payload_t *payload, kt_ledger_request_type_t type)
{
    if (payload->posted)
        return;  // already with the ledger: its answer follows
    kt_ledger_request_t *request = payload->request;
    request->type                = type;
    request->err                 = KT_OK;
    request->context             = payload;
    request->answered            = dispatcher_on_payload_stored;
    payload->request             = NULL;
    payload->posted              = true;
    payload->owner               = self;
    kt_ledger_port_post(self->opts.port, &request);
}

// The document of a failure that no node reported, such as a lost node.
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
    // An input message that does not parse gives a document without ids.
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

// Of the job's message, while its claim is held.
static const char *
dispatcher_log_fields(const kt_dispatcher_t *self, kt_run_id_t id, char out[KT_JOB_LOG])
{
    const kt_claim_t *claim = kt_claims_find(&self->claims, id);
    return kt_job_log_fields(claim ? claim->body : NULL, claim ? claim->body_bytes : 0, out);
}

static void
dispatcher_act_fail(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_payload_t *payload = action->tag;
    char          fields[KT_JOB_LOG];
    kt_log_info("JOB-FAILED", "job=%llu run=%u attempt=%u err=%s %s", (unsigned long long)action->id.job,
                action->id.run, action->attempt, kt_err_name(action->err),
                dispatcher_log_fields(self, action->id, fields));
    if (payload && (payload->posted || payload->request->store.result.err == action->err)) {
        dispatcher_post_payload(self, payload, KT_LREQ_FAIL);
        return;
    }

    // A document of this coordinator.
    kt_ledger_request_t *request =
        kt_ledger_port_request(self->opts.port, KT_LREQ_FAIL, self, dispatcher_on_failure_stored);
    if (!request)
        return;
    kt_result_t *result = &request->store.result;
    const char  *node   = action->node_name ? action->node_name : "";
    snprintf(request->store.detail, sizeof request->store.detail, "attempt %u%s%s", action->attempt,
             action->node_name ? " on " : "", node);
    snprintf(request->store.node_name, sizeof request->store.node_name, "%s", node);
    kt_claim_t *claim = action->bare ? NULL : kt_claims_find(&self->claims, action->id);
    kt_err_t    err =
        write_failure(claim, action->err, request->store.detail, &request->store.document, &result->document_bytes);
    if (err) {
        kt_ledger_request_destroy(&request);
        dispatcher_fail(self, "FAILURE-NOT-WRITTEN", err);
        return;
    }
    result->document  = request->store.document;
    result->detail    = request->store.detail;
    result->node_name = request->store.node_name;
    result->id        = action->id;
    result->attempt   = action->attempt;
    result->err       = action->err;
    result->wall_ms   = kt_clock_wall_ms();
    kt_ledger_port_post(self->opts.port, &request);
}

// ACK, NACK, CANCEL: gathered per peer until the turn ends.
static void
dispatcher_act_ref(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_peer_t *peer = kt_peers_find(self->opts.peers, action->node);
    if (!peer)
        return;
    if (action->type == KT_ACT_ACK)
        kt_peer_ack(self->opts.peers, peer, action->id);
    else if (action->type == KT_ACT_NACK)
        kt_peer_nack(self->opts.peers, peer, action->id, action->err);
    else
        kt_peer_cancel(self->opts.peers, peer, action->id);
}

static void
dispatcher_on_released(void *context, kt_ledger_request_t **request_p)
{
    kt_dispatcher_t           *self    = context;
    const kt_ledger_request_t *request = *request_p;
    if (request->err == KT_EFENCED)
        kt_lease_lose(self->opts.lease, "another holds it");
    else if (request->err)
        kt_log_warn("LEDGER-REFUSED", "request=%d err=%s", request->type, kt_err_name(request->err));
}

static void
dispatcher_act_blame(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = kt_ledger_port_request(self->opts.port, KT_LREQ_BLAME, self, dispatcher_on_released);
    if (!request)
        return;
    kt_attempt_t *attempt = &request->blame.attempt;
    snprintf(request->blame.node_name, sizeof request->blame.node_name, "%s",
             action->node_name ? action->node_name : "");
    attempt->id        = action->id;
    attempt->attempt   = action->attempt;
    attempt->err       = action->err;
    attempt->crash     = action->err == KT_ENODELOST || action->err == KT_ECRASH;
    attempt->node_name = request->blame.node_name;
    attempt->wall_ms   = kt_clock_wall_ms();
    char fields[KT_JOB_LOG];
    kt_counters_decoder(self->opts.counters, -(int)action->err);
    kt_log_warn("JOB-BLAMED", "job=%llu run=%u attempt=%u err=%s node=%s %s", (unsigned long long)action->id.job,
                action->id.run, action->attempt, kt_err_name(action->err), attempt->node_name,
                dispatcher_log_fields(self, action->id, fields));
    kt_ledger_port_post(self->opts.port, &request);
}

static void
dispatcher_act_doubt(kt_dispatcher_t *self, const kt_action_t *action)
{
    char fields[KT_JOB_LOG];
    self->opts.counters->doubted_failures++;
    kt_counters_decoder(self->opts.counters, -(int)action->err);
    kt_log_info("JOB-DOUBTED", "job=%llu run=%u attempt=%u err=%s node=%s %s", (unsigned long long)action->id.job,
                action->id.run, action->attempt, kt_err_name(action->err), action->node_name,
                dispatcher_log_fields(self, action->id, fields));
}

static void
dispatcher_act_take_back(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_taken_back_t *counts = &self->opts.counters->taken_back;
    *(action->on ? &counts->stalled : &counts->waiting) += action->count;
    if (action->on && action->err)
        kt_log_warn("NODE-HOARDS", "node=%s jobs=%u ended_none_s=%lld", action->node_name, action->count,
                    (long long)(action->for_ms / 1000));
    else if (action->on)
        kt_log_warn("NODE-STALLED", "node=%s jobs=%u quiet_s=%lld", action->node_name, action->count,
                    (long long)(action->for_ms / 1000));
    else
        kt_log_info("JOBS-TAKEN-BACK", "node=%s jobs=%u waited_s=%lld", action->node_name, action->count,
                    (long long)(action->for_ms / 1000));
}

// False: out of memory.
static bool
dispatcher_release(kt_dispatcher_t *self, kt_run_id_t id)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_RELEASE, self);
    if (!request)
        return false;
    request->answered   = dispatcher_on_released;
    request->release.id = id;
    kt_ledger_port_post(self->opts.port, &request);
    return true;
}

void
kt_dispatcher_send_drain(kt_dispatcher_t *self, const char *node_name, bool on, const char *reason)
{
    kt_msg_t   msg  = {.type = KT_MSG_DRAIN, .drain = {.on = on, .reason = kt_bytes_of(reason)}};
    kt_peer_t *peer = kt_peers_named(self->opts.peers, node_name);
    if (peer)
        kt_dispatcher_send(self, peer->handle, &msg);
}

static void
dispatcher_on_asked(void *context, kt_ledger_request_t **request_p)
{
    kt_dispatcher_apply_ask(context, *request_p);
}

static void
dispatcher_act_drain(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = kt_ledger_port_request(self->opts.port, KT_LREQ_ASK, self, dispatcher_on_asked);
    if (!request)
        return;
    snprintf(request->ask.node_name, sizeof request->ask.node_name, "%s", action->node_name);
    snprintf(request->ask.by, sizeof request->ask.by, "%s", self->opts.lease->coordinator);
    char why[DRAIN_WHY] = "one crash after another";
    if (action->err)
        snprintf(why, sizeof why, "%u files failed here with %s, and not on other nodes", action->count,
                 kt_err_name(action->err));
    snprintf(request->ask.why, sizeof request->ask.why, "%s", why);
    request->ask.ask = (kt_ask_t){.type      = action->on ? KT_ASK_DRAIN : KT_ASK_UNDRAIN,
                                  .node_name = request->ask.node_name,
                                  .by        = request->ask.by,
                                  .why       = request->ask.why};
    kt_log_error("NODE-BLACK-HOLE", "node=%s drained=%d err=%s text=\"%s\"", action->node_name, action->on,
                 kt_err_name(action->err ? action->err : KT_ECRASH), why);
    kt_drains_set(self->opts.drains, action->node_name, action->on);
    kt_dispatcher_send_drain(self, action->node_name, action->on, why);
    kt_ledger_port_post(self->opts.port, &request);
}

static void
dispatcher_act_drop(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_tag_t *tag = action->tag;
    if (tag->kind == KT_TAG_PAYLOAD && ((kt_payload_t *)action->tag)->posted) {
        ((kt_payload_t *)action->tag)->dropped = true;
        return;
    }
    if (tag->kind == KT_TAG_CLAIM)
        kt_claims_drop(&self->claims, action->tag);
    kt_tag_destroy(action->tag);
}

static void
dispatcher_act(kt_dispatcher_t *self, const kt_action_t *action)
{
    kt_msg_t who = {.type = KT_MSG_WHO, .who = {.wire = KT_WIRE_VERSION}};
    switch (action->type) {
    case KT_ACT_CLAIM: dispatcher_act_claim(self, action); break;
    case KT_ACT_SEND: dispatcher_act_send(self, action); break;
    case KT_ACT_ACK:
    case KT_ACT_NACK:
    case KT_ACT_CANCEL: dispatcher_act_ref(self, action); break;
    case KT_ACT_STORE: dispatcher_post_payload(self, action->tag, KT_LREQ_STORE); break;
    case KT_ACT_FAIL: dispatcher_act_fail(self, action); break;
    case KT_ACT_BLAME: dispatcher_act_blame(self, action); break;
    case KT_ACT_DOUBT: dispatcher_act_doubt(self, action); break;
    case KT_ACT_TAKE_BACK: dispatcher_act_take_back(self, action); break;
    case KT_ACT_RELEASE:
        if (!dispatcher_release(self, action->id))
            dispatcher_fail(self, "LEDGER-REQUEST-LOST", KT_ENOMEM);
        break;
    case KT_ACT_DRAIN: dispatcher_act_drain(self, action); break;
    case KT_ACT_WHO: kt_dispatcher_send(self, action->node, &who); break;
    case KT_ACT_CHECK_LEASE: kt_lease_check(self->opts.lease); break;
    case KT_ACT_DROP: dispatcher_act_drop(self, action); break;
    case KT_ACTIONS: break;
    }
}

kt_err_t
kt_dispatcher_step(kt_dispatcher_t *self, const kt_event_t *event)
{
    int64_t now_ms = kt_clock_ms();
    kt_lease_guard(self->opts.lease, now_ms);
    if (self->failed)  // the scheduler could not be told that the lease is lost: it would send as if it were held
        return KT_ESTATE;
    kt_err_t err = kt_sched_step(self->sched, event, now_ms, &self->actions);
    if (err)
        return err;
    for (size_t i = 0; i < self->actions.n; i++)
        dispatcher_act(self, &self->actions.at[i]);
    return KT_OK;
}

void
kt_dispatcher_step_or_fail(kt_dispatcher_t *self, const kt_event_t *event)
{
    kt_err_t err = kt_dispatcher_step(self, event);
    if (err)
        dispatcher_fail(self, "STEP-FAILED", err);
}

void
kt_dispatcher_report_work(kt_dispatcher_t *self)
{
    kt_event_t event = {.type = KT_EV_WORK};
    if (!self->work_pending)
        return;
    self->work_pending = false;
    kt_dispatcher_step_or_fail(self, &event);
}

void
kt_dispatcher_apply_ask(kt_dispatcher_t *self, const kt_ledger_request_t *request)
{
    const kt_ask_t *ask   = &request->ask.ask;
    kt_event_t      event = {.id = ask->id};
    if (request->err || ask->how)
        return;
    switch (ask->type) {
    case KT_ASK_CANCEL:
        event.type = KT_EV_CANCEL;
        // Another coordinator may have claimed the run: its nodes stop it and report that to that coordinator, which
        // then releases the run.
        for (size_t i = 0; i < self->opts.peers->n && !kt_claims_find(&self->claims, ask->id); i++)
            kt_peer_cancel(self->opts.peers, self->opts.peers->at[i], ask->id);
        break;
    case KT_ASK_RETRY: self->work_pending = true; return;
    case KT_ASK_DRAIN:
    case KT_ASK_UNDRAIN:
        event.type       = KT_EV_DRAIN;
        event.drain.name = request->ask.node_name;
        event.drain.on   = ask->type == KT_ASK_DRAIN;
        kt_drains_set(self->opts.drains, request->ask.node_name, event.drain.on);
        kt_dispatcher_send_drain(self, request->ask.node_name, event.drain.on,
                                 *request->ask.why ? request->ask.why : "asked by an operator");
        kt_log_info("NODE-DRAIN", "node=%s on=%d", request->ask.node_name, event.drain.on);
        break;
    }
    kt_dispatcher_step_or_fail(self, &event);
}

void
kt_dispatcher_drain_all(kt_dispatcher_t *self)
{
    self->draining = true;
    for (size_t i = 0; i < self->opts.peers->n; i++) {
        kt_event_t event = {.type = KT_EV_DRAIN};
        event.drain.name = self->opts.peers->at[i]->name;
        event.drain.on   = true;
        kt_dispatcher_step_or_fail(self, &event);
    }
}

bool
kt_dispatcher_is_idle(const kt_dispatcher_t *self)
{
    kt_sched_view_t view;
    kt_sched_view(self->sched, &view);
    return view.sent + view.running + view.storing == 0;
}

size_t
kt_dispatcher_release_all(kt_dispatcher_t *self)
{
    size_t n = 0;
    for (size_t i = 0; i < self->claims.capacity && self->opts.lease->held; i++) {
        const kt_claim_t *claim = self->claims.slots[i];
        n += claim && dispatcher_release(self, claim->id);
    }
    return n;
}
