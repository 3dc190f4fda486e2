#include "node/audio/similarity/similarity.h"

#include <math.h>

static const double SILENCE = 1e-7;  // mean power of a band: that of white noise of -85 dB

bool
kt_similarity_bands(const kt_segment_t *segment, float *out)
{
    const float *bands  = kt_segment_matrix(segment, KT_MATRIX_BANDS);
    size_t       frames = kt_segment_frames(segment), count = frames * KT_SIM_BANDS;
    double       total = 0;
    for (size_t i = 0; i < count; i++)
        total += bands[i];
    if (!(total > SILENCE * (double)count))
        return false;
    float scale = (float)(1e4 / (total / (double)count));
    if (!isfinite(scale))
        return false;
    for (size_t i = 0; i < count; i++)
        out[i] = log2f(1 + scale * bands[i]);
    return true;
}

void
kt_timbre_fold(kt_timbre_t *self, const float *bands, size_t frames)
{
    float dct[KT_SIM_BANDS][KT_SIM_CEPSTRA], rows[2][KT_SIM_CEPSTRA];
    // DCT-II, rows 1 to KT_SIM_CEPSTRA: row 0 is the level.
    for (int b = 0; b < KT_SIM_BANDS; b++)
        for (int c = 0; c < KT_SIM_CEPSTRA; c++)
            dct[b][c] = (float)(sqrt(2.0 / KT_SIM_BANDS) * cos(M_PI * (c + 1) * (b + 0.5) / KT_SIM_BANDS));

    for (size_t f = 0; f < frames; f++) {
        float *now = rows[f % 2], *before = rows[(f + 1) % 2];
        for (int c = 0; c < KT_SIM_CEPSTRA; c++)
            now[c] = 0;
        for (int b = 0; b < KT_SIM_BANDS; b++)
            for (int c = 0; c < KT_SIM_CEPSTRA; c++)
                now[c] += bands[f * KT_SIM_BANDS + (size_t)b] * dct[b][c];
        for (int c = 0; c < KT_SIM_CEPSTRA; c++) {
            self->sum[c] += now[c];
            self->squares[c] += (double)now[c] * now[c];
            self->change[c] += f > 0 ? fabsf(now[c] - before[c]) : 0;
        }
    }
    self->frames += frames;
    self->changes += frames > 0 ? frames - 1 : 0;
}

void
kt_timbre_add(kt_timbre_t *self, const kt_timbre_t *more)
{
    self->frames += more->frames;
    self->changes += more->changes;
    for (int c = 0; c < KT_SIM_CEPSTRA; c++) {
        self->sum[c] += more->sum[c];
        self->squares[c] += more->squares[c];
        self->change[c] += more->change[c];
    }
}

void
kt_timbre_values(const kt_timbre_t *self, double out[KT_SIM_TIMBRE])
{
    for (int c = 0; c < KT_SIM_CEPSTRA; c++) {
        double mean = self->sum[c] / (double)self->frames, square = self->squares[c] / (double)self->frames;
        out[c]                      = mean;
        out[KT_SIM_CEPSTRA + c]     = sqrt(fmax(0, square - mean * mean));
        out[2 * KT_SIM_CEPSTRA + c] = self->changes > 0 ? self->change[c] / (double)self->changes : 0;
    }
}
