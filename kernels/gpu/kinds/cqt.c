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

static void
cqt_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_cqt_t *self  = work;
    const int64_t       begin = (int64_t)self->samples.first;
    const int64_t       from  = begin + (int64_t)(first * self->config.hop) - kt_gpu_cqt_reach(self->config.n_fft, 0);
    (void)items;
    if (self->samples.kept)
        *out = (kt_gpu_share_t){.kept  = self->samples.kept,
                                .skip  = sizeof *self->table,
                                .at    = from * (int64_t)sizeof(float),
                                .begin = begin * (int64_t)sizeof(float),
                                .end   = (begin + (int64_t)self->n) * (int64_t)sizeof(float)};
}

static void
cqt_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_cqt_t *self = work;
    const uint32_t      hop = self->config.hop, n_fft = self->config.n_fft;
    const int64_t       from   = (int64_t)(first * hop) - kt_gpu_cqt_reach(n_fft, 0);
    const int64_t       room   = (int64_t)kt_gpu_cqt_samples(n_fft, hop, 0, (uint32_t)items);
    const int64_t       before = from < 0 ? -from < room ? -from : room : 0, left = (int64_t)self->n - from;
    const int64_t       end = left < before ? before : left < room ? left : room;
    memcpy(to, self->table, sizeof *self->table);
    if (self->samples.kept)
        return;
    float *samples = (float *)(void *)((char *)to + sizeof *self->table);
    memset(samples, 0, (size_t)before * sizeof *samples);
    if (end > before)
        memcpy(samples + before, self->pcm + (from + before), (size_t)(end - before) * sizeof *samples);
    memset(samples + end, 0, (size_t)(room - end) * sizeof *samples);
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
