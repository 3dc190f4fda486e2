#include "kernels/audio/power_spectrum.h"

#include <stdlib.h>

struct kt_power_spectra {
    kt_plan_t          *plan;
    const kt_cpu_ops_t *ops;
    void               *scratch;
};

kt_err_t
kt_power_spectra_new(kt_power_spectra_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t n_fft,
                     uint32_t hop)
{
    const kt_frontend_opts_t opts = kt_power_spectra_opts(rate_hz, n_fft, hop);
    kt_power_spectra_t      *self = calloc(1, sizeof *self);
    kt_err_t                 err  = self ? kt_plan_new(&self->plan, &opts) : KT_ENOMEM;
    if (err)
        goto fail;
    self->ops     = ops;
    self->scratch = aligned_alloc(64, (self->ops->scratch_bytes(self->plan) + 63) / 64 * 64);
    err           = KT_ENOMEM;
    if (!self->scratch)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_power_spectra_destroy(&self);
    return err;
}

void
kt_power_spectra_destroy(kt_power_spectra_t **self_p)
{
    kt_power_spectra_t *self = *self_p;
    if (!self)
        return;
    kt_plan_destroy(&self->plan);
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

void
kt_power_spectra_rows(kt_power_spectra_t *self, const float *pcm, size_t frames, size_t bins, float *out)
{
    const kt_frontend_opts_t *opts   = kt_plan_opts(self->plan);
    const size_t              length = frames ? (frames - 1) * opts->hop + opts->n_fft : 0;
    const kt_span_t           span   = {.pcm = pcm, .frames = frames, .real_end = length};
    self->ops->power_spectra(self->plan, self->scratch, &span, bins, out);
}
