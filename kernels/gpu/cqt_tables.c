#include "kernels/gpu/cqt.h"

#include <string.h>

enum { LEAST_N_FFT = 512, MOST_N_FFT = 4096 };

static kt_err_t
tables_make(kt_gpu_cqt_tables_t *self, uint32_t rate_hz, uint32_t hop, double tuning)
{
    kt_err_t err = self->half_band.whole ? KT_OK : kt_half_band_init(&self->half_band);
    if (!err)
        err = kt_cqt_basis_fill(&self->basis, rate_hz, hop, tuning);
    if (err)
        return err;
    const uint32_t      n_fft = self->basis.transform->opts.n_fft;
    const kt_cqt_row_t *last  = &self->basis.row[KT_CQT_PER_OCTAVE - 1];
    if (n_fft < LEAST_N_FFT || n_fft > MOST_N_FFT || self->basis.decimations > 0 ||
        last->offset + last->count > KT_GPU_CQT_WEIGHTS)
        return KT_EINVAL;
    memcpy(self->table.turn, self->basis.turn, sizeof self->table.turn);
    memcpy(self->table.row, self->basis.row, sizeof self->table.row);
    memcpy(self->table.weight, self->basis.weight, sizeof self->table.weight);
    memcpy(self->table.response, self->half_band.response, sizeof self->table.response);
    self->table.first = self->basis.first;
    self->table.count = self->basis.count;
    self->config      = (kt_gpu_cqt_config_t){rate_hz, hop, n_fft, 0};
    self->tuning      = tuning;
    return KT_OK;
}

kt_err_t
kt_gpu_cqt_tables_fill(kt_gpu_cqt_tables_t *self, uint32_t rate_hz, uint32_t hop, double tuning)
{
    if (self->config.rate_hz == rate_hz && self->config.hop == hop && self->tuning == tuning)
        return KT_OK;
    self->config = (kt_gpu_cqt_config_t){0};
    return kt_cqt_is_defined(rate_hz, hop) ? tables_make(self, rate_hz, hop, tuning) : KT_EINVAL;
}

void
kt_gpu_cqt_tables_fini(kt_gpu_cqt_tables_t *self)
{
    kt_cqt_basis_fini(&self->basis);
    kt_half_band_fini(&self->half_band);
}
