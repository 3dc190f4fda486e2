// Outcomes, and operators' requests. Two round trips: what the jobs are, and, after the rules have judged, all rows
// of the group at once.
#include "common/clock.h"
#include "coordinator/ledger/sql/facts.h"
#include "coordinator/ledger/sql/features.h"
#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

// The outcomes of a group that are stored.
typedef struct news {
    const kt_result_t **at;
    size_t              n;
} news_t;

static bool
is_same(const kt_buf_t *a, kt_sql_slice_t of_a, const kt_buf_t *b, kt_sql_slice_t of_b)
{
    return of_a.length == of_b.length && (!of_a.length || !memcmp(a->bytes + of_a.at, b->bytes + of_b.at, of_a.length));
}

// A node may give nothing but a message of the job that it was given: a JSON object whose message_id and file_path,
// where it has them, are the job's.
static bool
is_of_job(const kt_sql_messages_t *messages, const kt_sql_message_t *message, const kt_sql_facts_t *facts,
          const kt_sql_fact_t *fact)
{
    if (!message->whole)
        return false;
    return (!message->message_id.length ||
            is_same(&messages->bytes, message->message_id, &facts->texts, fact->message_id)) &&
           (!message->file_path.length ||
            is_same(&messages->bytes, message->file_path, &facts->texts, fact->file_path));
}

static void
judge_outcomes(const kt_sql_facts_t *facts, const kt_lease_t *lease, kt_sql_messages_t *messages, kt_stored_t *how,
               news_t *news)
{
    news->n = 0;
    for (size_t i = 0; i < messages->n; i++) {
        kt_sql_message_t  *message = &messages->at[i];
        const kt_result_t *result  = message->result;
        kt_sql_fact_t     *fact    = kt_sql_facts_find(facts, result->id.job);
        how[i]                     = kt_rule_outcome(fact ? &fact->now : NULL, result, lease);
        if (fact && how[i] == KT_STORED_NEW && !is_of_job(messages, message, facts, fact))
            how[i] = KT_STORED_BAD_DATA;
        if (!fact || how[i] != KT_STORED_NEW)
            continue;
        fact->now.state     = result->err ? KT_JOB_FAILED : KT_JOB_DONE;
        fact->now.epoch     = 0;
        fact->changed_ms    = result->wall_ms;
        news->at[news->n++] = result;
        message->stored     = true;
        message->bare       = !message->has_row && (result->err || fact->has_rows);
    }
}

typedef enum column { JOB, RUN, ATTEMPT, ERR, PROCESSING_US, WALL_MS } column_t;

static void
arg_column(kt_sql_t *self, const news_t *news, column_t column)
{
    kt_sql_array(self, KT_SQL_INT8, news->n);
    for (size_t i = 0; i < news->n; i++) {
        const kt_result_t *result    = news->at[i];
        const int64_t      numbers[] = {[JOB]           = (int64_t)result->id.job,
                                        [RUN]           = result->id.run,
                                        [ATTEMPT]       = result->attempt,
                                        [ERR]           = result->err,
                                        [PROCESSING_US] = result->processing_us,
                                        [WALL_MS]       = result->wall_ms};
        kt_sql_el_int(self, numbers[column]);
    }
    kt_sql_array_end(self);
}

static void
arg_texts(kt_sql_t *self, const news_t *news)
{
    char stages[KT_STAGES_TEXT];
    kt_sql_array(self, KT_SQL_TEXT, news->n);
    for (size_t i = 0; i < news->n; i++)
        kt_sql_el_clean(self, news->at[i]->detail, 512);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, news->n);
    for (size_t i = 0; i < news->n; i++)
        kt_sql_el_clean(self, news->at[i]->node_name, 64);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, news->n);
    for (size_t i = 0; i < news->n; i++)
        kt_sql_el_text(self, kt_rule_stages_json(news->at[i], stages));
    kt_sql_array_end(self);
}

static void
arg_documents(kt_sql_t *self, const news_t *news)
{
    kt_sql_array(self, KT_SQL_BYTEA, news->n);
    for (size_t i = 0; i < news->n; i++)
        kt_sql_el_digest(self, &news->at[i]->content_digest);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_BYTEA, news->n);
    for (size_t i = 0; i < news->n; i++) {
        kt_digest_t digest;
        kt_digest_of(news->at[i]->document ? news->at[i]->document : "", news->at[i]->document_bytes, &digest);
        kt_sql_el_bytes(self, digest.bytes, sizeof digest.bytes);
    }
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, news->n);
    for (size_t i = 0; i < news->n; i++)
        kt_sql_el_bytes(self, news->at[i]->document, news->at[i]->document_bytes);
    kt_sql_array_end(self);
}

// How many jobs are done on the day of done job i; 0: it is not done, or an earlier one has counted its day.
static int64_t
count_day(const news_t *news, size_t i)
{
    int64_t day = kt_rule_day(news->at[i]->wall_ms), n = 0;
    if (news->at[i]->err)
        return 0;
    for (size_t k = 0; k < news->n; k++) {
        if (news->at[k]->err || kt_rule_day(news->at[k]->wall_ms) != day)
            continue;
        if (k < i)
            return 0;
        n++;
    }
    return n;
}

static void
put_days(kt_sql_t *self, const news_t *news)
{
    size_t days = 0;
    for (size_t i = 0; i < news->n; i++)
        days += count_day(news, i) > 0;
    if (!days)
        return;
    kt_sql_arg_text(self, self->name);
    for (int count = 0; count < 2; count++) {
        kt_sql_array(self, KT_SQL_INT8, days);
        for (size_t i = 0; i < news->n; i++)
            if (count_day(news, i))
                kt_sql_el_int(self, count ? count_day(news, i) : kt_rule_day(news->at[i]->wall_ms));
        kt_sql_array_end(self);
    }
    kt_sql_put(self, KT_SQL_DAYS_ADD);
}

static kt_err_t
write_news(kt_sql_t *self, const kt_sql_facts_t *facts, const kt_sql_messages_t *messages, const news_t *news)
{
    int64_t processing_us = 0;
    for (size_t i = 0; i < news->n; i++)
        processing_us += news->at[i]->processing_us;
    kt_sql_write(self);
    kt_sql_facts_put(self, facts, processing_us);
    for (column_t column = JOB; column <= WALL_MS; column++)
        arg_column(self, news, column);
    arg_texts(self, news);
    arg_documents(self, news);
    kt_sql_arg_int(self, self->base.publishes);
    kt_sql_put(self, KT_SQL_RESULTS_PUT);
    kt_sql_put_features(self, messages);
    kt_sql_put_vectors(self, messages);
    put_days(self, news);
    if (self->base.publishes) {
        static const column_t COLUMNS[] = {JOB, RUN, ERR, WALL_MS};
        kt_sql_arg_int(self, (int64_t)self->epoch);
        for (size_t i = 0; i < sizeof COLUMNS / sizeof *COLUMNS; i++)
            arg_column(self, news, COLUMNS[i]);
        kt_sql_arg_text(self, self->name);
        kt_sql_put(self, KT_SQL_OUTBOX_RESULTS);
    }
    return kt_sql_commit(self);
}

static kt_err_t
store_outcomes(kt_ledger_t *base, const kt_lease_t *lease, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    kt_sql_t *self = (kt_sql_t *)base;
    uint64_t *jobs = malloc((n + 1) * sizeof *jobs);
    news_t    news = {.at = malloc((n + 1) * sizeof *news.at)};
    kt_err_t  err  = jobs && news.at ? KT_OK : KT_ENOMEM;
    for (size_t i = 0; i < n && !err; i++)
        jobs[i] = results[i].id.job;
    for (int tries = 0; n && jobs && news.at && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_facts_t    facts    = {0};
        kt_sql_messages_t messages = {0};
        err                        = kt_sql_messages_read(self, results, n, &messages);
        if (!err && !(err = kt_sql_facts_read(self, jobs, n, &facts))) {
            judge_outcomes(&facts, lease, &messages, how, &news);
            if (news.n)
                err = write_news(self, &facts, &messages, &news);
        }
        kt_sql_messages_fini(&messages);
        kt_sql_facts_fini(&facts);
    }
    free(jobs);
    free(news.at);
    return err;
}

kt_err_t
kt_sql_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    return store_outcomes(self, NULL, results, n, how);
}

kt_err_t
kt_sql_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    return store_outcomes(self, lease, failures, n, how);
}

static bool
is_node(const kt_ask_t *ask)
{
    return ask->type == KT_ASK_DRAIN || ask->type == KT_ASK_UNDRAIN;
}

static void
judge_ask(const kt_sql_facts_t *facts, kt_ask_t *ask)
{
    kt_sql_fact_t *fact = kt_sql_facts_find(facts, ask->id.job);
    ask->how            = KT_ENOTFOUND;
    if (!fact)
        return;
    kt_job_facts_t now = fact->now;
    ask->state         = now.state;
    ask->retained      = now.retained;
    ask->how           = kt_rule_ask(&now, ask);
    if (ask->how)
        return;
    ask->id.run      = now.id.run;
    fact->now        = now;
    fact->changed_ms = kt_clock_wall_ms();
}

// A pipeline holds so many statements, and each node is one.
enum { ASKS_PER_CALL = KT_SQL_ANSWERS - 8 };

// The asks change only with the commit, so that a repeated group has the same runs.
static kt_err_t
ask_some(kt_sql_t *self, kt_ask_t *asks, size_t n)
{
    kt_ask_t answers[ASKS_PER_CALL];
    uint64_t jobs[ASKS_PER_CALL];
    kt_err_t err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_facts_t facts = {0};
        memcpy(answers, asks, n * sizeof *answers);
        for (size_t i = 0; i < n; i++)
            jobs[i] = is_node(&asks[i]) ? 0 : asks[i].id.job;
        if (!(err = kt_sql_facts_read(self, jobs, n, &facts))) {
            kt_sql_write(self);
            for (size_t i = 0; i < n; i++) {
                kt_ask_t *ask = &answers[i];
                if (!is_node(ask)) {
                    judge_ask(&facts, ask);
                    continue;
                }
                ask->how = kt_rule_node_name_ok(ask->node_name) ? KT_OK : KT_EINVAL;
                if (ask->how)
                    continue;
                kt_sql_arg_text(self, ask->node_name);
                if (ask->type == KT_ASK_DRAIN) {
                    kt_sql_arg_int(self, kt_clock_wall_ms());
                    kt_sql_arg_text(self, ask->by);
                    kt_sql_arg_text(self, ask->why);
                }
                kt_sql_put(self, ask->type == KT_ASK_DRAIN ? KT_SQL_NODE_DRAIN : KT_SQL_NODE_UNDRAIN);
            }
            kt_sql_facts_put(self, &facts, 0);
            err = kt_sql_commit(self);
        }
        kt_sql_facts_fini(&facts);
    }
    if (!err)
        memcpy(asks, answers, n * sizeof *answers);
    return err;
}

kt_err_t
kt_sql_ask(kt_ledger_t *base, kt_ask_t *asks, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t at = 0, some; at < n && !err; at += some) {
        some = n - at < ASKS_PER_CALL ? n - at : ASKS_PER_CALL;
        err  = ask_some((kt_sql_t *)base, asks + at, some);
    }
    return err;
}
