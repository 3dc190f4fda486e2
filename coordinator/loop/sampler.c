#include "coordinator/loop/sampler.h"

#include "common/buf.h"
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOTALS_MS = 5000 };

// Expected nodes that are not connected. Names that only one coordinator of several sees count as absent there.
static uint32_t
count_absent(const kt_queries_t *queries, uint32_t live)
{
    const char **names    = calloc(KT_FLEET_ROWS, sizeof *names);
    const size_t expected = names ? kt_roster_names(queries->opts.roster, names, KT_FLEET_ROWS) : 0;
    free(names);
    return expected > live ? (uint32_t)expected - live : 0;
}

static kt_history_sample_t
take_sample(const kt_sampler_t *self, int64_t wall_ms)
{
    const kt_queries_t        *queries  = self->queries;
    const kt_outcome_counts_t *outcomes = &queries->opts.counters->outcomes;
    kt_sched_view_t            view;
    kt_sched_view(queries->opts.dispatcher->sched, &view);
    return (kt_history_sample_t){.wall_ms = wall_ms,
                                 .waiting = queries->totals.queued + view.ready,
                                 .in_work = view.sent + view.running + view.storing,
                                 .done    = outcomes->done,
                                 .failed  = outcomes->failed,
                                 .live    = view.nodes_live};
}

void
kt_sampler_tick(kt_sampler_t *self, int64_t now_ms, int64_t wall_ms)
{
    char json[256];
    if (!self->history)
        return;
    kt_queries_refresh(self->queries, TOTALS_MS, now_ms);
    kt_history_sample_t sample = take_sample(self, wall_ms);
    snprintf(json, sizeof json, "{\"waiting\":%llu,\"in_work\":%llu,\"done\":%llu,\"failed\":%llu,\"live\":%u}",
             (unsigned long long)sample.waiting, (unsigned long long)sample.in_work, (unsigned long long)sample.done,
             (unsigned long long)sample.failed, sample.live);
    kt_events_publish(self->events, "state", json);
    if (now_ms < self->due_ms)
        return;
    self->due_ms  = now_ms + KT_HISTORY_SAMPLE_MS;
    sample.absent = count_absent(self->queries, sample.live);
    kt_history_add(self->history, &sample);
}

// The message's id as the document has it, a JSON string that is copied as it is: documents begin with it. "null" for
// one that does not.
static void
copy_message_id(const char *document, char *out, size_t capacity)
{
    static const char HEAD[] = "{\"message_id\":";
    const char       *begin  = document ? document + sizeof HEAD - 1 : NULL;
    snprintf(out, capacity, "null");
    if (!document || strncmp(document, HEAD, sizeof HEAD - 1) != 0 || *begin != '"')
        return;
    const char *end = begin + 1;
    while (*end && *end != '"')
        end += 1 + (*end == '\\' && end[1]);
    if (*end == '"' && (size_t)(end - begin) + 2 <= capacity)
        snprintf(out, capacity, "%.*s", (int)(end - begin) + 1, begin);
}

static void
write_job_event(const kt_ledger_request_t *request, char *out, size_t capacity)
{
    const kt_result_t *result = &request->store.result;
    char               id[6 * KT_JOB_ID_BYTES];
    kt_buf_t           node;
    kt_buf_init(&node, capacity);
    copy_message_id(request->store.document, id, sizeof id);
    json_t *name = kt_json_text(result->node_name);
    kt_json_write(name, &node);
    kt_json_free(&name);
    snprintf(out, capacity, "{\"job\":%llu,\"run\":%u,\"message_id\":%s,\"state\":\"%s\",\"error\":%s%s%s,\"node\":%s}",
             (unsigned long long)result->id.job, result->id.run, id, result->err ? "failed" : "done",
             result->err ? "\"" : "", result->err ? kt_err_name(result->err) : "null", result->err ? "\"" : "",
             node.err || !node.length ? "null" : node.bytes);
    kt_buf_fini(&node);
}

void
kt_sampler_outcome(kt_sampler_t *self, const kt_ledger_request_t *request)
{
    char json[KT_EVENT_BYTES];
    if (!self->events)
        return;
    write_job_event(request, json, sizeof json);
    kt_events_publish(self->events, "job", json);
}
