#include "coordinator/cli/store/known.h"

#include "common/clock.h"
#include "common/paths.h"
#include "coordinator/ledger/open/open.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PAGE = 512, MARKED = 512, BYTES = 1 << 30 };

typedef struct path {
    uint8_t key[KT_TEXT_KEY];
    bool    seen, current;  // current: it has a latest result, so that it is not marked yet
    size_t  text;           // in `texts`
    // The result that readers show, if the path is not marked: that which was stored last, of the latest job.
    int64_t  stored_ms;  // 0: there is none
    uint64_t job;
} path_t;

struct kt_known {
    kt_buf_t jobs, paths, texts;  // kt_known_job_t and path_t, by key
    size_t   n_open;
};

static void
add_row(kt_known_t *self, const kt_job_row_t *row)
{
    kt_known_job_t job  = {.job = row->id.job, .run = row->id.run, .state = row->state, .err = row->err};
    path_t         path = {.text = self->texts.length, .stored_ms = row->stored_wall_ms, .job = row->id.job};
    kt_text_key(row->message_id, job.key);
    kt_text_key(row->file_path, path.key);
    self->n_open += row->state == KT_JOB_QUEUED || row->state == KT_JOB_CLAIMED;
    kt_buf_add(&self->texts, row->file_path, strlen(row->file_path) + 1);
    kt_buf_add(&self->jobs, &job, sizeof job);
    kt_buf_add(&self->paths, &path, sizeof path);
}

static bool
is_later(const path_t *a, const path_t *b)
{
    return a->stored_ms != b->stored_ms ? a->stored_ms > b->stored_ms : a->job > b->job;
}

// Each path once.
static void
sort_rows(kt_known_t *self)
{
    path_t *paths = (path_t *)(void *)self->paths.bytes;
    size_t  n = self->paths.length / sizeof *paths, kept = 0;
    if (!n)
        return;
    qsort(self->jobs.bytes, self->jobs.length / sizeof(kt_known_job_t), sizeof(kt_known_job_t), kt_text_key_compare);
    qsort(paths, n, sizeof *paths, kt_text_key_compare);
    for (size_t i = 0; i < n; i++) {
        const bool new_path = !kept || kt_text_key_compare(&paths[kept - 1], &paths[i]) != 0;
        if (new_path)
            paths[kept++] = paths[i];
        else if (is_later(&paths[i], &paths[kept - 1]))
            paths[kept - 1] = paths[i];
    }
    self->paths.length = kept * sizeof *paths;
}

static kt_err_t
open_known(const kt_cli_t *cli, const char *database_url, bool writer, kt_ledger_t **out, char why[KT_LEDGER_WHY])
{
    kt_settings_t settings = *cli->settings;  // shallow: only the address differs
    settings.database_url  = database_url;
    why[0]                 = '\0';
    return kt_ledger_open(out, &settings, writer, why);
}

kt_err_t
kt_known_load(kt_known_t **self_p, const kt_cli_t *cli, const char *database_url, char why[KT_LEDGER_WHY])
{
    kt_known_t    *self   = calloc(1, sizeof *self);
    kt_job_row_t  *rows   = calloc(PAGE, sizeof *rows);
    kt_ledger_t   *ledger = NULL;
    kt_job_query_t query  = {.state = -1};
    kt_err_t       err    = KT_ENOMEM;
    if (!self || !rows)
        goto fail;
    kt_buf_init(&self->jobs, BYTES);
    kt_buf_init(&self->paths, BYTES);
    kt_buf_init(&self->texts, BYTES);
    err = open_known(cli, database_url, false, &ledger, why);
    for (size_t n = PAGE; !err && n == PAGE;) {
        err = ledger->ops->jobs(ledger, &query, rows, PAGE, &n);
        for (size_t i = 0; !err && i < n; i++)
            add_row(self, &rows[i]);
        query.after_job = !err && n ? rows[n - 1].id.job : 0;
    }
    kt_ledger_close(&ledger);
    if (!err && (self->jobs.err || self->paths.err || self->texts.err))
        err = KT_ENOMEM;
    if (err)
        goto fail;
    sort_rows(self);
    free(rows);
    *self_p = self;
    return KT_OK;
fail:
    free(rows);
    kt_known_destroy(&self);
    return err;
}

void
kt_known_destroy(kt_known_t **self_p)
{
    kt_known_t *self = *self_p;
    if (!self)
        return;
    kt_buf_fini(&self->jobs);
    kt_buf_fini(&self->paths);
    kt_buf_fini(&self->texts);
    free(self);
    *self_p = NULL;
}

const kt_known_job_t *
kt_known_find(const kt_known_t *self, const char *message_id)
{
    uint8_t key[KT_TEXT_KEY];
    kt_text_key(message_id, key);
    return self->jobs.length ? bsearch(key, self->jobs.bytes, self->jobs.length / sizeof(kt_known_job_t),
                                       sizeof(kt_known_job_t), kt_text_key_compare)
                             : NULL;
}

bool
kt_known_is_final(const kt_known_job_t *job)
{
    const bool elsewhere = job->err == KT_EACCESS || job->err == KT_ENOFILE || job->err == KT_EIO;
    return job->state == KT_JOB_DONE ||
           (job->state == KT_JOB_FAILED && kt_err_verdict(job->err) == KT_VERDICT_REJECT && !elsewhere);
}

static path_t *
find_path(const kt_known_t *self, const char *file_path)
{
    uint8_t key[KT_TEXT_KEY];
    kt_text_key(file_path, key);
    return self->paths.length ? bsearch(key, self->paths.bytes, self->paths.length / sizeof(path_t), sizeof(path_t),
                                        kt_text_key_compare)
                              : NULL;
}

bool
kt_known_is_latest(const kt_known_t *self, const kt_known_job_t *job, const char *file_path)
{
    const path_t *path = find_path(self, file_path);
    return path && path->job == job->job;
}

size_t
kt_known_open(const kt_known_t *self)
{
    return self->n_open;
}

static bool
is_gone(const char *file_path)
{
    char        raw[PATH_MAX];
    struct stat facts;
    return *file_path == '/' && !kt_path_read(file_path, raw, sizeof raw) && lstat(raw, &facts) &&
           (errno == ENOENT || errno == ENOTDIR);
}

void
kt_known_see(kt_known_t *self, const char *file_path)
{
    path_t *path = find_path(self, file_path);
    if (path)
        path->seen = true;
}

static kt_err_t
read_current(kt_known_t *self, kt_ledger_t *ledger)
{
    kt_job_query_t query = {.state = -1, .latest = true};
    kt_job_row_t  *rows  = calloc(PAGE, sizeof *rows);
    kt_err_t       err   = rows ? KT_OK : KT_ENOMEM;
    for (size_t n = PAGE; !err && n == PAGE;) {
        err = ledger->ops->jobs(ledger, &query, rows, PAGE, &n);
        for (size_t i = 0; !err && i < n; i++) {
            path_t *path = find_path(self, rows[i].file_path);
            if (path)
                path->current = true;
        }
        query.after_job = !err && n ? rows[n - 1].id.job : 0;
    }
    free(rows);
    return err;
}

// The paths that are to be marked, or that lose their mark, in groups. *n: how many.
static kt_err_t
mark_all(const kt_known_t *self, kt_ledger_t *ledger, bool gone, uint64_t *n)
{
    const char   *group[MARKED];
    const path_t *paths = (const path_t *)(const void *)self->paths.bytes;
    const size_t  all   = self->paths.length / sizeof *paths;
    kt_err_t      err   = KT_OK;
    size_t        held  = 0;
    for (size_t i = 0; i <= all && !err; i++) {
        const char *text = i < all ? self->texts.bytes + paths[i].text : NULL;
        if (text && (gone ? !paths[i].seen && paths[i].current && is_gone(text) : paths[i].seen && !paths[i].current))
            group[held++] = text;
        if (held && (held == MARKED || i == all)) {
            err = ledger->ops->mark_paths(ledger, group, held, gone, kt_clock_wall_ms());
            *n += err ? 0 : held;
            held = 0;
        }
    }
    return err;
}

kt_err_t
kt_known_mark(kt_known_t *self, const kt_cli_t *cli, const char *database_url, uint64_t *removed,
              char why[KT_LEDGER_WHY])
{
    kt_ledger_t *ledger   = NULL;
    uint64_t     restored = 0;
    *removed              = 0;
    if (!self->paths.length)
        return KT_OK;
    kt_err_t err = open_known(cli, database_url, true, &ledger, why);
    if (!err)
        err = read_current(self, ledger);
    if (!err)
        err = mark_all(self, ledger, false, &restored);
    if (!err)
        err = mark_all(self, ledger, true, removed);
    kt_ledger_close(&ledger);
    return err;
}
