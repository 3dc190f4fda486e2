#include "kernels/audio/plan.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/kind.h"

static void
chroma_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_frames_t *self = work;
    memcpy(out->config, &self->plan->opts, sizeof self->plan->opts);
    out->shape.first_bytes           = self->plan->opts.n_fft * sizeof(float);
    out->shape.next_bytes            = self->plan->opts.hop * sizeof(float);
    out->shape.section[0].item_bytes = self->plan->opts.n_chroma * (uint32_t)sizeof(float);
    out->wanted                      = 1;
}

static double
tuning_of(const void *args)
{
    kt_gpu_frames_args_t own;
    memcpy(&own, args, sizeof own);
    return own.tuning;
}

// A batch holds a table of weights for each of its tunings, at most KT_GPU_TUNINGS.
static bool
chroma_joins(const kt_gpu_batch_t *batch, const void *args)
{
    double   tunings[KT_GPU_TUNINGS + 1] = {tuning_of(args)};
    uint32_t n                           = 1;
    for (uint32_t i = 0; i < batch->n_parts && n <= KT_GPU_TUNINGS; i++) {
        const double tuning = tuning_of(batch->parts[i].args);
        uint32_t     at     = 0;
        while (at < n && tunings[at] != tuning)
            at++;
        tunings[at] = tuning;
        n += at == n;
    }
    return n <= KT_GPU_TUNINGS;
}

static kt_err_t
chroma_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_frames_t *self  = work;
    const size_t           width = self->plan->opts.n_chroma;
    kt_gpu_results_copy(from, 0, width * sizeof(float), self->chroma + first * width);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_chroma_kind = {.id            = KT_GPU_CHROMA,
                                          .name          = "chroma",
                                          .describe      = chroma_describe,
                                          .describe_part = kt_gpu_frames_args,
                                          .joins         = chroma_joins,
                                          .share         = kt_gpu_frames_share,
                                          .copy_in       = kt_gpu_frames_copy_in,
                                          .copy_out      = chroma_copy_out};
