// Health, statistics, status, nodes, queue: views of one snapshot.
#include "common/clock.h"
#include "common/json.h"
#include "common/process_stats.h"
#include "coordinator/api/amqp.h"
#include "coordinator/api/api.h"
#include "coordinator/api/trouble.h"
#include "proto/document.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

enum { NOTE_BYTES = 512 };
static const double MIB = 1024.0 * 1024.0;

static kt_call_t *
ask_snapshot(kt_api_t *self, bool nodes)
{
    kt_call_t *call = NULL;
    return kt_api_snapshot(self, nodes, &call) ? call : NULL;
}

static json_t *
count_json(uint64_t value)
{
    return kt_json_int(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static json_t *
memory_usage(void)
{
    struct sysinfo info     = {0};
    double         used_mb  = (double)kt_process_resident_bytes() / MIB;
    double         total_mb = sysinfo(&info) ? 0 : (double)info.totalram * info.mem_unit / MIB;
    json_t        *json     = kt_json_object();
    kt_json_set(json, "used_mb", kt_json_int((int64_t)(used_mb + 0.5)));
    kt_json_set(json, "total_mb", kt_json_int((int64_t)(total_mb + 0.5)));
    kt_json_set(json, "percentage",
                total_mb > 0 ? kt_json_real((int64_t)(used_mb / total_mb * 10000 + 0.5) / 100.0) : kt_json_null());
    return json;
}

// Without the token: since the full minute before the start.
static int64_t
shown_uptime_ms(const kt_api_t *self, int64_t uptime_ms)
{
    const int64_t step_ms = INT64_C(1000) * KT_API_ROUNDED_S;
    return self->trusted ? uptime_ms : uptime_ms + (kt_clock_wall_ms() - uptime_ms) % step_ms;
}

void
kt_api_health(kt_api_t *self)
{
    kt_call_t *call = ask_snapshot(self, true);
    if (!call)
        return;
    const kt_snapshot_t *seen     = &call->snapshot;
    json_t              *json     = kt_json_object();
    json_t              *troubles = kt_api_troubles(seen);
    bool                 good     = seen->view.ledger_up && seen->view.lease_held;
    bool                 degraded = kt_json_count(troubles) > 0;
    kt_json_set(json, "status", kt_json_text(!good ? "unhealthy" : degraded ? "degraded" : "healthy"));
    kt_json_set(json, "version", kt_json_text(KT_VERSION));
    kt_json_set(json, "models_loaded", count_json(kt_model_store_loaded(self->server->models)));
    kt_json_set(json, "queue_size", count_json(seen->totals.queued));
    kt_json_set(json, "processing_active", kt_json_bool(seen->view.sent + seen->view.running > 0));
    kt_json_set(json, "gpu_available", kt_json_bool(seen->gpu_nodes > 0));
    kt_json_set(json, "memory_usage", memory_usage());
    if (degraded)  // the specification's members alone while all is well
        kt_json_set(json, "reasons", troubles);
    else
        kt_json_free(&troubles);
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

// A job is in work while a node has it, or its result is being stored; until then it waits, claimed or not. Of other
// coordinators' claims this one does not know which.
static uint64_t
in_work(const kt_snapshot_t *seen)
{
    return seen->view.sent + seen->view.running + seen->view.storing;
}

static uint64_t
elsewhere(const kt_snapshot_t *seen)
{
    uint64_t here = in_work(seen) + seen->view.ready;
    return seen->totals.claimed > here ? seen->totals.claimed - here : 0;
}

static uint64_t
waiting(const kt_snapshot_t *seen)
{
    return seen->totals.queued + seen->view.ready;
}

static void
set_progress(json_t *json, const kt_snapshot_t *seen)
{
    kt_json_set(json, "waiting", count_json(waiting(seen)));
    kt_json_set(json, "in_work", count_json(in_work(seen)));
    kt_json_set(json, "elsewhere", count_json(elsewhere(seen)));
}

// null if whole is 0.
static json_t *
ratio_json(double part, double whole)
{
    return whole > 0 ? kt_json_real(part / whole) : kt_json_null();
}

void
kt_api_stats(kt_api_t *self)
{
    kt_call_t *call = ask_snapshot(self, false);
    if (!call)
        return;
    const kt_snapshot_t *seen      = &call->snapshot;
    const kt_totals_t   *totals    = &seen->totals;
    uint64_t             processed = totals->done + totals->failed;
    json_t              *json = kt_json_object(), *queue = kt_json_object(), *times = kt_json_object();
    kt_json_set(json, "processed_files", count_json(processed));
    kt_json_set(json, "average_processing_time",
                ratio_json((double)totals->processing_us_total * 1e-6, (double)processed));
    kt_json_set(json, "success_rate", ratio_json((double)totals->done, (double)processed));
    kt_json_set(json, "error_rate", ratio_json((double)totals->failed, (double)processed));
    kt_json_set(queue, "pending", count_json(waiting(seen)));
    kt_json_set(queue, "processing", count_json(in_work(seen) + elsewhere(seen)));
    kt_json_set(queue, "completed_today", count_json(totals->done_today));
    kt_json_set(json, "queue_metrics", queue);
    for (size_t i = 0; i < seen->n_stages; i++)
        kt_json_set(
            times, seen->stages[i].name,
            ratio_json((double)seen->stages[i].times.us * 1e-6, (double)kt_histogram_count(&seen->stages[i].times)));
    kt_json_set(json, "feature_extraction_times", times);
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

static void
set_window_counts(json_t *json, const kt_snapshot_t *seen)
{
    kt_json_set(json, "ready", count_json(seen->view.ready));
    kt_json_set(json, "sent", count_json(seen->view.sent));
    kt_json_set(json, "running", count_json(seen->view.running));
    kt_json_set(json, "storing", count_json(seen->view.storing));
}

void
kt_api_status(kt_api_t *self)
{
    char       summary[64];
    kt_call_t *call = ask_snapshot(self, true);
    if (!call)
        return;
    const kt_snapshot_t *seen   = &call->snapshot;
    const kt_totals_t   *totals = &seen->totals;
    json_t              *json = kt_json_object(), *ledger = kt_json_object(), *jobs = kt_json_object();
    json_t              *nodes = kt_json_object();
    kt_json_set(json, "version", kt_json_text(KT_VERSION));
    kt_json_set(json, "analysis_version", kt_json_text(KT_ANALYSIS_VERSION));
    kt_json_set(json, "coordinator", kt_json_text(seen->coordinator));
    kt_json_set(json, "uptime_s", kt_json_real((double)shown_uptime_ms(self, seen->uptime_ms) / 1000));
    kt_json_set(json, "draining", kt_json_bool(seen->draining));
    kt_json_set(ledger, "kind", kt_json_text(seen->ledger_kind));
    kt_json_set(ledger, "up", kt_json_bool(seen->view.ledger_up));
    kt_json_set(json, "ledger", ledger);
    kt_json_set(json, "amqp", kt_api_amqp(&seen->amqp));
    kt_json_set(jobs, "queued", count_json(totals->queued));
    kt_json_set(jobs, "claimed", count_json(totals->claimed));
    kt_json_set(jobs, "done", count_json(totals->done));
    kt_json_set(jobs, "failed", count_json(totals->failed));
    kt_json_set(jobs, "cancelled", count_json(totals->cancelled));
    set_progress(jobs, seen);
    kt_json_set(json, "jobs", jobs);
    snprintf(summary, sizeof summary, "%u of %u node%s", seen->view.nodes_live, seen->nodes_all,
             seen->nodes_all == 1 ? "" : "s");
    kt_json_set(nodes, "live", kt_json_int(seen->view.nodes_live));
    kt_json_set(nodes, "all", kt_json_int(seen->nodes_all));
    kt_json_set(nodes, "absent", kt_json_int(seen->nodes_absent));
    kt_json_set(nodes, "summary", kt_json_text(summary));
    kt_json_set(json, "nodes", nodes);
    kt_json_set(json, "troubles", kt_api_troubles(seen));
    kt_json_set(json, "credit", kt_json_int(seen->view.credit));
    set_window_counts(json, seen);
    kt_json_set(json, "rate_per_s", kt_json_real(seen->rate_per_s));
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

// What an operator is to know about the node, in words; NULL: nothing.
static const char *
note_of(const kt_node_row_t *row, char out[NOTE_BYTES])
{
    char at[KT_RFC3339_BYTES], absent[KT_RFC3339_BYTES + 16] = "";
    if (row->absent && row->seen_ms)
        snprintf(absent, sizeof absent, "absent since %s", kt_clock_rfc3339(row->seen_ms, at));
    else if (row->absent)
        snprintf(absent, sizeof absent, "never seen");
    if (row->absent && !row->drained)
        snprintf(out, NOTE_BYTES, "%s", absent);
    else if (*row->rival_host)
        snprintf(out, NOTE_BYTES, "its key is used on host %s too, which is refused", row->rival_host);
    else if (row->drained)
        snprintf(out, NOTE_BYTES, "%s%sdrained%s%s since %s%s%s", absent, *absent ? ", " : "",
                 *row->drained_by ? " by " : "", row->drained_by, kt_clock_rfc3339(row->drained_ms, at),
                 *row->drained_why ? ": " : "", row->drained_why);
    else
        return NULL;
    return out;
}

static json_t *
node_object(const kt_node_row_t *row)
{
    const kt_gpu_view_t *gpu  = &row->gpu;
    json_t              *json = kt_json_object();
    char                 incarnation[17], digest[KT_DIGEST_HEX], note[NOTE_BYTES];
    // As text: JSON readers keep 53 bits of a number.
    snprintf(incarnation, sizeof incarnation, "%016llx", (unsigned long long)row->incarnation);
    kt_json_set(json, "name", kt_json_text(row->view.name));
    kt_json_set(json, "state", kt_json_text(row->view.state));
    kt_json_set(json, "absent_since", row->absent ? kt_api_time(row->seen_ms) : kt_json_null());
    kt_json_set(json, "drained_since", row->drained ? kt_api_time(row->drained_ms) : kt_json_null());
    kt_json_set(json, "drained_by", row->drained ? kt_json_text(row->drained_by) : kt_json_null());
    kt_json_set(json, "drained_why", row->drained ? kt_json_text(row->drained_why) : kt_json_null());
    kt_json_set(json, "note", kt_json_text(note_of(row, note)));
    kt_json_set(json, "refused_host", *row->rival_host ? kt_json_text(row->rival_host) : kt_json_null());
    kt_json_set(json, "slots", kt_json_int(row->view.slots));
    kt_json_set(json, "credit", kt_json_int(row->view.credit));
    kt_json_set(json, "held", kt_json_int(row->view.held));
    kt_json_set(json, "kept", kt_json_int(row->view.kept));
    kt_json_set(json, "done", count_json(row->view.done));
    kt_json_set(json, "failed", count_json(row->view.failed));
    kt_json_set(json, "crashes", kt_json_int(row->view.crashes));
    kt_json_set(json, "silent_ms", kt_json_int(row->view.silent_ms));
    kt_json_set(json, "host", kt_json_text(row->host));
    kt_json_set(json, "version", kt_json_text(row->version));
    kt_json_set(json, "device", kt_json_text(row->device));
    kt_json_set(json, "memory_mb", count_json(row->memory_mb));
    // null if the node has no GPU, or the value is unknown.
    bool any = gpu->gpus > 0;
    kt_json_set(json, "gpus", count_json(gpu->gpus));
    kt_json_set(json, "gpus_lost", count_json(gpu->lost));
    kt_json_set(json, "gpu_percent", any && gpu->percent >= 0 ? kt_json_int(gpu->percent) : kt_json_null());
    kt_json_set(json, "gpu_memory_mb", any ? count_json(gpu->memory_mb) : kt_json_null());
    kt_json_set(json, "gpu_memory_total_mb", any ? count_json(gpu->memory_total_mb) : kt_json_null());
    kt_json_set(json, "gpu_celsius", any && gpu->celsius >= 0 ? kt_json_int(gpu->celsius) : kt_json_null());
    kt_json_set(json, "gpu_files", any || gpu->lost ? count_json(gpu->files) : kt_json_null());
    kt_json_set(json, "cpu_files", any || gpu->lost ? count_json(gpu->cpu_files) : kt_json_null());
    kt_json_set(json, "incarnation", kt_json_text(incarnation));
    kt_json_set(json, "models", row->has_models ? kt_json_text(kt_digest_hex(&row->models, digest)) : kt_json_null());
    return json;
}

void
kt_api_nodes(kt_api_t *self)
{
    kt_call_t *call = kt_call_new(0);
    if (call)
        call->wants_nodes = true;  // and no totals: the ledger is not asked
    if (!kt_api_ask(self, &call))
        return;
    json_t *json = kt_json_object(), *nodes = kt_json_array();
    for (size_t i = 0; i < call->snapshot.n_nodes; i++)
        kt_json_append(nodes, node_object(&call->snapshot.nodes[i]));
    kt_json_set(json, "nodes", nodes);
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

void
kt_api_queue(kt_api_t *self)
{
    kt_call_t *call = ask_snapshot(self, false);
    if (!call)
        return;
    const kt_snapshot_t *seen = &call->snapshot;
    json_t              *json = kt_json_object();
    double               left = (double)(seen->totals.queued + seen->totals.claimed);
    kt_json_set(json, "queued", count_json(seen->totals.queued));
    kt_json_set(json, "claimed", count_json(seen->totals.claimed));
    set_progress(json, seen);
    set_window_counts(json, seen);
    kt_json_set(json, "done", count_json(seen->totals.done));
    kt_json_set(json, "failed", count_json(seen->totals.failed));
    kt_json_set(json, "cancelled", count_json(seen->totals.cancelled));
    kt_json_set(json, "rate_per_s", kt_json_real(seen->rate_per_s));
    kt_json_set(json, "eta_s", left > 0 ? ratio_json(left, seen->rate_per_s) : kt_json_real(0));
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}
