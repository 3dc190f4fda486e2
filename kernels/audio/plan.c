#include "kernels/audio/plan.h"

#include <stdlib.h>

// Bounds of the options: wide enough for every use, small enough that no size product overflows.
enum {
    MIN_RATE   = 1000,
    MAX_RATE   = 768000,
    MIN_N_FFT  = 256,
    MAX_N_FFT  = 16384,
    MAX_HOP    = 65536,
    MAX_MELS   = 1024,
    MAX_CHROMA = 96
};

kt_err_t
kt_plan_new(kt_plan_t **self_p, const kt_frontend_opts_t *opts)
{
    const uint32_t n_fft = opts->n_fft;
    if (opts->rate_hz < MIN_RATE || opts->rate_hz > MAX_RATE || opts->hop < 1 || opts->hop > MAX_HOP ||
        n_fft < MIN_N_FFT || n_fft > MAX_N_FFT || (n_fft & (n_fft - 1)) != 0 || opts->n_mels < 1 ||
        opts->n_mels > MAX_MELS || opts->n_mfcc < 1 || opts->n_mfcc > opts->n_mels || opts->n_chroma < 1 ||
        opts->n_chroma > MAX_CHROMA)
        return KT_EINVAL;
    kt_err_t   err  = KT_ENOMEM;
    kt_plan_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->opts   = *opts;
    self->bins   = n_fft / 2 + 1;
    self->points = n_fft / 2;
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

kt_err_t
kt_plan_new_transform(kt_plan_t **self_p, uint32_t n_fft)
{
    const kt_frontend_opts_t opts = {
        .rate_hz = 22050, .n_fft = n_fft, .hop = 1, .n_mels = 1, .n_mfcc = 1, .n_chroma = 12};
    const kt_err_t err = kt_plan_new(self_p, &opts);
    for (uint32_t i = 0; !err && i < n_fft; i++)
        (*self_p)->window[i] = 1;
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
