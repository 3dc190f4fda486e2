// Questions from HTTP threads: a snapshot now, ledger requests posted and collected until all are answered. The loop
// does nothing here that takes long: parsing and rendering are the asker's.
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Askers give up after a while, their requests stay until the ledger answers: while it does not, so many calls are owed
// at most. Those who still wait have a connection each.
enum { CALLS_A_TURN = 64, NODES_MAX = 4096, CALLS_OWED = 2 * KT_HTTP_CONNECTIONS };

static void
describe_node(const kt_coordinator_t *self, kt_node_row_t *row)
{
    const kt_peer_t *peer = kt_peers_find(&self->peers, row->view.handle);
    if (!peer)
        return;
    snprintf(row->host, sizeof row->host, "%s", peer->host);
    snprintf(row->version, sizeof row->version, "%s", peer->version);
    snprintf(row->device, sizeof row->device, "%s", peer->device);
    row->memory_mb   = peer->memory_mb;
    row->gpu         = peer->gpu;
    row->incarnation = peer->incarnation;
}

static void
take_nodes(kt_coordinator_t *self, kt_snapshot_t *out)
{
    size_t          all   = kt_sched_view_nodes(self->sched, kt_clock_ms(), NULL, 0);
    size_t          room  = all < NODES_MAX ? all : NODES_MAX;
    kt_node_view_t *views = calloc(room ? room : 1, sizeof *views);
    out->nodes            = calloc(room ? room : 1, sizeof *out->nodes);
    if (views && out->nodes) {
        all          = kt_sched_view_nodes(self->sched, kt_clock_ms(), views, room);
        out->n_nodes = all < room ? all : room;
    }
    for (size_t i = 0; i < out->n_nodes; i++) {
        out->nodes[i].view = views[i];
        describe_node(self, &out->nodes[i]);
    }
    free(views);
}

static void
take_tallies(const kt_coordinator_t *self, kt_snapshot_t *out)
{
    out->tally          = self->counters.tally;
    out->late_results   = self->counters.late_results;
    out->bad_frames     = self->counters.bad_frames;
    out->keys_refused   = kt_zap_refused(self->zap);
    out->refused_hellos = self->counters.refused_hellos;

    out->connections_ended = self->counters.connections_ended;
    out->handshakes_failed = self->counters.handshakes_failed;
    out->lease_epoch       = self->lease.epoch;
    out->ledger_waiting    = kt_ledger_actor_waiting(self->port.actor);
    out->overflow_waiting  = kt_ledger_port_overflow(&self->port);
}

static void
take_snapshot(kt_coordinator_t *self, kt_call_t *call)
{
    kt_snapshot_t *out = &call->snapshot;
    snprintf(out->coordinator, sizeof out->coordinator, "%s", self->name);
    out->ledger_kind = self->ledger_kind;
    out->uptime_ms   = kt_clock_ms() - self->counters.started_ms;
    out->draining    = self->draining;
    out->totals      = self->totals;
    out->rate_per_s  = kt_counters_rate(&self->counters, kt_clock_ms());
    out->nodes_all   = (uint32_t)kt_sched_view_nodes(self->sched, kt_clock_ms(), NULL, 0);
    out->n_stages    = self->counters.n_stages;
    take_tallies(self, out);
    kt_core_amqp_stats(self, &out->amqp);
    memcpy(out->stages, self->counters.stages, sizeof out->stages);
    for (size_t i = 0; i < self->peers.n; i++)
        out->gpu_nodes += strncmp(self->peers.at[i]->device, "cpu", 3) != 0;
    kt_sched_view(self->sched, &out->view);
    if (call->wants_job.job)
        out->job_known = kt_sched_view_job(self->sched, call->wants_job, kt_clock_ms(), &out->job);
    if (call->wants_nodes)
        take_nodes(self, out);
}

static void
owe(kt_coordinator_t *self, kt_call_t *call)
{
    call->previous = NULL;
    call->next     = self->owed;
    if (self->owed)
        self->owed->previous = call;
    self->owed = call;
    self->n_owed++;
}

static void
settle(kt_coordinator_t *self, kt_call_t *call, kt_err_t err)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        self->owed = call->next;
    if (call->next)
        call->next->previous = call->previous;
    call->next = call->previous = NULL;
    self->n_owed--;
    kt_call_finish(call, err);
}

// Fresh totals only from a ledger that answers; else the last known ones serve.
static bool
add_totals(const kt_coordinator_t *self, kt_call_t *call)
{
    if (!call->wants_totals || self->port.err || self->n_owed > CALLS_OWED)
        return true;
    call->requests[0] = kt_ledger_request_new(KT_LREQ_TOTALS, call);
    call->n_requests  = call->requests[0] != NULL;
    return call->n_requests;
}

// Another coordinator may have claimed it and nodes may work on it for that one: they stop, and say so there, where the
// run is then handed back to the ledger.
static void
cancel_everywhere(kt_coordinator_t *self, kt_run_id_t id)
{
    for (size_t i = 0; i < self->peers.n && !kt_claims_find(&self->claims, id); i++)
        kt_peer_cancel(&self->peers, self->peers.at[i], id);
}

static void
after_ask(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    const kt_ask_t *ask   = &request->ask.ask;
    kt_event_t      event = {.id = ask->id};
    if (request->err || ask->how)
        return;
    switch (ask->type) {
    case KT_ASK_CANCEL:
        event.type = KT_EV_CANCEL;
        cancel_everywhere(self, ask->id);
        break;
    case KT_ASK_RETRY: self->work_came = true; return;
    case KT_ASK_DRAIN:
    case KT_ASK_UNDRAIN:
        event.type       = KT_EV_DRAIN;
        event.drain.name = request->ask.node_name;
        event.drain.on   = ask->type == KT_ASK_DRAIN;
        kt_drains_set(&self->drains, request->ask.node_name, event.drain.on);
        kt_core_tell_drain(self, request->ask.node_name, event.drain.on, "asked by an operator");
        kt_log_info("NODE-DRAIN", "node=%s on=%d", request->ask.node_name, event.drain.on);
        break;
    }
    kt_core_step_or_fail(self, &event);
}

static void
after_insert(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    if (request->err)
        return;
    kt_outcome_counts_t *tally = &self->counters.tally;
    switch (request->insert.inserted) {
    case KT_INSERTED_NEW:
        tally->submitted_new++;
        self->work_came = true;  // said once a turn
        break;
    case KT_INSERTED_KNOWN: tally->submitted_known++; break;
    case KT_INSERTED_CLASH: tally->submitted_clash++; break;
    }
}

static void
after(kt_coordinator_t *self, const kt_ledger_request_t *request)
{
    if (request->type == KT_LREQ_ASK)
        after_ask(self, request);
    else if (request->type == KT_LREQ_INSERT)
        after_insert(self, request);
    else if (request->type == KT_LREQ_CALL) {
        self->work_came = true;  // a retry
        kt_backfiller_wake(self->backfiller);
    } else if (request->type == KT_LREQ_TOTALS && !request->err)
        self->totals = request->totals.totals;
}

void
kt_core_ask_answered(void *context, kt_ledger_request_t **request_p)
{
    after_ask(context, *request_p);
}

static void
on_answered(void *context, kt_ledger_request_t **request_p)
{
    kt_call_t        *call = context;
    kt_coordinator_t *self = call->owner;
    after(self, *request_p);
    if (call->wants_totals)
        call->snapshot.totals = self->totals;
    call->requests[call->n_answered++] = *request_p;  // requests of one kind are answered in their order
    *request_p                         = NULL;
    if (call->n_answered == call->n_requests)
        settle(self, call, KT_OK);
}

static void
begin(kt_coordinator_t *self, kt_call_t *call)
{
    if (call->n_requests && self->n_owed >= CALLS_OWED) {
        kt_call_finish(call, KT_EFULL);
        return;
    }
    call->owner = self;
    owe(self, call);
    take_snapshot(self, call);
    if (!add_totals(self, call)) {
        settle(self, call, KT_ENOMEM);
        return;
    }
    size_t n = call->n_requests;
    if (!n) {
        settle(self, call, KT_OK);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        kt_ledger_request_t *request = call->requests[i];
        request->context             = call;
        request->answered            = on_answered;
        call->requests[i]            = NULL;
        kt_ledger_port_post(&self->port, &request);
    }
}

void
kt_core_calls(void *context)
{
    kt_coordinator_t *self = context;
    void             *calls[CALLS_A_TURN];
    size_t            n = 0;
    if (kt_queue_pop(self->calls, calls, CALLS_A_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++)
        begin(self, calls[i]);
}

void
kt_core_calls_close(kt_coordinator_t *self)
{
    void  *calls[CALLS_A_TURN];
    size_t n = 0;
    kt_queue_close(self->calls);
    while (!kt_queue_pop(self->calls, calls, CALLS_A_TURN, &n, 0))
        for (size_t i = 0; i < n; i++)
            kt_call_finish(calls[i], KT_ECLOSED);
    while (self->owed)
        settle(self, self->owed, KT_ECLOSED);
}
