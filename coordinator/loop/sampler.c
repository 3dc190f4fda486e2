#include "coordinator/loop/sampler.h"

#include "common/buf.h"
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOTALS_MS = 5000, MESSAGE_ID = 6 * KT_JOB_ID_BYTES - 1 };  // its characters may be escaped

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
put_message_id(const char *document, kt_buf_t *out)
{
    static const char HEAD[] = "{\"message_id\":";
    const char       *begin  = document && !strncmp(document, HEAD, sizeof HEAD - 1) ? document + sizeof HEAD - 1 : "";
    const char       *end    = begin + (*begin == '"');
    while (*begin == '"' && *end && *end != '"')
        end += 1 + (*end == '\\' && end[1]);
    if (*begin == '"' && *end == '"' && end - begin < MESSAGE_ID)
        kt_buf_add(out, begin, (size_t)(end - begin) + 1);
    else
        kt_buf_str(out, "null");
}

static void
put_decimal(uint64_t number, kt_buf_t *out)
{
    char   digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    kt_buf_add(out, digits + at, sizeof digits - at);
}

static bool
is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    return true;
}

static void
put_text(const char *text, kt_buf_t *out)
{
    if (!text) {
        kt_buf_str(out, "null");
        return;
    }
    if (!is_plain(text)) {
        json_t *value = kt_json_text(text);
        kt_json_write(value, out);
        kt_json_free(&value);
        return;
    }
    kt_buf_str(out, "\"");
    kt_buf_str(out, text);
    kt_buf_str(out, "\"");
}

// There is one for each job, so most of it is copied and not formatted.
static void
put_job_event(const kt_ledger_request_t *request, kt_buf_t *out)
{
    const kt_result_t *result = &request->store.result;
    kt_buf_str(out, "{\"job\":");
    put_decimal(result->id.job, out);
    kt_buf_str(out, ",\"run\":");
    put_decimal(result->id.run, out);
    kt_buf_str(out, ",\"message_id\":");
    put_message_id(request->store.document, out);
    kt_buf_str(out, result->err ? ",\"state\":\"failed\",\"error\":" : ",\"state\":\"done\",\"error\":");
    put_text(result->err ? kt_err_name(result->err) : NULL, out);
    kt_buf_str(out, ",\"node\":");
    put_text(result->node_name, out);
    kt_buf_str(out, "}");
}

void
kt_sampler_outcome(kt_sampler_t *self, const kt_ledger_request_t *request)
{
    kt_buf_t json;
    if (!self->events)
        return;
    kt_buf_init(&json, KT_EVENT_BYTES);
    put_job_event(request, &json);
    if (!json.err)
        kt_events_publish(self->events, "job", json.bytes);
    kt_buf_fini(&json);
}
