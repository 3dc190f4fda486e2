#include "kernels/gpu/derived.h"

#include "kernels/audio/plan.h"
#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_frontend_opts_t) <= KT_GPU_CONFIG_BYTES, "config of derived rows");
_Static_assert(sizeof(kt_gpu_derived_args_t) <= KT_GPU_ARGS_BYTES, "args of derived rows");

static void
derived_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_derived_t   *self = work;
    const kt_frontend_opts_t *opts = &self->plan->opts;
    memcpy(out->config, opts, sizeof *opts);
    out->shape.first_bytes = out->shape.next_bytes      = sizeof(float);  // room that nothing fills
    out->shape.section[KT_GPU_SECTION_ONSET].item_bytes = sizeof(float);
    out->shape.section[KT_GPU_SECTION_BANDS].item_bytes = (uint32_t)(kt_derived_bands(opts) * sizeof(float));
    out->wanted = 1U << KT_GPU_SECTION_ONSET | (self->rows->bands ? 1U << KT_GPU_SECTION_BANDS : 0);
}

bool
kt_gpu_derived_fit(const kt_plan_t *plan, size_t frames, size_t in_bytes, size_t out_bytes)
{
    float                  none  = 0;
    const kt_derived_t     rows  = {.bands = &none};
    const kt_gpu_derived_t work  = {plan, &rows, NULL};
    kt_gpu_batch_t         batch = {0};
    derived_describe(&work, &batch);
    return frames <= kt_gpu_layout_items(batch.shape.section, batch.wanted, out_bytes) &&
           kt_gpu_columns_in_bytes(frames) <= in_bytes;
}

static void
derived_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_derived_t         *rows = ((const kt_gpu_derived_t *)work)->rows;
    const kt_gpu_derived_args_t out  = {rows->mfcc != NULL, rows->contrast != NULL};
    (void)first;
    (void)items;
    memcpy(args, &out, sizeof out);
}

static void
derived_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    (void)first;
    (void)items;
    *out = (kt_gpu_share_t){.kept = ((const kt_gpu_derived_t *)work)->kept, .in_place = true};
}

static void
derived_copy_in(const void *work, size_t first, size_t items, void *to)
{
    (void)work;
    (void)first;
    (void)items;
    (void)to;
}

static kt_err_t
derived_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_derived_t *self  = work;
    const size_t            bands = kt_derived_bands(&self->plan->opts);
    if (self->rows->onset)
        kt_gpu_results_copy(from, KT_GPU_SECTION_ONSET, sizeof(float), self->rows->onset + first);
    if (self->rows->bands)
        kt_gpu_results_copy(from, KT_GPU_SECTION_BANDS, bands * sizeof(float), self->rows->bands + first * bands);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_derived_kind = {.id            = KT_GPU_DERIVED,
                                           .name          = "derived",
                                           .describe      = derived_describe,
                                           .describe_part = derived_args,
                                           .share         = derived_share,
                                           .copy_in       = derived_copy_in,
                                           .copy_out      = derived_copy_out};
