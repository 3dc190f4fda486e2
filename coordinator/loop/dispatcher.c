// What the scheduler decides becomes frames and ledger requests. A table of one handler an action.
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/loop/core.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Room for the array's and the fields' own lengths within a frame.
enum { FRAME_HEAD_BYTES = 1024, BATCH_ITEMS = 1000 };

void
kt_core_send(kt_coordinator_t *self, kt_node_handle_t to, const kt_msg_t *msg)
{
    kt_buf_clear(&self->frame);
    kt_err_t err = kt_wire_encode(msg, &self->frame);
    if (!err)
        err = self->frame.err;
    if (err) {
        kt_log_error("ENCODE-FAILED", "message=%s err=%s", kt_msg_name(msg->type), kt_err_name(err));
        return;
    }
    err = kt_link_send(self->link, to, self->frame.bytes, self->frame.length);
    if (err == KT_EUNREACHABLE)
        kt_buf_add(&self->refused, &to, sizeof to);  // told to the scheduler after this step
    else if (err)
        kt_log_debug("SEND-LOST", "message=%s node=%#llx", kt_msg_name(msg->type), (unsigned long long)to);
}

static void
send_to_peer(void *context, kt_peer_t *peer, const kt_msg_t *msg)
{
    kt_core_send(context, peer->handle, msg);
}

// Tells the scheduler of connections that turned out to be gone; each step may find more.
static void
tell_refused(kt_coordinator_t *self)
{
    while (self->refused.length && !self->failed) {
        kt_event_t event = {.type = KT_EV_SEND_REFUSED};
        self->refused.length -= sizeof event.node;
        memcpy(&event.node, self->refused.bytes + self->refused.length, sizeof event.node);
        kt_peers_remove(&self->peers, event.node);
        kt_core_step_or_fail(self, &event);
    }
}

void
kt_core_flush(void *context)
{
    kt_coordinator_t *self = context;
    kt_peers_flush(&self->peers, send_to_peer, self);
    tell_refused(self);
}

void
kt_core_post(kt_coordinator_t *self, kt_ledger_request_t *request)
{
    if (!self->overflow.length && !kt_ledger_actor_post(self->actor, &request))
        return;
    kt_buf_add(&self->overflow, &request, sizeof request);
    if (self->overflow.err)
        kt_core_fail(self, "LEDGER-REQUEST-LOST", self->overflow.err);
}

void
kt_core_post_overflow(kt_coordinator_t *self)
{
    size_t posted = 0, bytes = sizeof(kt_ledger_request_t *);
    while (posted < self->overflow.length) {
        kt_ledger_request_t *request;
        memcpy(&request, self->overflow.bytes + posted, bytes);
        if (kt_ledger_actor_post(self->actor, &request))
            break;
        posted += bytes;
    }
    if (!posted)
        return;
    memmove(self->overflow.bytes, self->overflow.bytes + posted, self->overflow.length - posted);
    self->overflow.length -= posted;
}

static kt_ledger_request_t *
new_request(kt_coordinator_t *self, kt_ledger_request_type_t type)
{
    kt_ledger_request_t *request = kt_ledger_request_new(type, NULL);
    if (!request)
        kt_core_fail(self, "LEDGER-REQUEST-LOST", KT_ENOMEM);
    return request;
}

static void
act_claim(kt_coordinator_t *self, const kt_action_t *action)
{
    if (self->draining || self->claiming)
        return;
    kt_ledger_request_t *request = new_request(self, KT_LREQ_CLAIM);
    if (!request)
        return;
    request->claim.want = action->count;
    self->claiming      = true;
    kt_core_post(self, request);
}

static void
send_batch(kt_coordinator_t *self, const kt_action_t *action, const kt_wire_work_t *works, size_t n)
{
    kt_msg_t msg       = {.type = KT_MSG_BATCH};
    msg.batch.number   = action->batch;
    msg.batch.items.at = works;
    msg.batch.items.n  = n;
    kt_core_send(self, action->node, &msg);
}

// One batch may need several frames; they carry the same number.
static void
act_send(kt_coordinator_t *self, const kt_action_t *action)
{
    size_t bytes = FRAME_HEAD_BYTES, first = 0, n = 0;
    kt_buf_clear(&self->works);
    for (size_t i = 0; i < action->count; i++) {
        const kt_sent_t  *sent  = &self->actions.jobs[action->first_job + i];
        const kt_claim_t *claim = sent->tag;
        kt_wire_work_t    work  = {.job         = sent->id.job,
                                   .run         = sent->id.run,
                                   .attempt     = sent->attempt,
                                   .body        = {claim->body, claim->body_bytes},
                                   .cost_ms     = sent->cost_ms,
                                   .deadline_ms = (uint64_t)self->settings->job_deadline_s * 1000,
                                   .solo        = action->solo,
                                   .alone       = action->alone};
        size_t            more  = kt_wire_work_bytes(&work);
        if (n > first && (bytes + more > KT_MAX_FRAME_BYTES || n - first == BATCH_ITEMS)) {
            send_batch(self, action, (const kt_wire_work_t *)(void *)self->works.bytes + first, n - first);
            first = n;
            bytes = FRAME_HEAD_BYTES;
        }
        kt_buf_add(&self->works, &work, sizeof work);
        if (self->works.err)
            break;  // the node's beats will not hold what was not sent
        bytes += more;
        n++;
    }
    if (n > first)
        send_batch(self, action, (const kt_wire_work_t *)(void *)self->works.bytes + first, n - first);
    kt_log_debug("BATCH-SENT", "node=%#llx batch=%llu jobs=%u solo=%d", (unsigned long long)action->node,
                 (unsigned long long)action->batch, action->count, action->solo);
}

static void
act_cancel(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_peer_t *peer = kt_peers_find(&self->peers, action->node);
    if (peer)
        kt_peer_cancel(&self->peers, peer, action->id);
}

static void
act_ack(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_peer_t *peer = kt_peers_find(&self->peers, action->node);
    if (peer)
        kt_peer_ack(&self->peers, peer, action->id);
}

static void
act_nack(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_peer_t *peer = kt_peers_find(&self->peers, action->node);
    if (peer)
        kt_peer_nack(&self->peers, peer, action->id, action->err);
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
    payload->request             = NULL;
    payload->posted              = true;
    kt_core_post(self, request);
}

static void
act_store(kt_coordinator_t *self, const kt_action_t *action)
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
    kt_ledger_request_t *request = new_request(self, KT_LREQ_FAIL);
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

static void
act_fail(kt_coordinator_t *self, const kt_action_t *action)
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
        kt_core_post(self, request);
}

static void
act_blame(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = new_request(self, KT_LREQ_BLAME);
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
    kt_log_warn("JOB-BLAMED", "job=%llu run=%u attempt=%u err=%s node=%s", (unsigned long long)action->id.job,
                action->id.run, action->attempt, kt_err_name(action->err), attempt->node_name);
    kt_core_post(self, request);
}

static void
act_release(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = new_request(self, KT_LREQ_RELEASE);
    if (!request)
        return;
    request->release.id = action->id;
    kt_core_post(self, request);
}

bool
kt_core_is_drained(const kt_coordinator_t *self, const char *node_name)
{
    for (size_t at = 0; at < self->drained.length; at += KT_PEER_TEXT)
        if (strcmp(self->drained.bytes + at, node_name) == 0)
            return true;
    return false;
}

void
kt_core_set_drained(kt_coordinator_t *self, const char *node_name, bool on)
{
    char name[KT_PEER_TEXT] = "";
    snprintf(name, sizeof name, "%s", node_name);
    self->marks++;
    if (on) {
        if (!kt_core_is_drained(self, name))
            kt_buf_add(&self->drained, name, sizeof name);
        return;
    }
    for (size_t at = 0; at < self->drained.length; at += sizeof name)
        if (strcmp(self->drained.bytes + at, name) == 0) {
            self->drained.length -= sizeof name;
            memmove(self->drained.bytes + at, self->drained.bytes + self->drained.length, sizeof name);
            return;
        }
}

void
kt_core_tell_drain(kt_coordinator_t *self, const char *node_name, bool on, const char *reason)
{
    kt_msg_t   msg  = {.type = KT_MSG_DRAIN, .drain = {.on = on, .reason = kt_bytes_of(reason)}};
    kt_peer_t *peer = kt_peers_named(&self->peers, node_name);
    if (peer)
        kt_core_send(self, peer->handle, &msg);
}

static void
act_drain(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = new_request(self, KT_LREQ_ASK);
    if (!request)
        return;
    snprintf(request->ask.node_name, sizeof request->ask.node_name, "%s", action->node_name);
    request->ask.ask =
        (kt_ask_t){.type = action->on ? KT_ASK_DRAIN : KT_ASK_UNDRAIN, .node_name = request->ask.node_name};
    kt_log_error("NODE-BLACK-HOLE", "node=%s drained=%d", action->node_name, action->on);
    kt_core_set_drained(self, action->node_name, action->on);
    kt_core_tell_drain(self, action->node_name, action->on, "one crash after another");
    kt_core_post(self, request);
}

static void
act_who(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_msg_t msg = {.type = KT_MSG_WHO, .who = {.wire = KT_WIRE_VERSION}};
    kt_core_send(self, action->node, &msg);
}

static void
act_check_lease(kt_coordinator_t *self, const kt_action_t *action)
{
    (void)action;
    kt_core_lease_check(self);
}

static void
act_drop(kt_coordinator_t *self, const kt_action_t *action)
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

typedef void act_fn(kt_coordinator_t *self, const kt_action_t *action);

static act_fn *const ACTS[KT_ACTIONS] = {
    [KT_ACT_CLAIM] = act_claim, [KT_ACT_SEND] = act_send,   [KT_ACT_CANCEL] = act_cancel,
    [KT_ACT_STORE] = act_store, [KT_ACT_FAIL] = act_fail,   [KT_ACT_ACK] = act_ack,
    [KT_ACT_NACK] = act_nack,   [KT_ACT_BLAME] = act_blame, [KT_ACT_RELEASE] = act_release,
    [KT_ACT_DRAIN] = act_drain, [KT_ACT_WHO] = act_who,     [KT_ACT_CHECK_LEASE] = act_check_lease,
    [KT_ACT_DROP] = act_drop,
};

kt_err_t
kt_core_step(kt_coordinator_t *self, const kt_event_t *event)
{
    int64_t now_ms = kt_clock_ms();
    kt_core_lease_guard(self, now_ms);
    kt_err_t err = kt_sched_step(self->sched, event, now_ms, &self->actions);
    if (err)
        return err;
    for (size_t i = 0; i < self->actions.n; i++)
        ACTS[self->actions.at[i].type](self, &self->actions.at[i]);
    return KT_OK;
}

void
kt_core_step_or_fail(kt_coordinator_t *self, const kt_event_t *event)
{
    kt_err_t err = kt_core_step(self, event);
    if (err)
        kt_core_fail(self, "STEP-FAILED", err);
}
