#include "coordinator/cli/remote/submit.h"

#include "common/digest.h"
#include "common/paths.h"
#include "common/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 200, BODY_MAX = 7 << 20, SECOND_NS = 1000000000 };

struct kt_submit {
    kt_submit_opts_t opts;
    kt_priority_t    priority;
    kt_buf_t         body;  // {"messages":[...
    char            *paths[BATCH];
    size_t           n;
};

kt_err_t
kt_submit_new(kt_submit_t **self_p, const kt_submit_opts_t *opts)
{
    kt_submit_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts = *opts;
    kt_buf_init(&self->body, BODY_MAX);
    if (!kt_priority_find(opts->priority, &self->priority)) {
        kt_submit_destroy(&self);
        return KT_EINVAL;
    }
    *self_p = self;
    return KT_OK;
}

static void
clear_batch(kt_submit_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        free(self->paths[i]);
    self->n = 0;
    kt_buf_clear(&self->body);
}

void
kt_submit_destroy(kt_submit_t **self_p)
{
    kt_submit_t *self = *self_p;
    if (!self)
        return;
    clear_batch(self);
    kt_buf_fini(&self->body);
    free(self);
    *self_p = NULL;
}

bool
kt_submit_full(const kt_submit_t *self)
{
    return self->n == BATCH;
}

// Ids are derived from session and path, so a batch that is sent again makes no second job.
kt_err_t
kt_submit_flush(kt_submit_t *self)
{
    json_t *answer = NULL;
    if (!self->n)
        return KT_OK;
    kt_buf_t whole;
    kt_buf_init(&whole, BODY_MAX + 2);
    kt_buf_add(&whole, self->body.bytes, self->body.length);
    kt_buf_str(&whole, "]}");
    kt_err_t err = self->body.err ? self->body.err : whole.err;
    if (!err)
        err = kt_client_post(self->opts.client, "/v1/jobs", whole.bytes, whole.length, &answer);
    kt_buf_fini(&whole);
    if (err)
        return err;
    const json_t *results = kt_json_get(answer, "results");
    for (size_t i = 0; results && i < kt_json_count(results) && i < self->n; i++)
        self->opts.answered(self->opts.context, self->paths[i], kt_json_at(results, i));
    kt_json_free(&answer);
    clear_batch(self);
    return KT_OK;
}

// What the id of a job is derived from beside session and path.
static void
add_facts(const kt_submit_opts_t *opts, kt_submit_by_t by, const char *path, const struct stat *facts, kt_buf_t *out)
{
    kt_digest_t digest;
    char        hex[KT_DIGEST_HEX];
    int         fd  = by == KT_SUBMIT_BY_CONTENT ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    kt_err_t    err = fd < 0 ? KT_EIO : kt_digest_of_fd(fd, &digest);
    if (fd >= 0)
        close(fd);
    if (!err) {
        kt_buf_fmt(out, "\n%s", kt_digest_hex(&digest, hex));
    } else if (by != KT_SUBMIT_BY_PATH) {
        kt_file_facts_t is = kt_file_facts_of(facts);
        if (opts->tagged)
            (void)kt_tagged_find(opts->tagged, path, &is);
        kt_buf_fmt(out, "\n%lld %lld %lld", (long long)is.size, (long long)(is.mtime_ns / SECOND_NS),
                   (long long)(is.mtime_ns % SECOND_NS));
    }
}

// facts: NULL for what is no file.
static kt_err_t
make_id(const kt_submit_opts_t *opts, kt_submit_by_t by, const char *path, const struct stat *facts,
        char id[KT_JOB_ID_BYTES])
{
    kt_digest_t digest;
    kt_buf_t    text;
    kt_buf_init(&text, KT_JOB_PATH + 512);
    kt_buf_fmt(&text, "%.100s\n", opts->session);
    kt_buf_str(&text, path);
    if (facts)
        add_facts(opts, by, path, facts, &text);
    const kt_err_t err = text.err;
    if (!err) {
        kt_digest_of(text.bytes, text.length, &digest);
        kt_digest_uuid(&digest, id);
    }
    kt_buf_fini(&text);
    return err;
}

kt_err_t
kt_submit_id(const kt_submit_t *self, kt_submit_by_t by, const char *path, char id[KT_JOB_ID_BYTES])
{
    struct stat facts;
    const bool  is_file = !stat(path, &facts) && S_ISREG(facts.st_mode);
    return make_id(&self->opts, by, path, is_file ? &facts : NULL, id);
}

kt_err_t
kt_submit_file(kt_submit_t *self, const char *path)
{
    struct stat facts = {0};
    kt_job_t    job   = {.priority = self->priority, .options = self->opts.options};
    bool        fits  = kt_job_is_url(path) ? kt_text_copy(job.file_path, sizeof job.file_path, path)
                                            : kt_path_show(path, job.file_path, sizeof job.file_path);
    if (!fits)
        return KT_EINVAL;
    if (kt_submit_full(self))
        return KT_EFULL;
    const bool is_file = !stat(path, &facts) && S_ISREG(facts.st_mode);
    if (is_file)
        job.declared_bytes = (uint64_t)facts.st_size;
    kt_err_t err = make_id(&self->opts, self->opts.by, path, is_file ? &facts : NULL, job.message_id);
    if (err || (self->opts.wanted && !self->opts.wanted(self->opts.context, path, &job)))
        return err;

    char *copy = strdup(path);
    if (!copy)
        return KT_ENOMEM;
    kt_buf_str(&self->body, self->n ? "," : "{\"messages\":[");
    kt_job_write(&job, &self->body);
    self->paths[self->n++] = copy;
    return self->body.err;
}
