// The story of one job: its events from the ledger, each with its meaning, and its present state from the loop.
#include "common/clock.h"
#include "common/json.h"
#include "coordinator/api/api.h"
#include "coordinator/api/story_words.h"

enum { NOT_FOUND = 404, SERVER = 500 };

static json_t *
event_object(const kt_story_row_t *row, unsigned number)
{
    static const char *const NAMES[] = {
        [KT_STORY_ACCEPTED] = "accepted", [KT_STORY_CLAIMED] = "claimed",     [KT_STORY_ATTEMPT] = "attempt",
        [KT_STORY_OUTCOME] = "outcome",   [KT_STORY_PUBLISHED] = "published",
    };
    char    sentence[KT_STORY_SENTENCE];
    json_t *json = kt_json_object();
    kt_story_sentence(row, number, sentence);
    kt_json_set(json, "at", kt_api_time(row->at_ms));
    kt_json_set(json, "what", kt_json_text(NAMES[row->type]));
    kt_json_set(json, "run", kt_json_int(row->run));
    kt_json_set(json, "attempt", row->attempt ? kt_json_int(row->attempt) : kt_json_null());
    kt_json_set(json, "name", row->name[0] ? kt_json_text(row->name) : kt_json_null());
    kt_json_set(json, "crash", kt_json_bool(row->crash));
    kt_json_set(json, "error", kt_api_error(row->err, row->detail));
    kt_json_set(json, "code", row->err ? kt_json_text(kt_err_name(row->err)) : kt_json_null());
    kt_json_set(json, "meaning", kt_json_text(kt_story_meaning(row)));
    kt_json_set(json, "sentence", kt_json_text(sentence));
    return json;
}

static json_t *
now_object(const kt_job_row_t *row, const kt_snapshot_t *seen, bool published)
{
    kt_story_now_t       now;
    const kt_job_view_t *job  = &seen->job;
    json_t              *json = kt_json_object();
    bool                 held = seen->job_known && job->node[0];
    kt_story_now(row, seen, published, &now);
    kt_json_set(
        json, "state",
        kt_json_text(row->state == KT_JOB_CLAIMED && seen->job_known ? job->state : kt_job_state_name(row->state)));
    kt_json_set(json, "coordinator", kt_json_text(seen->coordinator));
    kt_json_set(json, "node", held ? kt_json_text(job->node) : kt_json_null());
    kt_json_set(json, "for_s", held ? kt_json_real((double)job->for_ms / 1000) : kt_json_null());
    const bool doubt = seen->job_known && *job->doubt_node;
    kt_json_set(json, "doubt_node", doubt ? kt_json_text(job->doubt_node) : kt_json_null());
    kt_json_set(json, "doubt_code", doubt ? kt_json_text(kt_err_name(job->doubt_err)) : kt_json_null());
    kt_json_set(json, "sentence", kt_json_text(now.sentence));
    kt_json_set(json, "action", kt_json_text(now.action));
    return json;
}

// A call with two requests: the row of the job, then its story.
static kt_call_t *
ask_job_and_story(kt_api_t *self)
{
    kt_call_t           *call  = kt_call_new(2);
    kt_ledger_request_t *row   = call ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
    kt_ledger_request_t *story = call ? kt_ledger_request_new(KT_LREQ_STORY, call) : NULL;
    if (row && story) {
        row->jobs.capacity        = 1;
        row->jobs.query.after_job = self->job - 1;
        row->jobs.query.state     = -1;
        story->story.job          = self->job;
        call->requests[0]         = row;
        call->requests[1]         = story;
        call->n_requests          = 2;
    } else {
        kt_ledger_request_destroy(&row);
        kt_ledger_request_destroy(&story);
        kt_call_destroy(&call);
    }
    return kt_api_ask(self, &call) ? call : NULL;
}

static void
reply_story(kt_api_t *self, const kt_job_row_t *row, const kt_ledger_request_t *story)
{
    json_t               *json = kt_json_object(), *lines = kt_json_array();
    const size_t          n         = story->story.n;
    const kt_story_row_t *last      = n ? &story->story.rows[n - 1] : NULL;
    const bool            published = !last || last->type != KT_STORY_PUBLISHED || last->at_ms;
    kt_json_set(json, "job", kt_json_int((int64_t)row->id.job));
    kt_json_set(json, "run", kt_json_int(row->id.run));
    kt_json_set(json, "message_id", kt_json_text(row->message_id));
    kt_json_set(json, "file_path", kt_api_path(row->file_path));
    kt_json_set(json, "state", kt_json_text(kt_job_state_name(row->state)));
    kt_json_set(json, "priority", kt_json_text(kt_priority_name(row->priority)));
    kt_json_set(json, "attempts", kt_json_int(row->attempts));
    kt_json_set(json, "crashes", kt_json_int(row->crashes));
    unsigned number = 0;
    for (size_t i = 0; i < n; i++) {
        const kt_story_row_t *event = &story->story.rows[i];
        if (i > 0 && event->run != story->story.rows[i - 1].run)
            number = 0;
        number += event->type == KT_STORY_ATTEMPT || event->type == KT_STORY_OUTCOME;
        kt_json_append(lines, event_object(event, number));
    }
    kt_json_set(json, "story", lines);

    kt_call_t *call = kt_call_new(1);
    if (call) {
        call->wants_job    = row->id;
        call->wants_totals = true;
    }
    if (!kt_api_ask(self, &call)) {
        kt_json_free(&json);
        return;
    }
    kt_json_set(json, "now", now_object(row, &call->snapshot, published));
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

void
kt_api_story(kt_api_t *self)
{
    kt_call_t *call = ask_job_and_story(self);
    if (!call)
        return;
    const kt_ledger_request_t *row = call->requests[0], *story = call->requests[1];
    kt_err_t                   err = row->err ? row->err : story->err;
    if (!err && (!row->jobs.n || row->jobs.rows[0].id.job != self->job))
        err = KT_ENOTFOUND;
    if (err)
        kt_api_fail(self, err == KT_ENOTFOUND ? NOT_FOUND : SERVER, err,
                    err == KT_ENOTFOUND ? "no such job" : "the ledger cannot be read");
    else
        reply_story(self, &row->jobs.rows[0], story);
    kt_call_destroy(&call);
}
