#include "node/audio/rhythm/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The column of a class; `width`: there is none.
static size_t
column_of(const kt_model_series_t *series, const char *name)
{
    for (size_t c = 0; c < series->classes && c < series->width; c++)
        if (strcmp(series->class_names[c], name) == 0)
            return c;
    return series->width;
}

kt_activation_rows_t
kt_activation_rows_of(const kt_audio_models_t *models)
{
    kt_model_series_t    series;
    kt_activation_rows_t out = {0};
    if (!models || !kt_audio_models_series(models, KT_MODELS_BEATS, &series))
        return out;
    out = (kt_activation_rows_t){
        series.values,    series.rows, series.width, column_of(&series, "beat"), column_of(&series, "downbeat"),
        series.rows_per_s};
    if (out.beat == out.width || out.downbeat == out.width || out.rows == 0)
        out = (kt_activation_rows_t){0};
    return out;
}

// The value of a column at a row between two, in 0 .. 1; what is not a number is 0.
static float
value_at(const kt_activation_rows_t *rows, size_t column, double at)
{
    const size_t row = (size_t)at;
    if (row >= rows->rows)
        return 0;
    const float here = rows->values[row * rows->width + column];
    const float next = row + 1 < rows->rows ? rows->values[(row + 1) * rows->width + column] : 0;
    const float part = (float)(at - (double)row), value = here * (1 - part) + next * part;
    return value > 0 ? (value < 1 ? value : 1) : 0;
}

kt_err_t
kt_activations_new(kt_activations_t *self, const kt_activation_rows_t *rows, double begin_s, double seconds)
{
    *self = (kt_activations_t){0};
    if (!rows->values)
        return KT_OK;
    self->rate_hz = rows->rate_hz;
    self->frames  = (size_t)(seconds * rows->rate_hz) + 1;
    self->beat    = calloc(2 * self->frames, sizeof *self->beat);
    if (!self->beat) {
        *self = (kt_activations_t){0};
        return KT_ENOMEM;
    }
    self->downbeat = self->beat + self->frames;
    for (size_t t = 0; t < self->frames; t++) {
        const double at   = begin_s * rows->rate_hz + (double)t;
        self->downbeat[t] = value_at(rows, rows->downbeat, at);
        self->beat[t]     = fminf(1, self->downbeat[t] + value_at(rows, rows->beat, at));
    }
    return KT_OK;
}

double
kt_activation_at(const kt_activations_t *self, const float *row, double second)
{
    const double at = second * self->rate_hz;
    if (!(at >= 0 && at + 1 < (double)self->frames))
        return 0;
    const size_t t    = (size_t)at;
    const double part = at - (double)t;
    return row[t] * (1 - part) + row[t + 1] * part;
}

void
kt_activations_fini(kt_activations_t *self)
{
    free(self->beat);
    *self = (kt_activations_t){0};
}
