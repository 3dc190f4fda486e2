#include "coordinator/backfill/step.h"

#include "common/buf.h"
#include "common/clock.h"
#include "coordinator/ledger/backfill_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct kt_backfill_step {
    uint64_t           last;  // the backfill of the turn before
    size_t             n, fed;
    bool               again, lists;
    kt_backfill_t      live[KT_BACKFILL_LIVE], to_list;
    kt_backfill_path_t paths[KT_BACKFILL_FEED];
    uint64_t           rows[KT_BACKFILL_FEED];
    kt_job_t           jobs[KT_BACKFILL_FEED];
    kt_new_job_t       news[KT_BACKFILL_FEED];
};

kt_err_t
kt_backfill_step_new(kt_backfill_step_t **self_p)
{
    kt_backfill_step_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    *self_p = self;
    return KT_OK;
}

void
kt_backfill_step_destroy(kt_backfill_step_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

// The job of a path: its input message as any producer would have written it, parsed as any message is.
static kt_err_t
make_job(const kt_backfill_t *b, const kt_backfill_path_t *path, int64_t wall_ms, kt_job_t *job, kt_new_job_t *out)
{
    char     why[KT_JOB_WHY];
    kt_buf_t text;
    size_t   length;
    *job = (kt_job_t){.priority = b->priority, .options = b->options, .declared_bytes = (uint64_t)path->bytes};
    snprintf(job->message_id, sizeof job->message_id, "backfill-%" PRIu64 "-%" PRIu64, b->id, path->row);
    size_t at, user = 0;  // rows of before may have one, which a message must not: its job fails, and the rest goes on
    bool   secret = kt_job_url_user(path->path, &at, &user);
    snprintf(job->file_path, sizeof job->file_path, "%.*s%s", secret ? (int)at : 0, path->path,
             path->path + (secret ? at + user : 0));
    kt_buf_init(&text, KT_JOB_MAX_BYTES);
    kt_job_write(job, &text);
    char *body = kt_buf_take(&text, &length);
    if (!body)
        return KT_ENOMEM;
    kt_err_t err = kt_job_parse(body, length, job, why);
    *out         = (kt_new_job_t){.job = job, .body = body, .body_bytes = length, .wall_ms = wall_ms};
    return err;
}

static kt_err_t
step_feed(kt_backfill_step_t *self, kt_ledger_t *ledger, const kt_lease_t *lease, const kt_backfill_t *b)
{
    uint64_t open = kt_backfill_open(b);
    if (b->state != KT_BACKFILL_RUNNING || b->fed_row >= b->listed || open >= KT_BACKFILL_WINDOW)
        return KT_OK;
    uint64_t room = KT_BACKFILL_WINDOW - open;
    size_t   want = room < KT_BACKFILL_FEED ? (size_t)room : KT_BACKFILL_FEED, n = 0;
    bool     none = !kt_backfill_waiting(b);  // all of them skipped or refused: straight to the end
    kt_err_t err  = none ? KT_OK : ledger->ops->backfill->waiting(ledger, b, want, self->paths, &n);
    if (err)
        return err;

    bool     far   = !none && b->fed_row + KT_BACKFILL_SPAN < b->listed;
    uint64_t up_to = far ? b->fed_row + KT_BACKFILL_SPAN : b->listed;
    if (n == want)
        up_to = self->paths[n - 1].row;

    int64_t wall_ms = kt_clock_wall_ms();
    for (size_t i = 0; i < n && !err; i++) {
        self->rows[i] = self->paths[i].row;
        err           = make_job(b, &self->paths[i], wall_ms, &self->jobs[i], &self->news[i]);
    }
    if (!err)
        err = ledger->ops->backfill->feed(ledger, lease, b->id, self->rows, self->news, n, up_to);
    for (size_t i = 0; i < n; i++) {
        free((char *)self->news[i].body);
        free((char *)self->paths[i].path);
        self->news[i].body  = NULL;
        self->paths[i].path = NULL;
    }
    self->fed   = err ? 0 : n;
    self->again = self->again || (!err && up_to < b->listed && room > n);
    return err;
}

kt_err_t
kt_backfill_step_run(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    kt_backfill_step_t *self = context;
    size_t              next = 0, left = 0;
    self->n = self->fed = 0;
    self->again = self->lists = false;
    if (!ledger->ops->backfill)
        return KT_OK;

    kt_err_t err = ledger->ops->backfill->take(ledger, lease, self->live, KT_BACKFILL_LIVE, &self->n);
    if (err || !self->n)
        return err;
    while (next < self->n && self->live[next].id <= self->last)
        next++;
    next       = next == self->n ? 0 : next;
    self->last = self->live[next].id;

    kt_backfill_t *b = &self->live[next];
    err         = ledger->ops->backfill->settle(ledger, lease, b->id, KT_BACKFILL_SETTLE, kt_clock_wall_ms(), &left, b);
    self->again = left == KT_BACKFILL_SETTLE;
    if (!err)
        err = step_feed(self, ledger, lease, b);
    self->again = self->again || (self->n > 1 && (left || self->fed));

    for (size_t i = 0; i < self->n && !self->lists && !err; i++)
        if (self->live[i].state == KT_BACKFILL_RUNNING && !self->live[i].listed_all) {
            self->lists   = true;
            self->to_list = self->live[i];
        }
    return err;
}

size_t
kt_backfill_step_fed(const kt_backfill_step_t *self)
{
    return self->fed;
}

bool
kt_backfill_step_again(const kt_backfill_step_t *self)
{
    return self->again;
}

size_t
kt_backfill_step_live(const kt_backfill_step_t *self)
{
    return self->n;
}

const kt_backfill_t *
kt_backfill_step_to_list(const kt_backfill_step_t *self)
{
    return self->lists ? &self->to_list : NULL;
}
