#include "coordinator/api/story_words.h"

#include <stdio.h>
#include <string.h>

static const char NOTHING[] = "nothing: it goes on by itself";

const char *
kt_story_meaning(const kt_story_row_t *event)
{
    switch (event->type) {
    case KT_STORY_ACCEPTED: return "in the ledger: from here on it cannot be lost";
    case KT_STORY_CLAIMED: return "this coordinator holds it";
    case KT_STORY_ATTEMPT:
        if (event->err == KT_ENODELOST)
            return "the file is suspected of it: it runs alone next time";
        if (event->crash)
            return "the file crashed its process: it runs alone next time";
        return "tried again, preferably elsewhere";
    case KT_STORY_OUTCOME:
        if (!event->err)
            return "done";
        if (event->err == KT_ENODELOST)
            return "ended: too many nodes were lost with it";
        if (kt_err_verdict(event->err) == KT_VERDICT_REJECT)
            return "ended: another attempt would give the same";
        return "ended: its attempts are used up";
    case KT_STORY_PUBLISHED: break;
    }
    return event->at_ms ? "the broker has confirmed it" : "waits for the broker";
}

// "Attempt 2 on node n1"
static void
write_attempt(const kt_story_row_t *event, unsigned number, char *out, size_t capacity)
{
    snprintf(out, capacity, "Attempt %u%s%s", number, *event->name ? " on node " : "", event->name);
}

// "no such file (ENOFILE): detail"; a detail that begins with the text says all.
static void
write_error(kt_err_t err, const char *detail, char *out, size_t capacity)
{
    const char *text = kt_err_text(err);
    if (strncmp(detail, text, strlen(text)) == 0)
        snprintf(out, capacity, "%s (%s)", detail, kt_err_name(err));
    else
        snprintf(out, capacity, "%s (%s)%s%s", text, kt_err_name(err), *detail ? ": " : "", detail);
}

void
kt_story_sentence(const kt_story_row_t *event, unsigned number, char out[KT_STORY_SENTENCE])
{
    char        attempt[128], error[768];
    const char *meaning = kt_story_meaning(event);
    write_attempt(event, number, attempt, sizeof attempt);
    write_error(event->err, event->detail, error, sizeof error);
    switch (event->type) {
    case KT_STORY_ACCEPTED: snprintf(out, KT_STORY_SENTENCE, "The job was accepted; it is %s.", meaning); break;
    case KT_STORY_CLAIMED: snprintf(out, KT_STORY_SENTENCE, "Coordinator %s holds it.", event->name); break;
    case KT_STORY_ATTEMPT:
    case KT_STORY_OUTCOME:
        if (event->err)
            snprintf(out, KT_STORY_SENTENCE, "%s failed: %s; %s.", attempt, error, meaning);
        else
            snprintf(out, KT_STORY_SENTENCE, "%s succeeded; the result is stored.", attempt);
        break;
    case KT_STORY_PUBLISHED:
        snprintf(out, KT_STORY_SENTENCE, event->at_ms ? "Its answer was published: %s." : "Its answer %s.", meaning);
        break;
    }
}

// A queued job, or one that no node has got.
static void
describe_waiting(const kt_snapshot_t *seen, const char *before, kt_story_now_t *out)
{
    const kt_sched_view_t *view   = &seen->view;
    const char            *action = NOTHING;
    char                   why[KT_STORY_SENTENCE / 2];
    if (!view->ledger_up) {
        snprintf(why, sizeof why, "the ledger does not answer");
        action = "start the database; `kithara status` shows its trouble";
    } else if (seen->draining) {
        snprintf(why, sizeof why, "coordinator %s is ending", seen->coordinator);
        action = "start a coordinator, if none is left";
    } else if (!view->lease_held) {
        snprintf(why, sizeof why, "coordinator %s has no lease at the moment", seen->coordinator);
    } else if (!view->nodes_live) {
        snprintf(why, sizeof why, "no node is here");
        action = "start a node, with the token of `kithara keys token new`";
    } else if (view->nodes_drained >= view->nodes_live) {
        snprintf(why, sizeof why, "all %u nodes are drained or leaving", view->nodes_live);
        action = "`kithara nodes undrain NAME`, or start another node";
    } else {
        snprintf(why, sizeof why, "its turn has not come: %llu jobs are queued, the nodes have room for %u more",
                 (unsigned long long)seen->totals.queued, view->credit);
    }
    snprintf(out->sentence, sizeof out->sentence, "%swaits: %s", before, why);
    snprintf(out->action, sizeof out->action, "%s", action);
}

static void
describe_held(const kt_snapshot_t *seen, kt_story_now_t *out)
{
    static const char *const WORDS[] = {"is with", "runs on"};
    const kt_job_view_t     *job     = &seen->job;
    char                     before[128];
    snprintf(out->action, sizeof out->action, "%s", NOTHING);
    if (job->node[0]) {
        bool runs = job->state[0] == 'r';
        snprintf(out->sentence, sizeof out->sentence, "%s node %s for %.1f s%s%s", WORDS[runs], job->node,
                 (double)job->for_ms / 1000, runs ? "" : ", not begun yet",
                 job->isolated ? ", alone in a process of its own" : "");
    } else if (job->state[0] == 'r') {
        char others[48] = "";
        if (job->before)
            snprintf(others, sizeof others, " but for %zu others", job->before);
        snprintf(before, sizeof before, "is next here%s%s, and ", others, job->isolated ? ", to run alone" : "");
        describe_waiting(seen, before, out);
    } else {
        snprintf(out->sentence, sizeof out->sentence, "has ended, and its outcome is being stored");
    }
}

// A doubt is in the coordinator's memory: after a restart the first node may be asked again.
static void
add_doubt(const kt_job_view_t *job, kt_story_now_t *out)
{
    size_t length = strlen(out->sentence);
    if (*job->doubt_node)
        snprintf(out->sentence + length, sizeof out->sentence - length,
                 "; it failed on node %s with %s, which may be of the node, so another one decides", job->doubt_node,
                 kt_err_name(job->doubt_err));
}

static void
add_taken_back(const kt_job_view_t *job, kt_story_now_t *out)
{
    size_t length = strlen(out->sentence);
    if (*job->taken_from)
        snprintf(out->sentence + length, sizeof out->sentence - length,
                 "; it was taken back from node %s, which made no progress or ended none of its files for long",
                 job->taken_from);
}

static void
describe_failure(const kt_job_row_t *job, kt_story_now_t *out)
{
    snprintf(out->sentence, sizeof out->sentence, "has failed: %s", kt_err_text(job->err));
    snprintf(out->action, sizeof out->action, "%s; `kithara jobs retry %llu` runs it again", kt_err_remedy(job->err),
             (unsigned long long)job->id.job);
}

void
kt_story_now(const kt_job_row_t *job, const kt_snapshot_t *seen, bool published, kt_story_now_t *out)
{
    switch (job->state) {
    case KT_JOB_QUEUED: describe_waiting(seen, "", out); break;
    case KT_JOB_CLAIMED:
        if (seen->job_known) {
            describe_held(seen, out);
            add_doubt(&seen->job, out);
            add_taken_back(&seen->job, out);
            break;
        }
        snprintf(out->sentence, sizeof out->sentence, "is in work at another coordinator than %s", seen->coordinator);
        snprintf(out->action, sizeof out->action, "ask the coordinator that holds it");
        break;
    case KT_JOB_FAILED: describe_failure(job, out); break;
    case KT_JOB_DONE:
        snprintf(out->sentence, sizeof out->sentence, "is done%s",
                 published ? "" : ", and its answer waits for the broker");
        snprintf(out->action, sizeof out->action, "%s",
                 published ? "nothing; `kithara results` shows its result"
                           : "see the broker's trouble in `kithara status`");
        break;
    case KT_JOB_CANCELLED:
        snprintf(out->sentence, sizeof out->sentence, "is cancelled");
        snprintf(out->action, sizeof out->action, "nothing; `kithara jobs retry %llu` runs it again",
                 (unsigned long long)job->id.job);
        break;
    }
}
