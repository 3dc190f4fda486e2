#include "coordinator/ledger/rules.h"

#include "common/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

unsigned
kt_rule_rank(kt_priority_t priority)
{
    return priority == KT_PRIORITY_HIGH ? 0 : priority == KT_PRIORITY_LOW ? 2 : 1;
}

kt_priority_t
kt_rule_priority(uint64_t rank)
{
    static const kt_priority_t PRIORITIES[KT_RANKS] = {KT_PRIORITY_HIGH, KT_PRIORITY_NORMAL, KT_PRIORITY_LOW};
    return rank < KT_RANKS ? PRIORITIES[rank] : KT_PRIORITY_NORMAL;
}

void
kt_rule_turns_init(uint32_t turns[KT_RANKS])
{
    for (uint32_t rank = 0; rank < KT_RANKS; rank++)
        turns[rank] = rank * KT_CLAIM_SHARE / KT_RANKS;
}

size_t
kt_rule_aged_share(uint32_t *turn, size_t want)
{
    size_t counted = *turn + want;
    *turn          = (uint32_t)(counted % KT_CLAIM_SHARE);
    return counted / KT_CLAIM_SHARE;
}

static bool
result_ok(const kt_result_t *result, bool failure)
{
    if ((result->err != KT_OK) != failure || result->n_stages > KT_RESULT_STAGES)
        return false;
    if (!result->document)
        return result->document_bytes == 0;
    return kt_text_is_utf8(result->document, result->document_bytes);
}

kt_stored_t
kt_rule_outcome(const kt_job_facts_t *job, const kt_result_t *result, const kt_lease_t *lease)
{
    if (!job || result->id.run > job->id.run)
        return KT_STORED_BAD_DATA;
    if (result->id.run < job->id.run)
        return KT_STORED_ALREADY;
    if (job->state == KT_JOB_CANCELLED)
        return KT_STORED_CANCELLED;
    if (job->state == KT_JOB_DONE || job->state == KT_JOB_FAILED)
        return KT_STORED_ALREADY;
    if (lease && (job->state != KT_JOB_CLAIMED || job->epoch != lease->epoch))
        return KT_STORED_FENCED;
    return result_ok(result, lease != NULL) ? KT_STORED_NEW : KT_STORED_BAD_DATA;
}

kt_err_t
kt_rule_ask(kt_job_facts_t *job, const kt_ask_t *ask)
{
    bool current = ask->id.run == 0 || ask->id.run == job->id.run;
    bool ended   = job->state == KT_JOB_DONE || job->state == KT_JOB_FAILED;
    switch (ask->type) {
    case KT_ASK_CANCEL:
        if (!current || ended)
            return KT_EINVAL;
        job->state = KT_JOB_CANCELLED;
        job->epoch = 0;
        return KT_OK;
    case KT_ASK_RETRY:
        // The same retry again, because the answer to the first was lost.
        if (!current && ask->id.run + 1 == job->id.run)
            return KT_OK;
        if (!current || !(ended || job->state == KT_JOB_CANCELLED) || job->id.run == UINT32_MAX || job->retained)
            return KT_EINVAL;
        if (job->state == KT_JOB_DONE && !ask->force)
            return KT_EINVAL;
        job->state = KT_JOB_QUEUED;
        job->id.run++;
        return KT_OK;
    default: return KT_EINVAL;
    }
}

bool
kt_rule_node_name_ok(const char *name)
{
    size_t length = name ? strlen(name) : 0;
    return length > 0 && length < 64 && kt_text_is_utf8(name, length);
}

static bool
text_ok(const char *text, size_t capacity)
{
    size_t length = strnlen(text, capacity);
    return length < capacity && kt_text_is_utf8(text, length);
}

bool
kt_rule_job_ok(const kt_new_job_t *job)
{
    return job->job->message_id[0] && text_ok(job->job->message_id, sizeof job->job->message_id) &&
           text_ok(job->job->media_id, sizeof job->job->media_id) &&
           text_ok(job->job->file_path, sizeof job->job->file_path) && job->body &&
           kt_text_is_utf8(job->body, job->body_bytes);
}

const char *
kt_rule_stages_json(const kt_result_t *result, char out[KT_STAGES_TEXT])
{
    size_t used = 0;
    out[used++] = '{';
    for (size_t i = 0; i < result->n_stages; i++) {
        char name[sizeof result->stages[i].name] = "";
        for (size_t k = 0; k < sizeof name - 1 && result->stages[i].name[k]; k++) {
            unsigned char c = (unsigned char)result->stages[i].name[k];
            name[k]         = isalnum(c) || strchr("_-. /", c) ? (char)c : '_';
        }
        int wrote =
            snprintf(out + used, KT_STAGES_TEXT - used, "%s\"%s\":%" PRId64, i ? "," : "", name, result->stages[i].us);
        used += (size_t)wrote;
    }
    snprintf(out + used, KT_STAGES_TEXT - used, "}");
    return out;
}

int64_t
kt_rule_day(int64_t wall_ms)
{
    const int64_t day_ms = 24 * 3600 * 1000;
    return wall_ms >= 0 ? wall_ms / day_ms : (wall_ms + 1) / day_ms - 1;
}
