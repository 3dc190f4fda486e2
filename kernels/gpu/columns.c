// Requests of all columns: one of each matrix that the GPU has, and one of all others.
#include "kernels/gpu/columns.h"

#include "kernels/gpu/ticket.h"

#include <stdlib.h>

enum { REQUESTS = KT_GPU_KEPT_ROWS + 1 };

// matrices, place: of the request of the others, from the first on; of the one-matrix requests, from the last one back.
typedef struct columns_run {
    kt_columns_matrix_t *matrices;
    size_t              *place;
    kt_column_set_t      sets[REQUESTS];
    kt_gpu_columns_t     works[REQUESTS];
    kt_gpu_ticket_t      tickets[REQUESTS];
} columns_run_t;

// How many requests there are.
static size_t
columns_sort(columns_run_t *self, const kt_column_set_t *columns, const kt_gpu_kept_rows_t *there, size_t n)
{
    size_t kept = 0, others = 0, place = 0;
    for (size_t i = 0; i < columns->n; place += columns->matrices[i++].width) {
        const kt_columns_matrix_t *matrix = &columns->matrices[i];
        size_t                     k      = 0;
        while (k < n && (matrix->width == 0 || there[k].rows != matrix->rows))
            k++;
        const bool   has   = k < n && kept < KT_GPU_KEPT_ROWS;
        const size_t to    = has ? columns->n - 1 - kept : others++;
        self->matrices[to] = *matrix;
        self->place[to]    = place;
        if (!has)
            continue;
        self->sets[kept].matrices = &self->matrices[to];
        self->sets[kept].n        = 1;
        self->works[kept++]       = (kt_gpu_columns_t){
                  .place = &self->place[to], .kept = there[k].kept, .at = there[k].at, .floats = there[k].floats};
    }
    self->sets[kept]  = (kt_column_set_t){.matrices = self->matrices, .n = others};
    self->works[kept] = (kt_gpu_columns_t){.place = self->place};
    return kept + 1;
}

static kt_err_t
columns_post(columns_run_t *self, kt_gpu_t *gpu, size_t i, kt_column_moments_t *moments, float *quantile)
{
    kt_gpu_columns_t *work = &self->works[i];
    work->columns          = &self->sets[i];
    work->width            = kt_column_set_width(work->columns);
    work->moments          = moments;
    work->quantile         = quantile;
    const size_t items     = (work->width + KT_GPU_ITEM_COLUMNS - 1) / KT_GPU_ITEM_COLUMNS;
    self->tickets[i]       = (kt_gpu_ticket_t){.request = {&kt_gpu_columns_kind, work, items}};
    return items > 0 ? kt_gpu_ticket_post(gpu, &self->tickets[i]) : KT_OK;
}

kt_err_t
kt_gpu_columns_run(kt_gpu_t *gpu, const kt_column_set_t *columns, const kt_gpu_kept_rows_t *there, size_t n,
                   kt_column_moments_t *moments, float *quantile)
{
    columns_run_t self = {.matrices = calloc(columns->n, sizeof *self.matrices),
                          .place    = calloc(columns->n, sizeof *self.place)};
    kt_err_t      err  = self.matrices && self.place ? KT_OK : KT_ENOMEM;
    kt_err_t      errs[REQUESTS];
    const size_t  requests = err ? 0 : columns_sort(&self, columns, there, n);
    for (size_t i = 0; i < requests; i++) {
        self.sets[i].frames    = columns->frames;
        self.sets[i].quantiles = columns->quantiles;
        errs[i]                = columns_post(&self, gpu, i, moments, quantile);
    }
    for (size_t i = 0; i < requests; i++) {
        const bool     waits = !errs[i] && self.works[i].width > 0;
        const kt_err_t ended = waits ? kt_gpu_ticket_await(gpu, &self.tickets[i]) : errs[i];
        err                  = err ? err : ended;
    }
    free(self.matrices);
    free(self.place);
    return err;
}
