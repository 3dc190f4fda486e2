#include "kernels/gpu/cqt.h"

#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_gpu_cqt_config_t) <= KT_GPU_CONFIG_BYTES, "config of constant-Q");
_Static_assert(sizeof(kt_gpu_cqt_args_t) <= KT_GPU_ARGS_BYTES, "args of constant-Q");
_Static_assert(sizeof(kt_gpu_cqt_table_t) % 16 == 0, "the samples behind the table are aligned");

static void
cqt_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_cqt_t        *self   = work;
    const kt_gpu_cqt_config_t *config = &self->config;
    memcpy(out->config, config, sizeof *config);
    out->shape.first_bytes = sizeof *self->table + kt_gpu_cqt_samples(config->n_fft, config->hop, 0, 1) * sizeof(float);
    out->shape.next_bytes  = config->hop * sizeof(float);
    out->shape.section[0].item_bytes = KT_CQT_CLASSES * (uint32_t)sizeof(float);
    out->wanted                      = 1;
}

static void
cqt_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_gpu_cqt_t     *self = work;
    const kt_gpu_cqt_args_t out  = {(uint32_t)first, (uint32_t)self->n, self->tuning};
    (void)items;
    memcpy(args, &out, sizeof out);
}

// Of the first frame's input, the first sample.
static int64_t
from_sample(const kt_gpu_cqt_t *self, size_t first)
{
    return (int64_t)(first * self->config.hop) - kt_gpu_cqt_reach(self->config.n_fft, 0);
}

static void
cqt_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_cqt_t *self = work;
    (void)items;
    *out = kt_gpu_samples_share(&self->samples, self->n, from_sample(self, first), sizeof *self->table);
}

static void
cqt_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_cqt_t *self = work;
    const size_t        room = (size_t)kt_gpu_cqt_samples(self->config.n_fft, self->config.hop, 0, (uint32_t)items);
    memcpy(to, self->table, sizeof *self->table);
    if (!self->samples.kept)
        kt_gpu_samples_copy(self->pcm, self->n, from_sample(self, first), room,
                            (float *)(void *)((char *)to + sizeof *self->table));
}

static kt_err_t
cqt_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_cqt_t *self = work;
    kt_gpu_results_copy(from, 0, KT_CQT_CLASSES * sizeof(float), self->chroma + first * KT_CQT_CLASSES);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_cqt_kind = {.id            = KT_GPU_CQT,
                                       .name          = "cqt",
                                       .describe      = cqt_describe,
                                       .describe_part = cqt_args,
                                       .share         = cqt_share,
                                       .copy_in       = cqt_copy_in,
                                       .copy_out      = cqt_copy_out};
