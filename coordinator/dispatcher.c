// What the scheduler decides becomes frames and ledger requests. A table holds one handler per action.
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/core.h"
#include "coordinator/sched/cost.h"

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
        kt_buf_add(&self->refused, &to, sizeof to);  // reported to the scheduler after this step
    else if (err)
        kt_log_debug("SEND-LOST", "message=%s node=%#llx", kt_msg_name(msg->type), (unsigned long long)to);
}

static void
send_to_peer(void *context, kt_peer_t *peer, const kt_msg_t *msg)
{
    kt_core_send(context, peer->handle, msg);
}

// Reports closed connections to the scheduler; each step may find more.
static void
report_refused(kt_coordinator_t *self)
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
    report_refused(self);
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
    kt_sched_claim_t job = {.id       = claimed->id,
                            .attempts = claimed->attempts,
                            .crashes  = claimed->crashes,
                            .cost_ms  = cost_ms,
                            .tag      = claim};
    kt_buf_add(&self->jobs, &job, sizeof job);
}

static void
on_claimed(void *context, kt_ledger_request_t **request_p)
{
    kt_coordinator_t          *self    = context;
    const kt_ledger_request_t *request = *request_p;
    self->claiming                     = false;
    if (request->err == KT_EFENCED || request->err == KT_EUNKNOWN_COMMIT) {
        kt_lease_lose(&self->lease, request->err == KT_EFENCED ? "another holds it" : "a claim's outcome is unknown");
        return;
    }
    kt_buf_clear(&self->jobs);
    for (size_t i = 0; i < request->claim.n && !request->err; i++)
        take_claim(self, &request->claim.claimed[i]);
    if (self->jobs.err)
        kt_core_fail(self, "CLAIM-LOST", KT_ENOMEM);
    kt_event_t event = {.type = KT_EV_CLAIMED};
    event.jobs.at    = (const kt_sched_claim_t *)(void *)self->jobs.bytes;
    event.jobs.n     = self->jobs.length / sizeof(kt_sched_claim_t);
    kt_core_step_or_fail(self, &event);
}

static void
act_claim(kt_coordinator_t *self, const kt_action_t *action)
{
    if (self->draining || self->claiming)
        return;
    kt_ledger_request_t *request = kt_ledger_port_request(&self->port, KT_LREQ_CLAIM, self, on_claimed);
    if (!request)
        return;
    request->claim.want = action->count;
    self->claiming      = true;
    kt_ledger_port_post(&self->port, &request);
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
                                   .isolated    = action->isolated,
                                   .exclusive   = action->exclusive};
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
                 (unsigned long long)action->batch, action->count, action->isolated);
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
on_fenced(void *context, kt_ledger_request_t **request_p)
{
    kt_coordinator_t          *self    = context;
    const kt_ledger_request_t *request = *request_p;
    if (request->err == KT_EFENCED)
        kt_lease_lose(&self->lease, "another holds it");
    else if (request->err)
        kt_log_warn("LEDGER-REFUSED", "request=%d err=%s", request->type, kt_err_name(request->err));
}

static void
act_blame(kt_coordinator_t *self, const kt_action_t *action)
{
    kt_ledger_request_t *request = kt_ledger_port_request(&self->port, KT_LREQ_BLAME, self, on_fenced);
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
    kt_ledger_port_post(&self->port, &request);
}

bool
kt_core_release(kt_coordinator_t *self, kt_run_id_t id)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_RELEASE, self);
    if (!request)
        return false;
    request->answered   = on_fenced;
    request->release.id = id;
    kt_ledger_port_post(&self->port, &request);
    return true;
}

static void
act_release(kt_coordinator_t *self, const kt_action_t *action)
{
    if (!kt_core_release(self, action->id))
        kt_core_fail(self, "LEDGER-REQUEST-LOST", KT_ENOMEM);
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
    kt_ledger_request_t *request = kt_ledger_port_request(&self->port, KT_LREQ_ASK, self, kt_core_ask_answered);
    if (!request)
        return;
    snprintf(request->ask.node_name, sizeof request->ask.node_name, "%s", action->node_name);
    request->ask.ask =
        (kt_ask_t){.type = action->on ? KT_ASK_DRAIN : KT_ASK_UNDRAIN, .node_name = request->ask.node_name};
    kt_log_error("NODE-BLACK-HOLE", "node=%s drained=%d", action->node_name, action->on);
    kt_drains_set(&self->drains, action->node_name, action->on);
    kt_core_tell_drain(self, action->node_name, action->on, "one crash after another");
    kt_ledger_port_post(&self->port, &request);
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
    kt_lease_check(&self->lease);
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
    [KT_ACT_CLAIM] = act_claim,         [KT_ACT_SEND] = act_send,         [KT_ACT_CANCEL] = act_cancel,
    [KT_ACT_STORE] = kt_core_act_store, [KT_ACT_FAIL] = kt_core_act_fail, [KT_ACT_ACK] = act_ack,
    [KT_ACT_NACK] = act_nack,           [KT_ACT_BLAME] = act_blame,       [KT_ACT_RELEASE] = act_release,
    [KT_ACT_DRAIN] = act_drain,         [KT_ACT_WHO] = act_who,           [KT_ACT_CHECK_LEASE] = act_check_lease,
    [KT_ACT_DROP] = act_drop,
};

kt_err_t
kt_core_step(kt_coordinator_t *self, const kt_event_t *event)
{
    int64_t now_ms = kt_clock_ms();
    kt_lease_guard(&self->lease, now_ms);
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
