#include "kernels/audio/plan.h"

#include <stdlib.h>

// Bounds of what a setting may ask for: wide enough for every use, small enough that no size product overflows.
enum { MAX_RATE = 768000, MIN_RATE = 1000, MAX_HOP = 65536, MAX_MELS = 1024, MAX_CHROMA = 96 };

static bool
opts_are_valid(const kt_frontend_opts_t *o)
{
    if (o->rate_hz < MIN_RATE || o->rate_hz > MAX_RATE)
        return false;
    if (o->n_fft < 256 || o->n_fft > 16384 || (o->n_fft & (o->n_fft - 1)) != 0)
        return false;
    if (o->hop < 1 || o->hop > MAX_HOP || o->n_mels < 1 || o->n_mels > MAX_MELS)
        return false;
    return o->n_mfcc >= 1 && o->n_mfcc <= o->n_mels && o->n_chroma >= 1 && o->n_chroma <= MAX_CHROMA;
}

kt_err_t
kt_plan_new(kt_plan_t **self_p, const kt_frontend_opts_t *opts)
{
    if (!opts_are_valid(opts))
        return KT_EINVAL;
    kt_err_t   err  = KT_ENOMEM;
    kt_plan_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->opts   = *opts;
    self->bins   = opts->n_fft / 2 + 1;
    self->points = opts->n_fft / 2;
    kt_plan_fill_contrast(self);
    kt_plan_fill_pitch(self);
    if ((err = kt_plan_fill_transform(self)) || (err = kt_plan_fill_mel(self)) || (err = kt_plan_fill_dct(self)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_plan_destroy(&self);
    return err;
}

void
kt_plan_destroy(kt_plan_t **self_p)
{
    kt_plan_t *self = *self_p;
    if (!self)
        return;
    free(self->window);
    free(self->twiddle);
    free(self->twiddle_f32);
    free(self->place);
    free(self->unpack);
    free(self->unpack_f32);
    free(self->mel);
    free(self->mel_weight);
    free(self->dct);
    free(self);
    *self_p = NULL;
}

const kt_frontend_opts_t *
kt_plan_opts(const kt_plan_t *self)
{
    return &self->opts;
}

size_t
kt_row_width(const kt_plan_t *plan, kt_row_t row)
{
    switch (row) {
    case KT_ROW_PEAK:
    case KT_ROW_VALLEY: return plan->has_contrast ? KT_BANDS : 0;
    case KT_ROW_MEL: return plan->opts.n_mels;
    case KT_ROWS: return 0;
    default: return 1;
    }
}
