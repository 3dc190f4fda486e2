#include "kernels/gpu/rises.h"

#include "kernels/audio/plan.h"
#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_gpu_rises_args_t) <= KT_GPU_ARGS_BYTES, "args of rises");

static void
rises_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_frontend_opts_t *opts = &((const kt_gpu_rises_t *)work)->plan->opts;
    memcpy(out->config, opts, sizeof *opts);
    out->shape.first_bytes           = (KT_RISE_LAG * opts->hop + opts->n_fft) * sizeof(float);
    out->shape.next_bytes            = opts->hop * sizeof(float);
    out->shape.section[0].item_bytes = KT_RISE_WIDTH * (uint32_t)sizeof(uint16_t);
    out->wanted                      = 1;
}

static void
rises_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_rise_opts_t     *opts = &((const kt_gpu_rises_t *)work)->span->opts;
    const kt_gpu_rises_args_t out  = {opts->floor, opts->unit, opts->begins && first == 0, 0};
    (void)items;
    memcpy(args, &out, sizeof out);
}

static int64_t
first_sample(const kt_gpu_rises_t *self, size_t first)
{
    return ((int64_t)first - KT_RISE_LAG) * (int64_t)self->plan->opts.hop;
}

static void
rises_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_rises_t *self = work;
    const int64_t         at   = (int64_t)self->samples.first + first_sample(self, first);
    (void)items;
    if (self->samples.kept)
        *out = (kt_gpu_share_t){
            .kept = self->samples.kept, .at = at * (int64_t)sizeof(float), .end = (int64_t)self->samples.kept->bytes};
}

// Where the frames before the first one are silence, their samples are zeros, which are not read.
static void
rises_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_rises_t     *self    = work;
    const kt_frontend_opts_t *opts    = &self->plan->opts;
    const size_t              samples = (KT_RISE_LAG + items - 1) * opts->hop + opts->n_fft;
    const size_t              none    = self->span->opts.begins && first == 0 ? KT_RISE_LAG * opts->hop : 0;
    if (self->samples.kept)
        return;
    memset(to, 0, none * sizeof(float));
    memcpy((float *)to + none, self->span->pcm + first_sample(self, first) + none, (samples - none) * sizeof(float));
}

static kt_err_t
rises_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    kt_gpu_results_copy(from, 0, KT_RISE_WIDTH * sizeof(uint16_t),
                        ((const kt_gpu_rises_t *)work)->out + first * KT_RISE_WIDTH);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_rises_kind = {.id            = KT_GPU_RISES,
                                         .name          = "rises",
                                         .describe      = rises_describe,
                                         .describe_part = rises_args,
                                         .share         = rises_share,
                                         .copy_in       = rises_copy_in,
                                         .copy_out      = rises_copy_out};
