// /metrics: one snapshot of the loop, the counters of the HTTP threads and of the cache, and process statistics.
#include "common/clock.h"
#include "common/process_stats.h"
#include "coordinator/api/api.h"
#include "coordinator/metrics/metrics.h"
#include "proto/document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 200, NODES_SHOWN = 1024 };

static void
add_labelled(kt_buf_t *out, kt_metric_t metric, const char *label, const char *value, uint64_t number)
{
    kt_metric_add(out, metric, "", (const char *[]){label, value, NULL}, (double)number);
}

static void
add_process(kt_buf_t *out, const kt_api_t *self, const kt_snapshot_t *seen)
{
    kt_process_stats_t stats;
    kt_process_stats(&stats);
    const char *build[] = {"version",         KT_VERSION, "analysis_version", KT_ANALYSIS_VERSION, "ledger",
                           seen->ledger_kind, NULL};
    kt_metric_begin(out, KT_METRIC_BUILD);
    kt_metric_add(out, KT_METRIC_BUILD, "", build, 1);
    kt_metric_one(out, KT_METRIC_CPU, stats.cpu_s);
    kt_metric_one(out, KT_METRIC_MEMORY, (double)stats.resident_bytes);
    kt_metric_one(out, KT_METRIC_FDS, (double)stats.open_fds);
    kt_metric_one(out, KT_METRIC_FDS_MAX, (double)stats.max_fds);
    kt_metric_one(out, KT_METRIC_START,
                  self->trusted ? stats.started_s : rint(stats.started_s / KT_API_ROUNDED_S) * KT_API_ROUNDED_S);
    kt_metric_one(out, KT_METRIC_DRAINING, seen->draining);
}

// Cumulative buckets, sum and count; stage: the one label beside `le`, NULL: none.
static void
add_histogram(kt_buf_t *out, kt_metric_t metric, const char *stage, const kt_histogram_t *times)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= KT_BUCKETS; i++) {
        char        bound[32] = "+Inf";
        const char *labels[]  = {"le", bound, stage ? "stage" : NULL, stage, NULL};
        if (i < KT_BUCKETS)
            snprintf(bound, sizeof bound, "%g", KT_BUCKETS_S[i]);
        count += times->counts[i];
        kt_metric_add(out, metric, "_bucket", labels, (double)count);
    }
    const char *labels[] = {"stage", stage, NULL};
    kt_metric_add(out, metric, "_sum", stage ? labels : NULL, (double)times->us * 1e-6);
    kt_metric_add(out, metric, "_count", stage ? labels : NULL, (double)count);
}

static void
add_times(kt_buf_t *out, const kt_snapshot_t *seen)
{
    const struct {
        kt_metric_t           metric;
        const kt_histogram_t *times;
    } rows[]          = {{KT_METRIC_QUEUE_TIME, &seen->queue},
                         {KT_METRIC_JOB_TIME, &seen->job_times},
                         {KT_METRIC_WHOLE_TIME, &seen->whole}};
    int64_t oldest_ms = seen->totals.oldest_queued_ms;
    if (!oldest_ms || (seen->oldest_ms && seen->oldest_ms < oldest_ms))
        oldest_ms = seen->oldest_ms;
    int64_t age_ms = oldest_ms ? kt_clock_wall_ms() - oldest_ms : 0;
    if (seen->n_stages)
        kt_metric_begin(out, KT_METRIC_STAGE);
    for (size_t i = 0; i < seen->n_stages; i++)
        add_histogram(out, KT_METRIC_STAGE, seen->stages[i].name, &seen->stages[i].times);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_metric_begin(out, rows[i].metric);
        add_histogram(out, rows[i].metric, NULL, rows[i].times);
    }
    kt_metric_one(out, KT_METRIC_OLDEST, age_ms > 0 ? (double)age_ms / 1000 : 0);
    kt_metric_begin(out, KT_METRIC_DECODER_DEATHS);
    add_labelled(out, KT_METRIC_DECODER_DEATHS, "reason", "crash", seen->decoder_deaths.crash);
    add_labelled(out, KT_METRIC_DECODER_DEATHS, "reason", "memory", seen->decoder_deaths.memory);
    add_labelled(out, KT_METRIC_DECODER_DEATHS, "reason", "cpu", seen->decoder_deaths.cpu);
    add_labelled(out, KT_METRIC_DECODER_DEATHS, "reason", "stall", seen->decoder_deaths.stall);
    kt_metric_one(out, KT_METRIC_NODE_CACHE_HITS, (double)seen->node_cache_hits);
}

static void
add_jobs(kt_buf_t *out, const kt_snapshot_t *seen)
{
    const kt_totals_t         *totals   = &seen->totals;
    const kt_outcome_counts_t *outcomes = &seen->outcomes;
    kt_metric_begin(out, KT_METRIC_JOBS);
    add_labelled(out, KT_METRIC_JOBS, "state", "queued", totals->queued);
    add_labelled(out, KT_METRIC_JOBS, "state", "claimed", totals->claimed);
    add_labelled(out, KT_METRIC_JOBS, "state", "done", totals->done);
    add_labelled(out, KT_METRIC_JOBS, "state", "failed", totals->failed);
    add_labelled(out, KT_METRIC_JOBS, "state", "cancelled", totals->cancelled);
    kt_metric_begin(out, KT_METRIC_WINDOW);
    add_labelled(out, KT_METRIC_WINDOW, "place", "ready", seen->view.ready);
    add_labelled(out, KT_METRIC_WINDOW, "place", "sent", seen->view.sent);
    add_labelled(out, KT_METRIC_WINDOW, "place", "running", seen->view.running);
    add_labelled(out, KT_METRIC_WINDOW, "place", "storing", seen->view.storing);
    kt_metric_begin(out, KT_METRIC_SUBMITTED);
    add_labelled(out, KT_METRIC_SUBMITTED, "how", "new", outcomes->submitted_new);
    add_labelled(out, KT_METRIC_SUBMITTED, "how", "known", outcomes->submitted_known);
    add_labelled(out, KT_METRIC_SUBMITTED, "how", "clash", outcomes->submitted_clash);
    kt_metric_begin(out, KT_METRIC_OUTCOMES);
    add_labelled(out, KT_METRIC_OUTCOMES, "outcome", "done", outcomes->done);
    add_labelled(out, KT_METRIC_OUTCOMES, "outcome", "failed", outcomes->failed);
    bool begun = false;
    for (int code = 1; code < KT_FAILURE_CODES; code++) {
        if (!outcomes->failures[code])
            continue;
        if (!begun)
            kt_metric_begin(out, KT_METRIC_FAILURES);
        begun = true;
        add_labelled(out, KT_METRIC_FAILURES, "code", kt_err_name((kt_err_t)-code), outcomes->failures[code]);
    }
    kt_metric_one(out, KT_METRIC_LATE, (double)seen->late_results);
    kt_metric_one(out, KT_METRIC_DOUBTED, (double)seen->doubted_failures);
    kt_metric_begin(out, KT_METRIC_TAKEN_BACK);
    add_labelled(out, KT_METRIC_TAKEN_BACK, "reason", "waiting", seen->taken_back.waiting);
    add_labelled(out, KT_METRIC_TAKEN_BACK, "reason", "stalled", seen->taken_back.stalled);
    add_times(out, seen);
}

static void
add_ledger(kt_buf_t *out, const kt_snapshot_t *seen)
{
    kt_metric_one(out, KT_METRIC_LEDGER_UP, seen->view.ledger_up);
    kt_metric_begin(out, KT_METRIC_LEDGER_WAITING);
    add_labelled(out, KT_METRIC_LEDGER_WAITING, "queue", "actor", seen->ledger_waiting);
    add_labelled(out, KT_METRIC_LEDGER_WAITING, "queue", "overflow", seen->overflow_waiting);
    kt_metric_one(out, KT_METRIC_LEASE_HELD, seen->view.lease_held);
    kt_metric_one(out, KT_METRIC_LEASE_EPOCH, (double)seen->lease_epoch);
    kt_metric_one(out, KT_METRIC_OUTBOX, (double)seen->totals.outbox_waiting);
}

// One name's rows together: while a node reconnects there may be two.
typedef struct node {
    const char *name;
    uint64_t    slots, held, kept, done, failed;
    int64_t     silent_ms;
    uint64_t    gpus, gpu_files, cpu_files;
} node_t;

static int
compare_node_names(const void *a, const void *b)
{
    return strcmp(((const node_t *)a)->name, ((const node_t *)b)->name);
}

// Those that are not lost, each name once; *n of them. NULL: out of memory.
static node_t *
merge_nodes(const kt_snapshot_t *seen, size_t *n)
{
    node_t *nodes = calloc(seen->n_nodes ? seen->n_nodes : 1, sizeof *nodes);
    size_t  rows = 0, kept = 0;
    if (!nodes)
        return NULL;
    for (size_t i = 0; i < seen->n_nodes; i++) {
        const kt_node_view_t *view = &seen->nodes[i].view;
        const kt_gpu_view_t  *gpu  = &seen->nodes[i].gpu;
        if (seen->nodes[i].absent)
            continue;
        nodes[rows++] = (node_t){.name      = view->name,
                                 .slots     = view->slots,
                                 .held      = view->held,
                                 .kept      = view->kept,
                                 .done      = view->done,
                                 .failed    = view->failed,
                                 .silent_ms = view->silent_ms,
                                 .gpus      = gpu->gpus + gpu->lost,
                                 .gpu_files = gpu->files,
                                 .cpu_files = gpu->cpu_files};
    }
    qsort(nodes, rows, sizeof *nodes, compare_node_names);
    for (size_t i = 0; i < rows; i++) {
        node_t *last = kept ? &nodes[kept - 1] : NULL;
        if (!last || strcmp(last->name, nodes[i].name) != 0) {
            nodes[kept++] = nodes[i];
            continue;
        }
        last->slots += nodes[i].slots;
        last->held += nodes[i].held;
        last->kept += nodes[i].kept;
        last->done += nodes[i].done;
        last->failed += nodes[i].failed;
        last->silent_ms = nodes[i].silent_ms < last->silent_ms ? nodes[i].silent_ms : last->silent_ms;
        last->gpus += nodes[i].gpus;
        last->gpu_files += nodes[i].gpu_files;
        last->cpu_files += nodes[i].cpu_files;
    }
    *n = kept < NODES_SHOWN ? kept : NODES_SHOWN;
    return nodes;
}

static void
add_each_node(kt_buf_t *out, const node_t *nodes, size_t n)
{
    kt_metric_begin(out, KT_METRIC_NODE_SLOTS);
    for (size_t i = 0; i < n; i++)
        add_labelled(out, KT_METRIC_NODE_SLOTS, "node", nodes[i].name, nodes[i].slots);
    kt_metric_begin(out, KT_METRIC_NODE_HELD);
    for (size_t i = 0; i < n; i++)
        add_labelled(out, KT_METRIC_NODE_HELD, "node", nodes[i].name, nodes[i].held);
    kt_metric_begin(out, KT_METRIC_NODE_KEPT);
    for (size_t i = 0; i < n; i++)
        add_labelled(out, KT_METRIC_NODE_KEPT, "node", nodes[i].name, nodes[i].kept);
    kt_metric_begin(out, KT_METRIC_NODE_SILENT);
    for (size_t i = 0; i < n; i++)
        kt_metric_add(out, KT_METRIC_NODE_SILENT, "", (const char *[]){"node", nodes[i].name, NULL},
                      (double)nodes[i].silent_ms / 1000);
    kt_metric_begin(out, KT_METRIC_NODE_FILES);
    for (size_t i = 0; i < n; i++) {
        const char *done[]   = {"node", nodes[i].name, "outcome", "done", NULL};
        const char *failed[] = {"node", nodes[i].name, "outcome", "failed", NULL};
        kt_metric_add(out, KT_METRIC_NODE_FILES, "", done, (double)nodes[i].done);
        kt_metric_add(out, KT_METRIC_NODE_FILES, "", failed, (double)nodes[i].failed);
    }
    bool begun = false;
    for (size_t i = 0; i < n; i++) {
        const char *on_gpu[] = {"node", nodes[i].name, "place", "gpu", NULL};
        const char *on_cpu[] = {"node", nodes[i].name, "place", "cpu", NULL};
        if (!nodes[i].gpus)
            continue;
        if (!begun)
            kt_metric_begin(out, KT_METRIC_NODE_GPU_FILES);
        begun = true;
        kt_metric_add(out, KT_METRIC_NODE_GPU_FILES, "", on_gpu, (double)nodes[i].gpu_files);
        kt_metric_add(out, KT_METRIC_NODE_GPU_FILES, "", on_cpu, (double)nodes[i].cpu_files);
    }
}

static void
add_nodes(kt_buf_t *out, const kt_snapshot_t *seen)
{
    static const char *const STATES[] = {"live", "busy", "draining", "stuck", "stalled", "absent"};
    size_t                   n        = 0;
    node_t                  *nodes    = merge_nodes(seen, &n);
    kt_metric_begin(out, KT_METRIC_NODES);
    for (size_t s = 0; s < sizeof STATES / sizeof *STATES; s++) {
        uint64_t count = 0;
        for (size_t i = 0; i < seen->n_nodes; i++)
            count += strcmp(seen->nodes[i].view.state, STATES[s]) == 0;
        add_labelled(out, KT_METRIC_NODES, "state", STATES[s], count);
    }
    if (seen->n_nodes)
        kt_metric_begin(out, KT_METRIC_NODE_UP);
    for (size_t i = 0; i < seen->n_nodes && i < NODES_SHOWN; i++)
        add_labelled(out, KT_METRIC_NODE_UP, "node", seen->nodes[i].view.name, !seen->nodes[i].absent);
    kt_metric_one(out, KT_METRIC_CREDIT, seen->view.credit);
    if (n)
        add_each_node(out, nodes, n);
    free(nodes);
    kt_metric_one(out, KT_METRIC_BAD_FRAMES, (double)seen->bad_frames);
    kt_metric_one(out, KT_METRIC_KEYS_REFUSED, (double)seen->keys_refused);
    kt_metric_one(out, KT_METRIC_CONNECTIONS_ENDED, (double)seen->connections_ended);
    kt_metric_one(out, KT_METRIC_HANDSHAKES_FAILED, (double)seen->handshakes_failed);
    kt_metric_begin(out, KT_METRIC_HELLOS_REFUSED);
    add_labelled(out, KT_METRIC_HELLOS_REFUSED, "reason", "wire", seen->refused_hellos.wire);
    add_labelled(out, KT_METRIC_HELLOS_REFUSED, "reason", "name", seen->refused_hellos.name);
    add_labelled(out, KT_METRIC_HELLOS_REFUSED, "reason", "room", seen->refused_hellos.room);
    add_labelled(out, KT_METRIC_HELLOS_REFUSED, "reason", "twin", seen->refused_hellos.twin);
    kt_metric_begin(out, KT_METRIC_CREDENTIALS_REFUSED);
    add_labelled(out, KT_METRIC_CREDENTIALS_REFUSED, "what", "started", seen->refused_credentials.started);
    add_labelled(out, KT_METRIC_CREDENTIALS_REFUSED, "what", "held", seen->refused_credentials.held);
    add_labelled(out, KT_METRIC_CREDENTIALS_REFUSED, "what", "outcome", seen->refused_credentials.outcome);
    add_labelled(out, KT_METRIC_CREDENTIALS_REFUSED, "what", "frame", seen->refused_credentials.frames);
}

static void
add_http(kt_buf_t *out, const kt_api_t *self)
{
    kt_http_stats_t stats;
    const char     *method;
    char            path[64], code[16];
    uint64_t        count;
    bool            begun = false;
    for (size_t route = 0; route < KT_API_ROUTES; route++)
        for (size_t status = 0; kt_api_served(self->server, route, status, &method, path, code, &count); status++) {
            const char *labels[] = {"method", method, "route", path, "status", code, NULL};
            if (!count)
                continue;
            if (!begun)
                kt_metric_begin(out, KT_METRIC_HTTP_REQUESTS);
            begun = true;
            kt_metric_add(out, KT_METRIC_HTTP_REQUESTS, "", labels, (double)count);
        }
    kt_http_stats(self->request->server, &stats);
    kt_metric_one(out, KT_METRIC_HTTP_NOW, (double)stats.connections);
    kt_metric_one(out, KT_METRIC_HTTP_ACCEPTED, (double)stats.accepted);
    kt_metric_one(out, KT_METRIC_HTTP_ENDED, (double)stats.ended);
    kt_metric_one(out, KT_METRIC_HTTP_TOO_LARGE, (double)stats.too_large);
}

static void
add_cache(kt_buf_t *out, kt_result_cache_t *cache)
{
    kt_result_cache_stats_t stats;
    if (!cache)
        return;
    kt_result_cache_stats(cache, &stats);
    kt_metric_one(out, KT_METRIC_CACHE_UP, stats.up);
    kt_metric_one(out, KT_METRIC_CACHE_WAITING, (double)stats.waiting);
    kt_metric_begin(out, KT_METRIC_CACHE_WRITES);
    add_labelled(out, KT_METRIC_CACHE_WRITES, "outcome", "stored", stats.stored);
    add_labelled(out, KT_METRIC_CACHE_WRITES, "outcome", "dropped", stats.dropped);
    add_labelled(out, KT_METRIC_CACHE_WRITES, "outcome", "failed", stats.failed);
    kt_metric_begin(out, KT_METRIC_CACHE_READS);
    add_labelled(out, KT_METRIC_CACHE_READS, "outcome", "hit", stats.hits);
    add_labelled(out, KT_METRIC_CACHE_READS, "outcome", "miss", stats.misses);
    add_labelled(out, KT_METRIC_CACHE_READS, "outcome", "failed", stats.read_errors);
}

static void
add_amqp(kt_buf_t *out, const kt_amqp_stats_t *stats)
{
    const struct {
        const char             *name;
        const kt_amqp_health_t *health;
    } both[] = {{"in", &stats->in}, {"out", &stats->out}};
    if (!stats->configured)
        return;
    kt_metric_begin(out, KT_METRIC_AMQP_UP);
    for (size_t i = 0; i < 2; i++)
        add_labelled(out, KT_METRIC_AMQP_UP, "connection", both[i].name,
                     both[i].health->state == KT_AMQP_UP || both[i].health->state == KT_AMQP_BLOCKED);
    kt_metric_begin(out, KT_METRIC_AMQP_BLOCKED);
    for (size_t i = 0; i < 2; i++)
        add_labelled(out, KT_METRIC_AMQP_BLOCKED, "connection", both[i].name, both[i].health->state == KT_AMQP_BLOCKED);
    kt_metric_begin(out, KT_METRIC_AMQP_CONNECTS);
    for (size_t i = 0; i < 2; i++)
        add_labelled(out, KT_METRIC_AMQP_CONNECTS, "connection", both[i].name, both[i].health->connects);
    kt_metric_begin(out, KT_METRIC_AMQP_LOSSES);
    for (size_t i = 0; i < 2; i++)
        add_labelled(out, KT_METRIC_AMQP_LOSSES, "connection", both[i].name, both[i].health->losses);
    kt_metric_one(out, KT_METRIC_AMQP_DELIVERED, (double)stats->delivered);
    kt_metric_begin(out, KT_METRIC_AMQP_INTAKE);
    add_labelled(out, KT_METRIC_AMQP_INTAKE, "how", "accepted", stats->accepted);
    add_labelled(out, KT_METRIC_AMQP_INTAKE, "how", "known", stats->known);
    add_labelled(out, KT_METRIC_AMQP_INTAKE, "how", "rejected", stats->rejected);
    kt_metric_begin(out, KT_METRIC_AMQP_QUEUE_TIME);
    add_histogram(out, KT_METRIC_AMQP_QUEUE_TIME, NULL, &stats->queue_times);
    kt_metric_one(out, KT_METRIC_AMQP_REPLAYED, (double)stats->replayed);
    kt_metric_one(out, KT_METRIC_AMQP_SETTLED, (double)stats->settled);
    kt_metric_one(out, KT_METRIC_AMQP_UNSETTLED, (double)stats->unsettled);
    kt_metric_begin(out, KT_METRIC_AMQP_PUBLISHED);
    add_labelled(out, KT_METRIC_AMQP_PUBLISHED, "outcome", "confirmed", stats->confirmed);
    add_labelled(out, KT_METRIC_AMQP_PUBLISHED, "outcome", "returned", stats->returned);
    add_labelled(out, KT_METRIC_AMQP_PUBLISHED, "outcome", "refused", stats->refused);
    add_labelled(out, KT_METRIC_AMQP_PUBLISHED, "outcome", "lost", stats->lost);
    add_labelled(out, KT_METRIC_AMQP_PUBLISHED, "outcome", "damaged", stats->damaged);
    kt_metric_one(out, KT_METRIC_AMQP_IN_FLIGHT, (double)stats->in_flight);
    kt_metric_one(out, KT_METRIC_AMQP_FLIGHT_SIZE, (double)stats->in_flight_bytes);
    kt_metric_one(out, KT_METRIC_AMQP_UNROUTABLE, stats->unroutable);
}

void
kt_api_metrics(kt_api_t *self)
{
    kt_call_t *call = NULL;
    kt_buf_t  *out  = &self->response->body;
    if (!kt_api_snapshot(self, true, &call))
        return;
    self->response->status = OK;
    self->response->type   = KT_METRICS_TYPE;
    add_process(out, self, &call->snapshot);
    add_jobs(out, &call->snapshot);
    add_ledger(out, &call->snapshot);
    add_nodes(out, &call->snapshot);
    add_http(out, self);
    add_cache(out, self->server->cache);
    add_amqp(out, &call->snapshot.amqp);
    kt_call_destroy(&call);
}
