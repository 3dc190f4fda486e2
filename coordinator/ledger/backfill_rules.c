#include "coordinator/ledger/backfill_rules.h"

#include "common/json.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RATE_SPAN_MS = 10000 };

const char *
kt_backfill_state_name(kt_backfill_state_t state)
{
    static const char *const NAMES[KT_BACKFILL_STATES] = {
        [KT_BACKFILL_SPOOLING] = "spooling", [KT_BACKFILL_RUNNING] = "running",     [KT_BACKFILL_PAUSED] = "paused",
        [KT_BACKFILL_DONE] = "done",         [KT_BACKFILL_CANCELLED] = "cancelled", [KT_BACKFILL_BROKEN] = "broken",
    };
    return (unsigned)state < KT_BACKFILL_STATES ? NAMES[state] : "unknown";
}

const char *
kt_backfill_outcome_name(kt_backfill_outcome_t outcome)
{
    static const char *const NAMES[] = {"waiting", "open", "done", "failed", "cancelled", "skipped", "refused"};
    return (unsigned)outcome < sizeof NAMES / sizeof *NAMES ? NAMES[outcome] : "unknown";
}

kt_backfill_outcome_t
kt_backfill_outcome_of(kt_err_t refused, bool skipped, bool has_job, int job_state)
{
    if (refused)
        return KT_BACKFILL_REFUSED;
    if (skipped)
        return KT_BACKFILL_SKIPPED;
    if (!has_job)
        return KT_BACKFILL_WAITING;
    switch (job_state) {
    case KT_JOB_DONE: return KT_BACKFILL_SUCCESS;
    case KT_JOB_FAILED: return KT_BACKFILL_FAILURE;
    case KT_JOB_CANCELLED: return KT_BACKFILL_NONE;
    default: return KT_BACKFILL_OPEN;
    }
}

// From which states a verb leads where. A verb whose goal is the present state is fulfilled.
static const struct {
    unsigned            from;  // bits
    kt_backfill_state_t to;
} VERBS[] = {
    [KT_BACKFILL_SEAL]   = {1u << KT_BACKFILL_SPOOLING, KT_BACKFILL_RUNNING},
    [KT_BACKFILL_PAUSE]  = {1u << KT_BACKFILL_RUNNING, KT_BACKFILL_PAUSED},
    [KT_BACKFILL_RESUME] = {1u << KT_BACKFILL_PAUSED | 1u << KT_BACKFILL_BROKEN, KT_BACKFILL_RUNNING},
    [KT_BACKFILL_CANCEL] = {1u << KT_BACKFILL_SPOOLING | 1u << KT_BACKFILL_RUNNING | 1u << KT_BACKFILL_PAUSED |
                                1u << KT_BACKFILL_BROKEN,
                            KT_BACKFILL_CANCELLED},
    [KT_BACKFILL_RETRY]  = {1u << KT_BACKFILL_DONE, KT_BACKFILL_RUNNING},
};

// The state after a verb; KT_EINVAL: not in this state. Idempotent: KT_OK if already in that state.
static kt_err_t
rule_backfill(kt_backfill_state_t *state, kt_backfill_verb_t verb)
{
    if ((unsigned)verb >= sizeof VERBS / sizeof *VERBS)
        return KT_EINVAL;
    if (verb == KT_BACKFILL_RETRY && *state == KT_BACKFILL_PAUSED)
        return KT_OK;  // the jobs run; listing and feeding stay paused
    if (*state == VERBS[verb].to)
        return KT_OK;
    if (!(VERBS[verb].from >> *state & 1))
        return KT_EINVAL;
    *state = VERBS[verb].to;
    return KT_OK;
}

kt_err_t
kt_backfill_allows(const kt_backfill_t *self, kt_backfill_verb_t verb)
{
    kt_backfill_state_t state = self->state;
    return rule_backfill(&state, verb);
}

kt_err_t
kt_rule_backfill_spool(const kt_backfill_t *self, uint64_t chunk, bool *repeated)
{
    *repeated = chunk < self->chunks;
    return self->state == KT_BACKFILL_SPOOLING && chunk <= self->chunks ? KT_OK : KT_EINVAL;
}

kt_err_t
kt_rule_backfill_list(const kt_backfill_t *self, const kt_backfill_page_t *page, bool *repeated)
{
    *repeated = self->pages == page->number + 1;
    if (*repeated)
        return KT_OK;
    bool next = self->pages == page->number && self->state == KT_BACKFILL_RUNNING;
    return next && page->n <= KT_BACKFILL_PAGE ? KT_OK : KT_EINVAL;
}

kt_err_t
kt_rule_backfill_feed(const kt_backfill_t *self, const kt_new_job_t *jobs, size_t n, uint64_t up_to, bool *repeated)
{
    *repeated = self->fed_row >= up_to;
    if (*repeated)
        return KT_OK;
    if (self->state != KT_BACKFILL_RUNNING || up_to > self->listed)
        return KT_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!kt_rule_job_ok(&jobs[i]))
            return KT_EBADDATA;
    return KT_OK;
}

kt_backfill_item_state_t
kt_rule_item_settle(kt_job_facts_t *job)
{
    if (job->state == KT_JOB_DONE)
        return KT_ITEM_GONE;
    if (job->state == KT_JOB_FAILED)
        return KT_ITEM_FAILED;
    job->state = KT_JOB_CANCELLED;
    return KT_ITEM_CANCELLED;
}

kt_backfill_item_state_t
kt_rule_item_retry(kt_job_facts_t *job)
{
    const kt_ask_t ask = {.type = KT_ASK_RETRY};
    if (job->state == KT_JOB_DONE)
        return KT_ITEM_GONE;
    if (job->state == KT_JOB_CANCELLED || (job->state == KT_JOB_FAILED && kt_rule_ask(job, &ask)))
        return KT_ITEM_FAILED;
    return KT_ITEM_OPEN;
}

void
kt_backfill_count_item(kt_backfill_t *self, kt_backfill_item_state_t from, kt_backfill_item_state_t to)
{
    uint64_t *const counts[] = {
        [KT_ITEM_FAILED] = &self->failed, [KT_ITEM_CANCELLED] = &self->cancelled, [KT_ITEM_GONE] = &self->done};
    if (from != KT_ITEM_OPEN)
        --*counts[from];
    if (to != KT_ITEM_OPEN)
        ++*counts[to];
}

kt_err_t
kt_backfill_control(kt_backfill_t *self, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_backfill_state_t was = self->state;
    if (verb == KT_BACKFILL_SEAL) {
        if (self->kind != KT_BACKFILL_LIST || chunks != self->chunks)
            return KT_EINVAL;
        if (!chunks)
            return KT_EEMPTY;
        // The token is free again: the same list may be started once more.
        snprintf(self->token, sizeof self->token, "sealed-%" PRIu64, self->id);
    }
    kt_err_t err = rule_backfill(&self->state, verb);
    if (err || was == self->state)
        return err;
    bool ends      = self->state == KT_BACKFILL_CANCELLED;
    self->ended_ms = ends ? wall_ms : 0;
    if (self->state == KT_BACKFILL_RUNNING) {
        self->detail[0]  = '\0';
        self->rate_ms[0] = self->rate_ms[1] = 0;  // a pause is no part of the rate
    }
    if (ends)
        snprintf(self->token, sizeof self->token, "cancelled-%" PRIu64, self->id);
    return KT_OK;
}

bool
kt_backfill_ok(const kt_backfill_t *wanted)
{
    return wanted->token[0] && kt_text_is_utf8(wanted->token, strlen(wanted->token)) &&
           kt_text_is_utf8(wanted->name, strlen(wanted->name)) &&
           kt_text_is_utf8(wanted->source, strlen(wanted->source));
}

void
kt_backfill_fresh(const kt_backfill_t *wanted, uint64_t id, int64_t wall_ms, kt_backfill_t *out)
{
    *out = (kt_backfill_t){.id         = id,
                           .kind       = wanted->kind,
                           .flags      = wanted->flags,
                           .options    = wanted->options,
                           .priority   = wanted->priority,
                           .created_ms = wall_ms};
    memcpy(out->name, wanted->name, sizeof out->name);
    memcpy(out->token, wanted->token, sizeof out->token);
    memcpy(out->source, wanted->source, sizeof out->source);
    memcpy(out->version, wanted->version, sizeof out->version);
    out->state = wanted->kind == KT_BACKFILL_LIST ? KT_BACKFILL_SPOOLING : KT_BACKFILL_RUNNING;
}

void
kt_backfill_count_page(kt_backfill_t *self, const kt_backfill_page_t *page, uint64_t repeated)
{
    self->pages++;
    self->chunk      = page->chunk;
    self->listed_all = page->last;
    self->listed += page->n - repeated;
    self->repeated += repeated;
    self->left_out += kt_left_out_total(&page->left_out);
    kt_left_out_add(&self->kinds, &page->left_out);
    kt_text_copy(self->cursor, sizeof self->cursor, page->cursor);
    if (!page->trouble)
        return;
    self->state = KT_BACKFILL_BROKEN;
    kt_text_sanitize(self->detail, sizeof self->detail, page->trouble, strlen(page->trouble));
}

uint64_t
kt_backfill_open(const kt_backfill_t *self)
{
    uint64_t ended = self->done + self->failed + self->cancelled;
    return self->fed > ended ? self->fed - ended : 0;
}

uint64_t
kt_backfill_waiting(const kt_backfill_t *self)
{
    uint64_t past = self->skipped + self->refused + self->fed;
    return self->listed > past ? self->listed - past : 0;
}

void
kt_backfill_texts(const kt_backfill_t *self, const char *out[KT_BACKFILL_TEXTS], char kinds[KT_BACKFILL_KINDS])
{
    const char *const texts[KT_BACKFILL_TEXTS] = {self->name,   self->token,  self->source, self->version,
                                                  self->cursor, self->detail, kinds};
    json_t           *json                     = kt_left_out_json(&self->kinds);
    kt_buf_t          text;
    kt_buf_init(&text, KT_BACKFILL_KINDS - 1);
    kt_json_write(json, &text);
    snprintf(kinds, KT_BACKFILL_KINDS, "%.*s", text.err ? 0 : (int)text.length, text.bytes);
    kt_buf_fini(&text);
    kt_json_free(&json);
    memcpy(out, texts, sizeof texts);
}

void
kt_backfill_numbers(const kt_backfill_t *self, int64_t out[KT_BACKFILL_NUMBERS])
{
    const uint64_t numbers[KT_BACKFILL_NUMBERS] = {self->kind,
                                                   (uint64_t)self->state,
                                                   self->flags,
                                                   self->options,
                                                   (uint64_t)self->priority,
                                                   self->chunks,
                                                   self->chunk,
                                                   self->pages,
                                                   self->listed_all,
                                                   self->listed,
                                                   self->skipped,
                                                   self->refused,
                                                   self->repeated,
                                                   self->left_out,
                                                   self->kinds.unreadable,
                                                   self->fed_row,
                                                   self->fed,
                                                   self->done,
                                                   self->failed,
                                                   self->cancelled,
                                                   (uint64_t)self->created_ms,
                                                   (uint64_t)self->ended_ms,
                                                   (uint64_t)self->rate_ms[0],
                                                   self->rate_n[0],
                                                   (uint64_t)self->rate_ms[1],
                                                   self->rate_n[1]};
    memcpy(out, numbers, sizeof numbers);
}

void
kt_backfill_read(kt_backfill_t *out, uint64_t id, const char *const texts[KT_BACKFILL_TEXTS],
                 const int64_t numbers[KT_BACKFILL_NUMBERS])
{
    char     why[KT_JSON_WHY];
    json_t  *kinds      = NULL;
    uint64_t unreadable = 0;
    *out                = (kt_backfill_t){.id = id, .kind = (kt_backfill_kind_t)numbers[0]};
    if (!kt_json_parse(texts[6], strlen(texts[6]), KT_BACKFILL_KINDS, &kinds, why))
        kt_left_out_read(&out->kinds, kinds);
    kt_json_free(&kinds);
    out->state                                  = (kt_backfill_state_t)numbers[1];
    out->flags                                  = (uint32_t)numbers[2];
    out->options                                = (uint32_t)numbers[3];
    out->priority                               = (kt_priority_t)numbers[4];
    out->listed_all                             = numbers[8] != 0;
    uint64_t *const counts[KT_BACKFILL_NUMBERS] = {
        [5] = &out->chunks,   [6] = &out->chunk,      [7] = &out->pages,      [9] = &out->listed,
        [10] = &out->skipped, [11] = &out->refused,   [12] = &out->repeated,  [13] = &out->left_out,
        [14] = &unreadable,   [15] = &out->fed_row,   [16] = &out->fed,       [17] = &out->done,
        [18] = &out->failed,  [19] = &out->cancelled, [23] = &out->rate_n[0], [25] = &out->rate_n[1]};
    for (size_t i = 0; i < KT_BACKFILL_NUMBERS; i++)
        if (counts[i])
            *counts[i] = (uint64_t)numbers[i];
    out->kinds.unreadable = unreadable;
    out->created_ms       = numbers[20];
    out->ended_ms         = numbers[21];
    out->rate_ms[0]       = numbers[22];
    out->rate_ms[1]       = numbers[24];
    char *const  to[]     = {out->name, out->token, out->source, out->version, out->cursor, out->detail};
    const size_t sizes[]  = {sizeof out->name,    sizeof out->token,  sizeof out->source,
                             sizeof out->version, sizeof out->cursor, sizeof out->detail};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        kt_text_sanitize(to[i], sizes[i], texts[i], strlen(texts[i]));
}

bool
kt_backfill_after_settle(kt_backfill_t *self, size_t left, int64_t wall_ms)
{
    int64_t rate_ms = self->rate_ms[1];
    kt_backfill_note_rate(self, wall_ms);
    if (self->state != KT_BACKFILL_RUNNING || !self->listed_all || kt_backfill_waiting(self) || kt_backfill_open(self))
        return left || rate_ms != self->rate_ms[1];
    self->state    = KT_BACKFILL_DONE;
    self->ended_ms = wall_ms;
    return true;
}

static uint64_t
ended(const kt_backfill_t *self)
{
    return self->done + self->failed;
}

void
kt_backfill_note_rate(kt_backfill_t *self, int64_t wall_ms)
{
    if (self->rate_ms[1] && wall_ms >= self->rate_ms[1] && wall_ms - self->rate_ms[1] < RATE_SPAN_MS)
        return;
    self->rate_ms[0] = self->rate_ms[1];
    self->rate_n[0]  = self->rate_n[1];
    self->rate_ms[1] = wall_ms;
    self->rate_n[1]  = ended(self);
}

double
kt_backfill_rate(const kt_backfill_t *self, int64_t wall_ms)
{
    int     first = self->rate_ms[0] ? 0 : 1;
    int64_t until = self->ended_ms ? self->ended_ms : wall_ms;
    int64_t span  = until - self->rate_ms[first];
    if (!self->rate_ms[first] || span <= 0 || ended(self) <= self->rate_n[first])
        return 0;
    return (double)(ended(self) - self->rate_n[first]) * 1000 / (double)span;
}
