#include "kernels/gpu/bass.h"

#include "kernels/gpu/kind.h"

static void
bass_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_bass_shape_t     *shape  = kt_bass_shape(((const kt_gpu_bass_t *)work)->bass);
    const kt_gpu_bass_config_t config = {shape->rate_hz, shape->row};
    memcpy(out->config, &config, sizeof config);
    out->shape.first_bytes           = kt_gpu_bass_window(shape) * sizeof(float);
    out->shape.next_bytes            = shape->row * sizeof(float);
    out->shape.section[0].item_bytes = KT_BASS_WIDTH * (uint32_t)sizeof(uint16_t);
    out->wanted                      = 1;
}

static void
bass_args(const void *work, size_t first, size_t items, void *args)
{
    (void)work;
    (void)first;
    (void)items;
    (void)args;
}

// The first one of row `first`.
static int64_t
from_sample(const kt_gpu_bass_t *self, size_t first)
{
    const kt_bass_shape_t *shape = kt_bass_shape(self->bass);
    return (int64_t)(self->span.first + first * shape->row) -
           (int64_t)(shape->points + KT_BASS_STEPS) * shape->step / 2;
}

static void
bass_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_bass_t *self = work;
    (void)items;
    *out = kt_gpu_samples_share(&self->samples, self->span.n, from_sample(self, first), 0);
}

static void
bass_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_bass_t   *self  = work;
    const kt_bass_shape_t *shape = kt_bass_shape(self->bass);
    if (!self->samples.kept)
        kt_gpu_samples_copy(self->span.samples, self->span.n, from_sample(self, first),
                            kt_gpu_bass_window(shape) + (items - 1) * shape->row, to);
}

static kt_err_t
bass_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    kt_gpu_results_copy(from, 0, KT_BASS_WIDTH * sizeof(uint16_t),
                        ((const kt_gpu_bass_t *)work)->out + first * KT_BASS_WIDTH);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_bass_kind = {.id            = KT_GPU_BASS,
                                        .name          = "bass",
                                        .describe      = bass_describe,
                                        .describe_part = bass_args,
                                        .share         = bass_share,
                                        .copy_in       = bass_copy_in,
                                        .copy_out      = bass_copy_out};
