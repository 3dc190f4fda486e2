// Snapshots for operators: the state of each node and of the jobs in the window.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"

#include <string.h>

static const char *
node_state_name(const kt_sched_node_t *node, int64_t stuck_ms)
{
    if (node->lost)
        return "lost";
    if (node->stalled)
        return "stalled";
    if (stuck_ms >= SCHED_STUCK_MS)
        return "stuck";
    if (node->leaving || node->name->drained)
        return "draining";
    return node->n_running && kt_sched_node_room(node) == 0 ? "busy" : "live";
}

static void
view_node(const kt_sched_node_t *node, int64_t now_ms, kt_node_view_t *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, node->name->text, sizeof out->name);
    out->handle    = node->handle;
    out->slots     = node->slots;
    out->credit    = kt_sched_node_room(node);
    out->held      = (uint32_t)node->items.count;
    out->kept      = node->kept;
    out->crashes   = node->name->crashes;
    out->done      = node->done;
    out->failed    = node->failed;
    out->silent_ms = now_ms - node->heard_ms;
    out->stuck_ms  = node->n_running ? now_ms - node->progress_ms : 0;
    out->state     = node_state_name(node, out->stuck_ms);
}

size_t
kt_sched_view_nodes(const kt_sched_t *self, int64_t now_ms, kt_node_view_t *out, size_t capacity)
{
    size_t n = 0;
    for (const kt_sched_node_t *node = self->nodes; node; node = node->next, n++)
        if (n < capacity)
            view_node(node, now_ms, &out[n]);
    return n;
}

bool
kt_sched_view_job(const kt_sched_t *self, kt_run_id_t id, int64_t now_ms, kt_job_view_t *out)
{
    static const char *const NAMES[KT_SCHED_JOB_STATES] = {"ready", "sent", "running", "storing", "failing"};
    const kt_sched_job_t    *job                        = kt_sched_job_find(self, id);
    if (!job)
        return false;
    memset(out, 0, sizeof *out);
    out->state    = NAMES[job->state];
    out->attempt  = job->attempt;
    out->claimed  = job->claimed;
    out->isolated = job->isolated;
    if (job->node) {
        memcpy(out->node, job->node->name->text, sizeof out->node);
        out->for_ms = now_ms - job->since_ms;
    }
    if (job->doubt)
        memcpy(out->doubt_node, job->doubt->text, sizeof out->doubt_node);
    out->doubt_err = job->doubt_err;
    memcpy(out->taken_from, job->taken_from, sizeof out->taken_from);
    for (const kt_sched_job_t *at = job->prev; job->state == KT_SCHED_JOB_READY && at; at = at->prev)
        out->before++;
    return true;
}

void
kt_sched_view(const kt_sched_t *self, kt_sched_view_t *out)
{
    memset(out, 0, sizeof *out);
    out->ready      = self->counts[KT_SCHED_JOB_READY];
    out->sent       = self->counts[KT_SCHED_JOB_SENT];
    out->running    = self->counts[KT_SCHED_JOB_RUNNING];
    out->storing    = self->counts[KT_SCHED_JOB_STORING] + self->counts[KT_SCHED_JOB_FAILING];
    out->ledger_up  = self->ledger_up;
    out->lease_held = self->lease_held;
    uint64_t credit = 0;
    for (const kt_sched_node_t *node = self->nodes; node; node = node->next) {
        out->nodes_live += !node->lost;
        out->nodes_drained += !node->lost && !kt_sched_node_usable(node);
        credit += kt_sched_node_usable(node) ? kt_sched_node_room(node) : 0;
    }
    out->credit = credit < UINT32_MAX ? (uint32_t)credit : UINT32_MAX;
}
