// The spectrogram of the page: of the file's own samples, so that it shows the whole band, not that of the analysis.
#include "coordinator/cli/plot/plot.h"
#include "kernels/audio/power_spectrum.h"
#include "kernels/isa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_FFT = 2048, HOP = 1024, BINS = N_FFT / 2 + 1, ROWS = 192 };

struct kt_plot_band {
    kt_power_spectra_t *spectra;
    float               samples[N_FFT], power[BINS];
    size_t              n;
    double              position[ROWS + 1];  // bins, of the rows' edges
};

double
kt_plot_mel(double hz)
{
    return hz < 1000 ? hz / (200.0 / 3) : 15 + log(hz / 1000) / (log(6.4) / 27);
}

static double
hz_of_mel(double mel)
{
    return mel < 15 ? mel * (200.0 / 3) : 1000 * exp((mel - 15) * (log(6.4) / 27));
}

kt_err_t
kt_plot_band_new(kt_plot_data_t *self, uint32_t rate_hz)
{
    kt_plot_band_t *band = calloc(1, sizeof *band);
    self->band_state     = band;
    if (!band)
        return KT_ENOMEM;
    self->band_hz = rate_hz / 2.0;
    for (size_t i = 0; i <= ROWS; i++)
        band->position[i] = hz_of_mel(kt_plot_mel(self->band_hz) * (double)i / ROWS) / self->band_hz * (BINS - 1);
    band->n      = N_FFT / 2;  // the first frame is centred on the first sample
    kt_err_t err = kt_columns_init(&self->band, KT_REDUCE_MEAN, ROWS);
    return err ? err : kt_power_spectra_new(&band->spectra, kt_isa(NULL)->rows, rate_hz, N_FFT, HOP);
}

// Power between two positions: the mean of the bins in it, between bins a straight line.
static float
power_between(const float *power, double from, double to)
{
    const size_t first = (size_t)ceil(from), end = (size_t)floor(to);
    if (end >= first + 1) {
        double sum = 0;
        for (size_t i = first; i <= end && i < BINS; i++)
            sum += power[i];
        return (float)(sum / (double)(end - first + 1));
    }
    const double at   = (from + to) / 2;
    const size_t left = at < BINS - 2 ? (size_t)at : BINS - 2;
    const double part = at - (double)left;
    return (float)((1 - part) * power[left] + part * power[left + 1]);
}

void
kt_plot_band_add(kt_plot_data_t *self, const float *pcm, size_t frames, uint32_t channels)
{
    kt_plot_band_t *band = self->band_state;
    float           row[ROWS];
    for (size_t i = 0; i < frames; i++) {
        float sum = 0;
        for (uint32_t c = 0; c < channels; c++)
            sum += isfinite(pcm[i * channels + c]) ? pcm[i * channels + c] : 0;
        band->samples[band->n++] = sum / (float)channels;
        if (band->n < N_FFT)
            continue;
        kt_power_spectra_rows(band->spectra, band->samples, 1, BINS, band->power);
        for (size_t k = 0; k < ROWS; k++)
            row[k] = power_between(band->power, band->position[k], band->position[k + 1]);
        kt_columns_add(&self->band, row);
        memmove(band->samples, band->samples + HOP, (N_FFT - HOP) * sizeof *band->samples);
        band->n = N_FFT - HOP;
    }
}

void
kt_plot_band_destroy(kt_plot_data_t *self)
{
    if (self->band_state)
        kt_power_spectra_destroy(&self->band_state->spectra);
    free(self->band_state);
    free(self->band.values);
    self->band_state = NULL;
}
