#include "coordinator/loop/queries.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_PER_TURN = 64, NODES_MAX = KT_FLEET_ROWS, RIVAL_SHOWN_MS = 60000 };

kt_err_t
kt_queries_init(kt_queries_t *self, const kt_queries_opts_t *opts)
{
    *self = (kt_queries_t){.opts = *opts};
    return kt_queue_new(&self->calls, KT_CALLS_WAITING);
}

void
kt_queries_fini(kt_queries_t *self)
{
    kt_queue_destroy(&self->calls);
}

static int
compare_rows(const void *a, const void *b)
{
    const kt_node_row_t *left = a, *right = b;
    return strcmp(left->view.name, right->view.name);
}

static void
fill_from_peer(kt_node_row_t *row, const kt_peer_t *peer, int64_t now_ms)
{
    snprintf(row->host, sizeof row->host, "%s", peer->host);
    snprintf(row->version, sizeof row->version, "%s", peer->version);
    snprintf(row->device, sizeof row->device, "%s", peer->device);
    row->memory_mb   = peer->memory_mb;
    row->gpu         = peer->gpu;
    row->incarnation = peer->incarnation;
    row->has_models  = peer->has_models;
    row->models      = peer->models;
    if (peer->rival_since_ms && now_ms - peer->rival_last_ms < RIVAL_SHOWN_MS)
        snprintf(row->rival_host, sizeof row->rival_host, "%s", peer->rival_host);
}

static void
fill_from_roster(kt_node_row_t *row, const kt_fleet_node_t *node)
{
    if (!node)
        return;
    if (!*row->host)
        snprintf(row->host, sizeof row->host, "%s", node->host);
    row->seen_ms    = node->seen_ms;
    row->drained    = node->drained;
    row->drained_ms = node->drained_ms;
    snprintf(row->drained_by, sizeof row->drained_by, "%s", node->drained_by);
    snprintf(row->drained_why, sizeof row->drained_why, "%s", node->drained_why);
}

// Those that are connected or were lost a moment ago, and those that are expected; by name.
static void
snapshot_nodes(kt_queries_t *self, kt_snapshot_t *out)
{
    int64_t            now_ms = kt_clock_ms();
    const kt_sched_t  *sched  = self->opts.dispatcher->sched;
    const kt_roster_t *roster = self->opts.roster;
    kt_node_view_t    *views  = calloc(NODES_MAX, sizeof *views);
    const char       **names  = calloc(NODES_MAX, sizeof *names);
    out->nodes                = calloc(NODES_MAX, sizeof *out->nodes);
    if (views && names && out->nodes) {
        size_t n = kt_sched_view_nodes(sched, now_ms, views, NODES_MAX);
        for (size_t i = 0; i < n && i < NODES_MAX; i++) {
            const kt_peer_t *peer = kt_peers_find(self->opts.peers, views[i].handle);
            bool             lost = strcmp(views[i].state, "lost") == 0;
            if (lost && !kt_roster_expects(roster, views[i].name))
                continue;
            kt_node_row_t *row = &out->nodes[out->n_nodes++];
            row->view          = views[i];
            row->absent        = lost;
            if (peer)
                fill_from_peer(row, peer, now_ms);
        }
        qsort(out->nodes, out->n_nodes, sizeof *out->nodes, compare_rows);
        size_t here = out->n_nodes;
        n           = kt_roster_names(roster, names, NODES_MAX);
        for (size_t i = 0; i < n && out->n_nodes < NODES_MAX; i++) {
            kt_node_row_t wanted = {.absent = true};
            snprintf(wanted.view.name, sizeof wanted.view.name, "%s", names[i]);
            if (!bsearch(&wanted, out->nodes, here, sizeof wanted, compare_rows))
                out->nodes[out->n_nodes++] = wanted;
        }
        qsort(out->nodes, out->n_nodes, sizeof *out->nodes, compare_rows);
    }
    for (size_t i = 0; i < out->n_nodes; i++) {
        kt_node_row_t *row = &out->nodes[i];
        fill_from_roster(row, kt_roster_find(roster, row->view.name));
        row->view.state = row->absent ? "absent" : row->view.state;
        out->nodes_absent += row->absent;
    }
    out->nodes_all = (uint32_t)out->n_nodes;
    free(views);
    free(names);
}

static void
snapshot_keys(kt_queries_t *self, kt_snapshot_t *out)
{
    const kt_keys_t *keys = self->opts.roster->keys;
    out->keys             = calloc(keys->n + 1, sizeof *out->keys);
    out->n_keys           = out->keys ? keys->n : 0;
    if (out->n_keys)
        memcpy(out->keys, keys->at, out->n_keys * sizeof *out->keys);
}

static void
queries_snapshot(kt_queries_t *self, kt_call_t *call)
{
    kt_snapshot_t *out = &call->snapshot;
    snprintf(out->coordinator, sizeof out->coordinator, "%s", self->opts.coordinator);
    out->uptime_ms        = kt_clock_ms() - self->opts.counters->started_ms;
    out->draining         = self->opts.dispatcher->draining;
    out->totals           = self->totals;
    out->ledger_err       = self->opts.port->err;
    out->rate_per_s       = kt_counters_rate(self->opts.counters, kt_clock_ms());
    out->n_stages         = self->opts.counters->n_stages;
    out->outcomes         = self->opts.counters->outcomes;
    out->late_results     = self->opts.counters->late_results;
    out->doubted_failures = self->opts.counters->doubted_failures;
    out->taken_back       = self->opts.counters->taken_back;
    out->bad_frames       = self->opts.counters->bad_frames;
    out->refused_hellos   = self->opts.counters->refused_hellos;

    out->refused_credentials = self->opts.counters->refused_credentials;

    out->connections_ended = self->opts.counters->connections_ended;
    out->handshakes_failed = self->opts.counters->handshakes_failed;
    out->lease_epoch       = self->opts.lease->epoch;
    out->ledger_waiting    = kt_ledger_port_waiting(self->opts.port);
    out->overflow_waiting  = kt_ledger_port_overflow(self->opts.port);
    self->opts.fill(self->opts.context, out);
    memcpy(out->stages, self->opts.counters->stages, sizeof out->stages);
    out->queue           = self->opts.counters->queue;
    out->job_times       = self->opts.counters->job;
    out->whole           = self->opts.counters->whole;
    out->decoder_deaths  = self->opts.counters->decoder_deaths;
    out->node_cache_hits = self->opts.counters->node_cache_hits;
    out->oldest_ms       = kt_claims_oldest_ms(&self->opts.dispatcher->claims);
    for (size_t i = 0; i < self->opts.peers->n; i++)
        out->gpu_nodes += strncmp(self->opts.peers->at[i]->device, "cpu", 3) != 0;
    kt_sched_view(self->opts.dispatcher->sched, &out->view);
    if (call->wants_job.job)
        out->job_known = kt_sched_view_job(self->opts.dispatcher->sched, call->wants_job, kt_clock_ms(), &out->job);
    if (call->wants_nodes)
        snapshot_nodes(self, out);
    if (call->wants_keys)
        snapshot_keys(self, out);
}

static void
queries_complete(kt_queries_t *self, kt_call_t *call, kt_err_t err)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        self->pending = call->next;
    if (call->next)
        call->next->previous = call->previous;
    call->next = call->previous = NULL;
    self->n_pending--;
    kt_call_finish(call, err);
}

static void
queries_on_answered(void *context, kt_ledger_request_t **request_p)
{
    kt_call_t                 *call     = context;
    kt_queries_t              *self     = call->owner;
    kt_outcome_counts_t       *outcomes = &self->opts.counters->outcomes;
    const kt_ledger_request_t *request  = *request_p;
    if (request->type == KT_LREQ_ASK) {
        kt_dispatcher_apply_ask(self->opts.dispatcher, request);
    } else if (request->type == KT_LREQ_CALL) {
        self->opts.dispatcher->work_pending = true;  // a retry
        self->opts.on_ledger_call(self->opts.context);
    } else if (request->type == KT_LREQ_TOTALS && !request->err) {
        self->totals = request->totals.totals;
    } else if (request->type == KT_LREQ_INSERT && !request->err) {
        outcomes->submitted_new += request->insert.inserted == KT_INSERTED_NEW;
        outcomes->submitted_known += request->insert.inserted == KT_INSERTED_KNOWN;
        outcomes->submitted_clash += request->insert.inserted == KT_INSERTED_CLASH;
        if (request->insert.inserted == KT_INSERTED_NEW)
            self->opts.dispatcher->work_pending = true;
    }

    if (call->wants_totals)
        call->snapshot.totals = self->totals;
    call->requests[call->n_answered++] = *request_p;  // requests of one kind are answered in their order
    *request_p                         = NULL;
    if (call->n_answered == call->n_requests)
        queries_complete(self, call, KT_OK);
}

void
kt_queries_begin(kt_queries_t *self, kt_call_t *call)
{
    if (call->n_requests && self->n_pending >= KT_CALLS_PENDING) {
        kt_call_finish(call, KT_EFULL);
        return;
    }
    call->owner    = self;
    call->previous = NULL;
    call->next     = self->pending;
    if (self->pending)
        self->pending->previous = call;
    self->pending = call;
    self->n_pending++;
    queries_snapshot(self, call);
    // Totals are read from a ledger that is up; else the last known ones are shown.
    if (call->wants_totals && !self->opts.port->err && self->n_pending <= KT_CALLS_PENDING) {
        call->requests[0] = kt_ledger_request_new(KT_LREQ_TOTALS, call);
        call->n_requests  = call->requests[0] != NULL;
        if (!call->n_requests) {
            queries_complete(self, call, KT_ENOMEM);
            return;
        }
    }
    size_t n = call->n_requests;
    if (!n) {
        queries_complete(self, call, KT_OK);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        kt_ledger_request_t *request = call->requests[i];
        request->context             = call;
        request->answered            = queries_on_answered;
        call->requests[i]            = NULL;
        kt_ledger_port_post(self->opts.port, &request);
    }
}

static void
queries_on_totals(void *context, kt_ledger_request_t **request_p)
{
    kt_queries_t *self = context;
    self->refreshing   = false;
    if (!(*request_p)->err)
        self->totals = (*request_p)->totals.totals;
}

void
kt_queries_refresh(kt_queries_t *self, int64_t every_ms, int64_t now_ms)
{
    if (self->refreshing || self->opts.port->err || now_ms - self->totals_ms < every_ms)
        return;
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_TOTALS, self);
    if (!request)
        return;
    request->answered = queries_on_totals;
    self->totals_ms   = now_ms;
    self->refreshing  = true;
    kt_ledger_port_post(self->opts.port, &request);
}

void
kt_queries_take(kt_queries_t *self)
{
    void  *calls[CALLS_PER_TURN];
    size_t n = 0;
    if (kt_queue_pop(self->calls, calls, CALLS_PER_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++)
        kt_queries_begin(self, calls[i]);
}

void
kt_queries_close(kt_queries_t *self)
{
    if (!self->calls)
        return;
    void  *calls[CALLS_PER_TURN];
    size_t n = 0;
    kt_queue_close(self->calls);
    while (!kt_queue_pop(self->calls, calls, CALLS_PER_TURN, &n, 0))
        for (size_t i = 0; i < n; i++)
            kt_call_finish(calls[i], KT_ECLOSED);
    while (self->pending)
        queries_complete(self, self->pending, KT_ECLOSED);
}
