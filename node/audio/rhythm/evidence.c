#include "node/audio/rhythm/evidence.h"

#include "kernels/audio/autocorrelation.h"
#include "node/audio/rhythm/onsets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double WINDOW_S = 20, LAGS_S = 10, AROUND_S = 0.2, REACH_S = 0.19;
static const double MOST_MEANS = 10, LEAST_CAP_DB = 6;

double
kt_likeness_at(const kt_likeness_t *self, double lag)
{
    double at = lag * self->rate_hz;
    size_t i  = (size_t)at;
    if (at < 0 || i + 1 >= self->lags)
        return 0;
    double part = at - (double)i;
    return self->value[i] * (1 - part) + self->value[i + 1] * part;
}

double
kt_likeness_near(const kt_likeness_t *self, double lag, double spread)
{
    enum { STEPS = 4 };
    if (lag * self->rate_hz + 1 >= (double)self->lags)
        return 0;
    double best = -1;
    for (int i = -STEPS; i <= STEPS; i++)
        best = fmax(best, kt_likeness_at(self, lag * (1 + spread * i / STEPS)));
    return best;
}

static kt_err_t
likeness_of(kt_likeness_t *self, const float *const *rows, size_t count, size_t n, double rate_hz)
{
    self->rate_hz = rate_hz;
    self->lags    = (size_t)(LAGS_S * rate_hz);
    self->value   = calloc(self->lags, sizeof *self->value);
    if (!self->value)
        return KT_ENOMEM;
    kt_err_t err   = kt_autocorrelate(rows, count, n, (size_t)(WINDOW_S * rate_hz), self->lags, self->value);
    float    whole = self->value[0];
    for (size_t i = 0; i < self->lags && !err; i++)
        self->value[i] = whole > 1e-9f ? self->value[i] / whole : 0;
    return err;
}

// --- the envelope --------------------------------------------------------------------------------------------------

// The part above the mean of 0.2 s on both sides, so that a slow swell is no rhythm. capped: and no more than some
// ten times its own mean, so that one loud onset does not drown all others.
static void
part_above_mean(const float *in, float *out, size_t n, size_t around, bool capped)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < around && i < n; i++)
        sum += in[i];
    for (size_t i = 0; i < n; i++) {
        if (i + around < n)
            sum += in[i + around];
        if (i > around)
            sum -= in[i - around - 1];
        double above = in[i] - sum / (double)(2 * around + 1);
        out[i]       = above > 0 ? (float)above : 0;
        total += out[i];
    }
    const float most = (float)fmax(LEAST_CAP_DB, MOST_MEANS * total / (double)n);
    for (size_t i = 0; i < n && capped; i++)
        out[i] = out[i] < most ? out[i] : most;
}

kt_err_t
kt_evidence_compare(kt_evidence_t *self)
{
    const kt_envelope_t *envelope = &self->envelope;
    const size_t         n = envelope->frames, around = (size_t)(AROUND_S * envelope->rate_hz);
    const float         *rows[1 + KT_ENVELOPE_GROUPS + KT_ENVELOPE_RANGES];
    float               *memory = calloc(sizeof rows / sizeof *rows * n, sizeof *memory);
    if (!memory)
        return KT_ENOMEM;
    self->above_full = memory;
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++)
        self->above[g] = memory + (g + 1) * n;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const float *in = r == 0                    ? envelope->full
                          : r <= KT_ENVELOPE_GROUPS ? envelope->group[r - 1]
                                                    : envelope->loud[r - 1 - KT_ENVELOPE_GROUPS];
        part_above_mean(in, memory + r * n, n, around, r == 0);
        rows[r] = memory + r * n;
    }
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++)
        self->above_loud[r] = memory + (1 + KT_ENVELOPE_GROUPS + r) * n;
    kt_err_t err = likeness_of(&self->full, rows, 1, n, envelope->rate_hz);
    if (!err)
        err = likeness_of(&self->groups, rows + 1, KT_ENVELOPE_GROUPS, n, envelope->rate_hz);
    if (!err)
        err = likeness_of(&self->low, rows + 1, 1, n, envelope->rate_hz);
    for (size_t r = 0; r < KT_ENVELOPE_RANGES && !err; r++)
        err = likeness_of(&self->loud[r], rows + 1 + KT_ENVELOPE_GROUPS + r, 1, n, envelope->rate_hz);
    return err;
}

// --- the harmony ---------------------------------------------------------------------------------------------------

static kt_err_t
fill_harmony(kt_evidence_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end)
{
    const size_t width = rows->harmony_width;
    const size_t first = (size_t)((double)begin / rows->rate_hz * rows->harmony_rate_hz + 0.5);
    size_t       past  = (size_t)((double)end / rows->rate_hz * rows->harmony_rate_hz + 0.5);
    past               = past < rows->harmony_frames ? past : rows->harmony_frames;

    self->harmony_rate_hz = rows->harmony_rate_hz;
    self->harmony_frames  = past > first ? past - first : 0;
    self->harmony_width   = width;
    self->harmony         = calloc(self->harmony_frames * width + 1, sizeof *self->harmony);
    self->change          = calloc(self->harmony_frames + 1, sizeof *self->change);
    if (!self->harmony || !self->change)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->harmony_frames * width; i++)
        self->harmony[i] = rows->harmony[first * width + i] * (1.0f / UINT16_MAX);
    return kt_evidence_change(self, (size_t)fmax(1, round(REACH_S * self->harmony_rate_hz)), self->change);
}

kt_err_t
kt_evidence_change(const kt_evidence_t *self, size_t reach, float *out)
{
    const size_t n = self->harmony_frames, width = self->harmony_width;
    double      *memory = calloc(2 * width + 1, sizeof *memory);
    if (!memory)
        return KT_ENOMEM;
    double *after = memory, *before = memory + width;
    for (size_t t = 0; t < reach && t < n; t++)
        for (size_t c = 0; c < width; c++)
            after[c] += self->harmony[t * width + c];
    for (size_t t = 0; t < n; t++) {
        double both = 0, one = 0, other = 0;
        for (size_t c = 0; c < width; c++) {
            both += after[c] * before[c];
            one += after[c] * after[c];
            other += before[c] * before[c];
        }
        // Without harmony on either side there is no change.
        out[t] = one > 1e-12 && other > 1e-12 ? (float)fmax(0, 1 - both / sqrt(one * other)) : 0;
        for (size_t c = 0; c < width; c++) {
            double here = self->harmony[t * width + c];
            after[c] += (t + reach < n ? self->harmony[(t + reach) * width + c] : 0) - here;
            before[c] += here - (t >= reach ? self->harmony[(t - reach) * width + c] : 0);
        }
    }
    free(memory);
    return KT_OK;
}

// -------------------------------------------------------------------------------------------------------------------

kt_err_t
kt_evidence_new(kt_evidence_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end)
{
    kt_evidence_t made = {0};
    kt_err_t      err  = kt_envelope_new(&made.envelope, rows->rises, rows->frames, rows->rate_hz, begin, end);
    if (!err)
        err = kt_onsets_find(&made.envelope, &made.onsets, &made.n_onsets);
    if (!err)
        err = fill_harmony(&made, rows, begin, end);
    if (!err)
        err = kt_activations_new(&made.activations, &rows->activations, (double)(rows->first + begin) / rows->rate_hz,
                                 (double)(end - begin) / rows->rate_hz);
    if (err)
        kt_evidence_fini(&made);
    else
        *self = made;
    return err;
}

void
kt_evidence_fini(kt_evidence_t *self)
{
    kt_envelope_fini(&self->envelope);
    free(self->above_full);
    free(self->onsets);
    free(self->harmony);
    free(self->change);
    free(self->full.value);
    free(self->groups.value);
    free(self->low.value);
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++)
        free(self->loud[r].value);
    kt_activations_fini(&self->activations);
    *self = (kt_evidence_t){0};
}
