#include "coordinator/cli/tag/sources.h"

#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/store/text_key.h"
#include "proto/document.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 512, BYTES = 1 << 30 };

typedef struct stored {
    uint8_t  key[KT_TEXT_KEY];  // of the path as text
    uint64_t job;
} stored_t;

struct kt_tag_sources {
    kt_tag_sources_opts_t opts;
    kt_ledger_t          *ledger;
    kt_buf_t              stored;    // sorted by key
    kt_pipeline_t        *pipeline;  // NULL: nothing was analysed yet
    kt_worker_t         **workers;   // of each thread
};

// Which job has the latest result of each path.
static kt_err_t
load_stored(kt_tag_sources_t *self)
{
    kt_job_query_t query = {.state = -1, .latest = true};
    kt_job_row_t  *rows  = calloc(PAGE, sizeof *rows);
    kt_err_t       err   = rows ? KT_OK : KT_ENOMEM;
    for (size_t n = PAGE; !err && n == PAGE;) {
        err = self->ledger->ops->jobs(self->ledger, &query, rows, PAGE, &n);
        for (size_t i = 0; !err && i < n; i++) {
            stored_t one = {.job = rows[i].id.job};
            kt_text_key(rows[i].file_path, one.key);
            if (!rows[i].err)
                kt_buf_add(&self->stored, &one, sizeof one);
        }
        query.after_job = !err && n ? rows[n - 1].id.job : 0;
    }
    free(rows);
    if (self->stored.length)
        qsort(self->stored.bytes, self->stored.length / sizeof(stored_t), sizeof(stored_t), kt_text_key_compare);
    return err ? err : self->stored.err;
}

kt_err_t
kt_tag_sources_new(kt_tag_sources_t **self_p, const kt_tag_sources_opts_t *opts, char why[KT_LEDGER_WHY])
{
    kt_tag_sources_t *self = calloc(1, sizeof *self);
    why[0]                 = '\0';
    if (!self)
        return KT_ENOMEM;
    self->opts = *opts;
    kt_buf_init(&self->stored, BYTES);
    self->workers = calloc(opts->workers, sizeof *self->workers);
    kt_err_t err  = self->workers ? KT_OK : KT_ENOMEM;
    if (!err && opts->is_ledger)
        err = kt_results_open(opts->cli, opts->database_url, &self->ledger, why);
    if (!err && opts->is_ledger)
        err = load_stored(self);
    if (err)
        kt_tag_sources_destroy(&self);
    else
        *self_p = self;
    return err;
}

void
kt_tag_sources_destroy(kt_tag_sources_t **self_p)
{
    kt_tag_sources_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; self->workers && i < self->opts.workers; i++)
        kt_worker_destroy(&self->workers[i]);
    kt_pipeline_destroy(&self->pipeline);
    kt_ledger_close(&self->ledger);
    kt_buf_fini(&self->stored);
    free(self->workers);
    free(self);
    *self_p = NULL;
}

// When the analysis began, by its message; 0: not known.
static int64_t
began_ms(const json_t *document)
{
    struct tm    at   = {0};
    const char  *rest = strptime(kt_json_str(document, "timestamp", ""), "%Y-%m-%dT%H:%M:%S", &at);  // before ".123Z"
    const double seconds = kt_json_f64(document, "processing_time", 0);
    return rest ? (int64_t)(1000 * ((double)timegm(&at) + strtod(rest, NULL) - seconds)) : 0;
}

static int64_t
ms_of(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// The file is what was analysed: it has the same size, and nothing about it changed since; or it was tagged since, and
// this holds of what it was before.
static bool
is_of_file(const kt_tag_sources_t *self, const json_t *document, const kt_tag_source_t *file)
{
    kt_file_facts_t before   = kt_file_facts_of(&file->facts);
    const bool      tagged   = kt_tagged_find(self->opts.tagged, file->path, &before);
    const int64_t   began    = began_ms(document);
    const json_t   *facts    = kt_json_get(kt_json_get(document, "features"), "technical");
    const int64_t   analysed = kt_json_i64(facts, "file_size", -1);
    return before.size == analysed && before.mtime_ns / 1000000 < began &&
           (tagged || ms_of(file->facts.st_ctim) < began);
}

static json_t *
parse_success(const char *text, size_t length)
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    if (!kt_json_parse(text, length, KT_DOCUMENT_MAX_BYTES, &document, why) &&
        !kt_json_flag(document, "success", false))
        kt_json_free(&document);
    return document;
}

static void
find_stored(kt_tag_sources_t *self, kt_tag_source_t *file)
{
    char          text[KT_JOB_PATH];
    stored_t      wanted;
    size_t        n   = 0;
    kt_job_row_t *row = calloc(1, sizeof *row);
    if (!row || !self->stored.length || !kt_path_show(file->path, text, sizeof text)) {
        free(row);
        return;
    }
    kt_text_key(text, wanted.key);
    const stored_t *found =
        bsearch(&wanted, self->stored.bytes, self->stored.length / sizeof wanted, sizeof wanted, kt_text_key_compare);
    const kt_job_query_t query = {
        .state = -1, .latest = true, .documents = true, .after_job = found ? found->job - 1 : 0};
    if (found && !self->ledger->ops->jobs(self->ledger, &query, row, 1, &n) && n == 1 && row->id.job == found->job &&
        row->document && !row->damaged)
        file->document = parse_success(row->document, row->document_bytes);
    if (file->document && !is_of_file(self, file->document, file))
        kt_json_free(&file->document);
    file->stored = file->document != NULL;
    free(row->document);
    free(row);
}

static void
analyze_file(const kt_tag_sources_t *self, kt_worker_t *worker, kt_tag_source_t *file)
{
    const kt_worker_opts_t opts   = {.id_from_digest = true};
    kt_job_t               job    = {.priority = KT_PRIORITY_NORMAL, .options = self->opts.options};
    kt_report_t            report = {0};
    kt_digest_t            digest;
    kt_digest_of(file->path, strlen(file->path), &digest);
    kt_digest_uuid(&digest, job.message_id);
    if (!kt_path_show(file->path, job.file_path, sizeof job.file_path)) {
        file->err = kt_text_explain(file->why, sizeof file->why, KT_EINVAL, "the path is too long");
        return;
    }
    kt_worker_run(worker, &job, &opts, &report);
    file->err = report.err;
    (void)kt_text_sanitize(file->why, sizeof file->why, report.detail, strlen(report.detail));
    if (!file->err)
        file->document = parse_success(report.document.bytes, report.document.length);
    if (!file->err && !file->document)
        file->err = KT_EDOCUMENT;
    kt_buf_fini(&report.document);
}

typedef struct round {
    kt_tag_sources_t       *self;
    kt_tag_source_t *const *files;
    size_t                  n;
    _Atomic size_t          next, thread;
} round_t;

static void *
analyze_files(void *context)
{
    round_t     *round  = context;
    const size_t thread = atomic_fetch_add(&round->thread, 1);
    kt_worker_t *worker = round->self->workers[thread];
    for (size_t i; (i = atomic_fetch_add(&round->next, 1)) < round->n;)
        if (round->files[i]->wanted && !round->files[i]->document)
            analyze_file(round->self, worker, round->files[i]);
    return NULL;
}

static kt_err_t
prepare_workers(kt_tag_sources_t *self, size_t n)
{
    const kt_settings_t     *settings = self->opts.cli->settings;
    const kt_pipeline_opts_t opts     = {
            .settings = settings, .media_roots = settings->media_roots, .any_path = true, .open_models = true};
    kt_err_t err = self->pipeline ? KT_OK : kt_pipeline_new(&self->pipeline, &opts);
    for (size_t i = 0; !err && i < n; i++)
        if (!self->workers[i])
            err = kt_worker_new(&self->workers[i], self->pipeline);
    return err;
}

void
kt_tag_sources_get(kt_tag_sources_t *self, kt_tag_source_t *const *files, size_t n)
{
    size_t    missing = 0, threads = 0;
    pthread_t thread[256];
    round_t   round = {.self = self, .files = files, .n = n};
    for (size_t i = 0; i < n; i++) {
        if (files[i]->wanted && self->ledger)
            find_stored(self, files[i]);
        missing += files[i]->wanted && !files[i]->document;
    }
    const size_t wanted = missing < self->opts.workers ? missing : self->opts.workers;
    kt_err_t     err    = wanted ? prepare_workers(self, wanted) : KT_OK;
    while (!err && threads < wanted && !pthread_create(&thread[threads], NULL, analyze_files, &round))
        threads++;
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < n; i++)
        if (files[i]->wanted && !files[i]->document && !files[i]->err)
            files[i]->err = err ? err : KT_ESYSTEM;
}
