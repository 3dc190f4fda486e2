// The story of one job: its events from the ledger, each with its meaning, and its present state from the loop.
#include "common/clock.h"
#include "common/json.h"
#include "coordinator/api/api.h"

#include <stdio.h>

enum { NOT_FOUND = 404, SERVER = 500, SENTENCE = 256 };

static const char *
meaning_of(const kt_story_row_t *row)
{
    switch (row->type) {
    case KT_STORY_ACCEPTED: return "in the ledger: from here on it cannot be lost";
    case KT_STORY_CLAIMED: return "this coordinator holds it";
    case KT_STORY_ATTEMPT:
        if (row->err == KT_ENODELOST)
            return "the node was lost while it worked on the file, which is suspected now: it runs alone next time";
        if (row->crash)
            return "the file crashed its process: it runs alone next time";
        return "tried again, preferably elsewhere";
    case KT_STORY_OUTCOME:
        if (!row->err)
            return "done";
        if (row->err == KT_ENODELOST)
            return "ended: too many nodes were lost with it";
        if (kt_err_verdict(row->err) == KT_VERDICT_REJECT)
            return "ended: another attempt would give the same";
        return "ended: its attempts are used up";
    case KT_STORY_PUBLISHED: break;
    }
    return row->at_ms ? "the broker has confirmed it" : "waits for the broker";
}

static json_t *
event_object(const kt_story_row_t *row)
{
    static const char *const NAMES[] = {
        [KT_STORY_ACCEPTED] = "accepted", [KT_STORY_CLAIMED] = "claimed",     [KT_STORY_ATTEMPT] = "attempt",
        [KT_STORY_OUTCOME] = "outcome",   [KT_STORY_PUBLISHED] = "published",
    };
    json_t *json = kt_json_object();
    kt_json_set(json, "at", kt_api_time(row->at_ms));
    kt_json_set(json, "what", kt_json_text(NAMES[row->type]));
    kt_json_set(json, "run", kt_json_int(row->run));
    kt_json_set(json, "attempt", row->attempt ? kt_json_int(row->attempt) : kt_json_null());
    kt_json_set(json, "name", row->name[0] ? kt_json_text(row->name) : kt_json_null());
    kt_json_set(json, "crash", kt_json_bool(row->crash));
    kt_json_set(json, "error", kt_api_error(row->err, row->detail));
    kt_json_set(json, "code", row->err ? kt_json_text(kt_err_name(row->err)) : kt_json_null());
    kt_json_set(json, "meaning", kt_json_text(meaning_of(row)));
    return json;
}

// The reason why a runnable job does not run.
static void
describe_waiting(const kt_snapshot_t *seen, char *out, size_t capacity)
{
    const kt_sched_view_t *view = &seen->view;
    if (!view->ledger_up)
        snprintf(out, capacity, "waits: the ledger does not answer");
    else if (seen->draining)
        snprintf(out, capacity, "waits: coordinator %s is ending", seen->coordinator);
    else if (!view->lease_held)
        snprintf(out, capacity, "waits: coordinator %s has no lease at the moment", seen->coordinator);
    else if (!view->nodes_live)
        snprintf(out, capacity, "waits: no node is here; start one, and allow its key with kithara keys allow");
    else if (view->nodes_drained >= view->nodes_live)
        snprintf(out, capacity, "waits: all %u nodes are drained or leaving", view->nodes_live);
    else
        snprintf(out, capacity, "waits its turn: %llu jobs are queued, the nodes have room for %u more",
                 (unsigned long long)seen->totals.queued, view->credit);
}

static void
describe_held(const kt_snapshot_t *seen, char out[SENTENCE])
{
    static const char *const WORDS[] = {"is with", "runs on"};
    const kt_job_view_t     *job     = &seen->job;
    if (job->node[0]) {
        bool runs = job->state[0] == 'r';
        snprintf(out, SENTENCE, "%s node %s for %.1f s%s%s", WORDS[runs], job->node, (double)job->for_ms / 1000,
                 runs ? "" : ", not begun yet", job->isolated ? ", alone in a process of its own" : "");
    } else if (job->state[0] == 'r') {
        int n = snprintf(out, SENTENCE, "is next here but for %zu others%s; ", job->before,
                         job->isolated ? ", to run alone" : "");
        if (n > 0 && n < SENTENCE / 2)
            describe_waiting(seen, out + n, SENTENCE - (size_t)n);
    } else {
        snprintf(out, SENTENCE, "its outcome is being stored");
    }
}

static json_t *
now_object(const kt_job_row_t *row, const kt_snapshot_t *seen)
{
    char                 sentence[SENTENCE] = "";
    const kt_job_view_t *job                = &seen->job;
    json_t              *json               = kt_json_object();
    bool                 held               = seen->job_known && job->node[0];
    if (row->state == KT_JOB_QUEUED)
        describe_waiting(seen, sentence, sizeof sentence);
    else if (row->state != KT_JOB_CLAIMED)
        snprintf(sentence, sizeof sentence, "is over: %s", kt_job_state_name(row->state));
    else if (seen->job_known)
        describe_held(seen, sentence);
    else
        snprintf(sentence, sizeof sentence, "is in work at another coordinator than %s: ask the one that claimed it",
                 seen->coordinator);
    kt_json_set(
        json, "state",
        kt_json_text(row->state == KT_JOB_CLAIMED && seen->job_known ? job->state : kt_job_state_name(row->state)));
    kt_json_set(json, "coordinator", kt_json_text(seen->coordinator));
    kt_json_set(json, "node", held ? kt_json_text(job->node) : kt_json_null());
    kt_json_set(json, "for_s", held ? kt_json_real((double)job->for_ms / 1000) : kt_json_null());
    kt_json_set(json, "sentence", kt_json_text(sentence));
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
    json_t *json = kt_json_object(), *lines = kt_json_array();
    kt_json_set(json, "job", kt_json_int((int64_t)row->id.job));
    kt_json_set(json, "run", kt_json_int(row->id.run));
    kt_json_set(json, "message_id", kt_json_text(row->message_id));
    kt_json_set(json, "file_path", kt_api_path(row->file_path));
    kt_json_set(json, "state", kt_json_text(kt_job_state_name(row->state)));
    kt_json_set(json, "priority", kt_json_text(kt_priority_name(row->priority)));
    kt_json_set(json, "attempts", kt_json_int(row->attempts));
    kt_json_set(json, "crashes", kt_json_int(row->crashes));
    for (size_t i = 0; i < story->story.n; i++)
        kt_json_append(lines, event_object(&story->story.rows[i]));
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
    kt_json_set(json, "now", now_object(row, &call->snapshot));
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
