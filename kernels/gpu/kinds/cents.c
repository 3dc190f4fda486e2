#include "kernels/gpu/cents.h"

#include "kernels/gpu/kind.h"

static void
cents_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_cents_shape_t     *shape  = kt_cents_counter_shape(((const kt_gpu_cents_t *)work)->counter);
    const kt_gpu_cents_config_t config = {shape->rate_hz};
    memcpy(out->config, &config, sizeof config);
    out->shape.first_bytes = shape->n_fft * sizeof(float);
    out->shape.next_bytes  = shape->hop * sizeof(float);
    out->shape.section[0]  = (kt_gpu_section_t){.fixed_bytes = sizeof(kt_gpu_cents_counts_t), .is_zeroed = true};
    out->shape.section[1]  = (kt_gpu_section_t){.item_bytes = sizeof(uint32_t)};
    out->wanted            = 3;
}

static void
cents_args(const void *work, size_t first, size_t items, void *args)
{
    (void)work;
    (void)first;
    (void)items;
    (void)args;
}

static bool
cents_joins(const kt_gpu_batch_t *batch, const void *args)
{
    (void)batch;
    (void)args;
    return false;
}

static int64_t
from_sample(const kt_gpu_cents_t *self, size_t first)
{
    return (int64_t)(first * kt_cents_counter_shape(self->counter)->hop);
}

static void
cents_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_cents_t *self = work;
    (void)items;
    *out = kt_gpu_samples_share(&self->samples, self->n, from_sample(self, first), 0);
}

static void
cents_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_cents_t   *self  = work;
    const kt_cents_shape_t *shape = kt_cents_counter_shape(self->counter);
    if (!self->samples.kept)
        kt_gpu_samples_copy(self->pcm, self->n, from_sample(self, first), (items - 1) * shape->hop + shape->n_fft, to);
}

// Sums of whole units are exact below 2^53 of them, whatever the pieces.
static void
add_counts(const uint64_t *counts, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] += (double)counts[i] * KT_GPU_CENTS_UNIT;
}

static kt_err_t
cents_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    kt_cents_t                  *out    = ((const kt_gpu_cents_t *)work)->out;
    const kt_gpu_cents_counts_t *counts = (const void *)(from->bytes + from->layout->at[0]);
    const uint32_t              *peaks  = (const void *)(from->bytes + from->layout->at[1]);
    (void)first;
    add_counts(counts->all, KT_CENTS, out->all);
    add_counts(counts->own, KT_CENTS, out->own);
    add_counts(counts->deviation, KT_CENTS_SEMITONE, out->deviation);
    for (uint32_t i = 0; i < from->part->items; i++)
        out->peaks += peaks[i];
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_cents_kind = {.id            = KT_GPU_CENTS,
                                         .name          = "cents",
                                         .describe      = cents_describe,
                                         .describe_part = cents_args,
                                         .joins         = cents_joins,
                                         .share         = cents_share,
                                         .copy_in       = cents_copy_in,
                                         .copy_out      = cents_copy_out};
