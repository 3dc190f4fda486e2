#include "kernels/gpu/columns.h"

#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_gpu_columns_config_t) <= KT_GPU_CONFIG_BYTES, "config of columns");
_Static_assert(sizeof(kt_gpu_columns_args_t) <= KT_GPU_ARGS_BYTES, "args of columns");

// The sort needs as much memory as the input besides: results of many short streams would leave too little of a slot.
enum { PARTS = 8 };

static void
columns_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_columns_t       *self   = work;
    const kt_column_set_t        *of     = self->columns;
    const kt_gpu_columns_config_t config = {(uint32_t)of->frames, (uint32_t)of->quantiles};
    memcpy(out->config, &config, sizeof config);
    out->shape.first_bytes = out->shape.next_bytes = kt_gpu_columns_in_bytes(of->frames);
    out->shape.section[0].item_bytes               = KT_GPU_ITEM_COLUMNS * (uint32_t)sizeof *self->moments;
    out->shape.section[1].item_bytes = KT_GPU_ITEM_COLUMNS * (uint32_t)(of->quantiles * sizeof *self->quantile);
    out->wanted                      = 3;
}

static size_t
columns_from(const kt_gpu_columns_t *self, size_t first, size_t items)
{
    const size_t begin = first * KT_GPU_ITEM_COLUMNS, most = items * KT_GPU_ITEM_COLUMNS;
    return self->width - begin < most ? self->width - begin : most;
}

static void
columns_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_gpu_columns_t     *self = work;
    const kt_gpu_columns_args_t out  = {(uint32_t)columns_from(work, first, items),
                                       self->kept ? (uint32_t)self->floats : 0};
    memcpy(args, &out, sizeof out);
}

static bool
columns_joins(const kt_gpu_batch_t *batch, const void *args)
{
    (void)args;
    return batch->n_parts < PARTS;
}

// Columns [from, from + count) of a matrix to columns `at` on of an item.
static void
copy_columns(const kt_columns_matrix_t *matrix, size_t frames, size_t from, size_t count, float *item, size_t at)
{
    const float *row = matrix->rows + from;
    float       *to  = item + at;
    for (size_t i = 0; i < frames; i++, row += matrix->width, to += KT_GPU_ITEM_COLUMNS)
        if (count == KT_GPU_ITEM_COLUMNS)
            memcpy(to, row, KT_GPU_ITEM_COLUMNS * sizeof *to);
        else
            for (size_t c = 0; c < count; c++)
                to[c] = row[c];
}

static void
columns_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_columns_t *self = work;
    (void)items;
    *out = (kt_gpu_share_t){
        .kept = self->kept, .in_place = true, .at = (int64_t)(self->at + first * KT_GPU_ITEM_COLUMNS * sizeof(float))};
}

static void
columns_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_columns_t *self = work;
    const kt_column_set_t  *of   = self->columns;
    float                  *item = to;
    size_t                  at = first * KT_GPU_ITEM_COLUMNS, begin = 0;  // the next column; the matrix's first
    const size_t            end = at + columns_from(self, first, items);
    if (self->kept)
        return;
    for (size_t m = 0; m < of->n; begin += of->matrices[m++].width)
        for (size_t count; at < end && at < begin + of->matrices[m].width; at += count) {
            const size_t place = at % KT_GPU_ITEM_COLUMNS, room = KT_GPU_ITEM_COLUMNS - place;
            const size_t left = begin + of->matrices[m].width - at, most = end - at < left ? end - at : left;
            count = most < room ? most : room;
            copy_columns(&of->matrices[m], of->frames, at - begin, count,
                         item + (at / KT_GPU_ITEM_COLUMNS - first) * of->frames * KT_GPU_ITEM_COLUMNS, place);
        }
}

// The columns of each matrix, as far as the part has them, to their place.
static kt_err_t
columns_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_columns_t    *self = work;
    const kt_column_set_t     *of   = self->columns;
    const kt_gpu_part_t       *part = from->part;
    const size_t               q = of->quantiles, skip = (size_t)part->first * KT_GPU_ITEM_COLUMNS;
    const kt_column_moments_t *moments  = (const void *)(from->bytes + from->layout->at[0]);
    const float               *quantile = (const void *)(from->bytes + from->layout->at[1]);
    size_t                     at = first * KT_GPU_ITEM_COLUMNS, begin = 0;  // the next column; the matrix's first
    const size_t               from_column = at, end = at + columns_from(self, first, part->items);
    for (size_t m = 0; m < of->n; begin += of->matrices[m++].width) {
        const size_t stop = begin + of->matrices[m].width < end ? begin + of->matrices[m].width : end;
        if (at >= stop)
            continue;
        const size_t to = self->place[m] + at - begin, there = skip + at - from_column;
        memcpy(self->moments + to, moments + there, (stop - at) * sizeof *moments);
        memcpy(self->quantile + to * q, quantile + there * q, (stop - at) * q * sizeof *quantile);
        at = stop;
    }
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_columns_kind = {.id            = KT_GPU_COLUMNS,
                                           .name          = "columns",
                                           .describe      = columns_describe,
                                           .describe_part = columns_args,
                                           .joins         = columns_joins,
                                           .share         = columns_share,
                                           .copy_in       = columns_copy_in,
                                           .copy_out      = columns_copy_out};
