// The search for the nearest vectors: one pass over the table, page by page. Whether a vector is that of a file's
// latest result is asked only for those that would be among the nearest, the best first: of 100,000 vectors in random
// order these are about `want` times the logarithm of 100,000 / PAGE.
#include "coordinator/ledger/sql/ops.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 512, LOOK_UP = 64 };

typedef struct candidate {
    double      distance;
    kt_run_id_t id;
} candidate_t;

typedef struct search {
    kt_nearest_t *to;
    size_t        n, n_others;       // of this page
    candidate_t   candidates[PAGE];  // of the query's method, near enough
    candidate_t   others[PAGE];      // of other methods
} search_t;

// False if the row holds no vector.
static bool
read_vector(const kt_sql_t *self, size_t k, size_t row, kt_vector_t *out)
{
    size_t      length;
    const char *bytes = kt_sql_cell(self, k, row, 3, &length);
    if (!bytes || !length || length % sizeof(uint64_t) || length / sizeof(uint64_t) > KT_VECTOR_MOST)
        return false;
    out->n = length / sizeof(uint64_t);
    for (size_t i = 0; i < out->n; i++) {
        uint64_t wire;
        memcpy(&wire, bytes + i * sizeof wire, sizeof wire);
        wire = le64toh(wire);
        memcpy(&out->value[i], &wire, sizeof wire);
        if (!isfinite(out->value[i]))
            return false;
    }
    kt_sql_text(self, k, row, 2, out->method, sizeof out->method);
    return true;
}

static int
compare(const void *a, const void *b)
{
    const candidate_t *x = a, *y = b;
    if (x->distance < y->distance || x->distance > y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->id.job > y->id.job) - (x->id.job < y->id.job);
}

static bool
is_near(const kt_nearest_t *search, const candidate_t *candidate)
{
    if (search->n < search->want)
        return true;
    const kt_neighbour_t *last = &search->out[search->n - 1];
    return compare(candidate, &(candidate_t){last->distance, last->id}) < 0;
}

static void
sort_page(search_t *self, const kt_sql_t *sql, size_t k, uint64_t *last)
{
    kt_nearest_t *to = self->to;
    kt_vector_t   vector;
    self->n = self->n_others = 0;
    for (size_t row = 0; row < kt_sql_rows(sql, k); row++) {
        candidate_t found = {
            .id = {.job = (uint64_t)kt_sql_int(sql, k, row, 0), .run = (uint32_t)kt_sql_int(sql, k, row, 1)}};
        *last = found.id.job;
        if (!read_vector(sql, k, row, &vector)) {
            to->first_damaged = to->damaged++ ? to->first_damaged : found.id;
        } else if (vector.n != to->query->n || strcmp(vector.method, to->query->method) != 0) {
            self->others[self->n_others++] = found;
        } else {
            to->compared++;
            found.distance = kt_vector_distance(to->query, &vector);
            if (is_near(to, &found))
                self->candidates[self->n++] = found;
        }
    }
    qsort(self->candidates, self->n, sizeof *self->candidates, compare);
}

// What the ledger knows of the candidates' files, if they are these files' latest results. *k: the answer's number.
static kt_err_t
look_up(kt_sql_t *sql, const candidate_t *candidates, size_t n, size_t *k)
{
    kt_sql_column(sql, KT_SQL_U64, n, &candidates->id.job, sizeof *candidates);
    kt_sql_column(sql, KT_SQL_U32, n, &candidates->id.run, sizeof *candidates);
    *k = kt_sql_put(sql, KT_SQL_NEIGHBOURS);
    return kt_sql_run(sql);
}

static double
real_or_nan(const kt_sql_t *sql, size_t k, size_t row, int column)
{
    size_t length;
    return kt_sql_cell(sql, k, row, column, &length) ? kt_sql_real(sql, k, row, column) : NAN;
}

// Inserts the row of that candidate where it belongs.
static kt_err_t
insert_nearest(kt_nearest_t *to, const candidate_t *candidate, const kt_sql_t *sql, size_t k, size_t row)
{
    char           path[KT_JOB_PATH];
    kt_neighbour_t found = {.distance   = candidate->distance,
                            .id         = candidate->id,
                            .duration_s = real_or_nan(sql, k, row, 3),
                            .tempo      = real_or_nan(sql, k, row, 4)};
    kt_sql_text(sql, k, row, 2, path, sizeof path);
    for (size_t i = 0; i < to->n; i++)
        if (to->out[i].id.job == candidate->id.job)
            return KT_OK;  // of a try that was repeated
    if (strcmp(path, to->path) == 0 || !is_near(to, candidate))
        return KT_OK;
    if (!(found.file_path = strdup(path)))
        return KT_ENOMEM;
    kt_sql_text(sql, k, row, 5, found.key, sizeof found.key);
    kt_sql_text(sql, k, row, 6, found.mode, sizeof found.mode);
    if (to->n == to->want)
        free(to->out[--to->n].file_path);
    size_t place = to->n++;
    while (place > 0 && compare(candidate, &(candidate_t){to->out[place - 1].distance, to->out[place - 1].id}) < 0) {
        to->out[place] = to->out[place - 1];
        place--;
    }
    to->out[place] = found;
    return KT_OK;
}

// The rows come in any order.
static kt_err_t
take_candidates(search_t *self, kt_sql_t *sql)
{
    kt_err_t err = KT_OK;
    for (size_t at = 0, n; at < self->n && !err && is_near(self->to, &self->candidates[at]); at += n) {
        size_t             k;
        const candidate_t *some = self->candidates + at;
        n                       = self->n - at < LOOK_UP ? self->n - at : LOOK_UP;
        err                     = look_up(sql, some, n, &k);
        for (size_t row = 0; !err && row < kt_sql_rows(sql, k); row++)
            for (size_t i = 0; i < n && !err; i++)
                if (some[i].id.job == (uint64_t)kt_sql_int(sql, k, row, 0))
                    err = insert_nearest(self->to, &some[i], sql, k, row);
    }
    return err;
}

static kt_err_t
count_others(search_t *self, kt_sql_t *sql)
{
    kt_err_t err = KT_OK;
    for (size_t at = 0, n; at < self->n_others && !err; at += n) {
        size_t k;
        char   path[KT_JOB_PATH];
        n   = self->n_others - at < LOOK_UP ? self->n_others - at : LOOK_UP;
        err = look_up(sql, self->others + at, n, &k);
        for (size_t row = 0; !err && row < kt_sql_rows(sql, k); row++) {
            kt_sql_text(sql, k, row, 2, path, sizeof path);
            self->to->other_methods += strcmp(path, self->to->path) != 0;
        }
    }
    return err;
}

// Until all vectors or `most` of them have been read.
static kt_err_t
search_pages(search_t *self, kt_sql_t *sql)
{
    kt_nearest_t *to   = self->to;
    kt_err_t      err  = KT_OK;
    uint64_t      last = to->before ? to->before : INT64_MAX;
    size_t        n = PAGE, read = 0;
    for (; n == PAGE && !err && (!to->most || read < to->most); read += n) {
        kt_sql_arg_u64(sql, last);
        kt_sql_arg_int(sql, PAGE);
        size_t k = kt_sql_put(sql, KT_SQL_VECTORS_PAGE);
        if ((err = kt_sql_run(sql)))
            break;
        n = kt_sql_rows(sql, k);
        sort_page(self, sql, k, &last);
        err = take_candidates(self, sql);
        if (!err)
            err = count_others(self, sql);
    }
    to->before = last;
    to->more   = n == PAGE;
    return err;
}

kt_err_t
kt_sql_nearest(kt_ledger_t *base, kt_nearest_t *search)
{
    kt_sql_t *sql  = (kt_sql_t *)base;
    search_t *self = calloc(1, sizeof *self);
    kt_err_t  err  = KT_OK;
    if (!self)
        return KT_ENOMEM;
    self->to               = search;
    const kt_nearest_t was = *search;
    for (int tries = 0; kt_sql_try(sql, false, &err, &tries);) {
        search->before        = was.before;
        search->compared      = was.compared;
        search->other_methods = was.other_methods;
        search->damaged       = was.damaged;
        search->first_damaged = was.first_damaged;
        err                   = search_pages(self, sql);
    }
    if (err)
        kt_nearest_clear(search);
    free(self);
    return err;
}

kt_err_t
kt_sql_vector_of(kt_ledger_t *base, const char *path, kt_vector_t *out)
{
    kt_sql_t *self  = (kt_sql_t *)base;
    bool      found = false;
    kt_err_t  err   = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_text(self, path);
        size_t k = kt_sql_put(self, KT_SQL_VECTOR_OF);
        if (!(err = kt_sql_run(self)))
            found = kt_sql_rows(self, k) > 0 && read_vector(self, k, 0, out);
    }
    return err ? err : found ? KT_OK : KT_ENOTFOUND;
}
