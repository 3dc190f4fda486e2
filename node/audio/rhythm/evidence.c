#include "node/audio/rhythm/evidence.h"

#include "kernels/audio/autocorrelation.h"
#include "node/audio/rhythm/onsets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double WINDOW_S = 20, LAGS_S = 10, AROUND_S = 0.2, REACH_S = 0.19;
static const double MOST_MEANS = 10, LEAST_CAP_DB = 6, HARMONIC_S = 1, MUCH_CHANGE = 0.05;
static const double LEAST_STROKE_S = 0.25, MOST_STROKE_S = 2;  // from stroke to stroke of a cymbal or a snare

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

// The autocorrelation of rows, not yet divided by that at lag 0.
static kt_err_t
correlate(kt_likeness_t *self, const float *const *rows, size_t count, size_t n, double rate_hz)
{
    self->rate_hz = rate_hz;
    self->lags    = (size_t)(LAGS_S * rate_hz);
    self->value   = calloc(self->lags, sizeof *self->value);
    if (!self->value)
        return KT_ENOMEM;
    return kt_autocorrelate(rows, count, n, (size_t)(WINDOW_S * rate_hz), self->lags, self->value);
}

static void
normalise(kt_likeness_t *self)
{
    const float whole = self->value[0];
    for (size_t i = 0; i < self->lags; i++)
        self->value[i] = whole > 1e-9f ? self->value[i] / whole : 0;
}

static kt_err_t
likeness_of(kt_likeness_t *self, const float *row, size_t n, double rate_hz)
{
    kt_err_t err = correlate(self, &row, 1, n, rate_hz);
    if (!err)
        normalise(self);
    return err;
}

// That of all groups is the sum of its parts: each group is transformed once.
static kt_err_t
compare_groups(kt_evidence_t *self)
{
    const size_t n        = self->envelope.frames;
    const double rate_hz  = self->envelope.rate_hz;
    const float *low[]    = {self->above[0]};
    const float *middle[] = {self->above[2], self->above[3]};
    const float *high[]   = {self->above[4], self->above[5]};
    const float *others[] = {self->above[1]};
    kt_err_t     err      = correlate(&self->low, low, 1, n, rate_hz);
    if (!err)
        err = correlate(&self->middle, middle, sizeof middle / sizeof *middle, n, rate_hz);
    if (!err)
        err = correlate(&self->high, high, sizeof high / sizeof *high, n, rate_hz);
    if (!err)
        err = correlate(&self->groups, others, sizeof others / sizeof *others, n, rate_hz);
    if (err)
        return err;
    for (size_t i = 0; i < self->groups.lags; i++)
        self->groups.value[i] += self->low.value[i] + self->middle.value[i] + self->high.value[i];
    normalise(&self->groups);
    normalise(&self->low);
    normalise(&self->middle);
    normalise(&self->high);
    return KT_OK;
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

// At all lags from `least` to `most` seconds.
static double
most_likeness(const kt_likeness_t *self, double least, double most)
{
    double       best = 0;
    const size_t past = (size_t)(most * self->rate_hz);
    for (size_t i = (size_t)(least * self->rate_hz); i < past && i < self->lags; i++)
        best = fmax(best, self->value[i]);
    return best;
}

static kt_err_t
compare_changes(kt_evidence_t *self)
{
    const size_t n     = self->harmony.frames;
    float       *above = calloc(n + 1, sizeof *above);
    if (!above)
        return KT_ENOMEM;
    part_above_mean(self->change, above, n, (size_t)(AROUND_S * self->harmony.rate_hz), false);
    kt_err_t err = likeness_of(&self->changes, above, n, self->harmony.rate_hz);
    free(above);
    return err;
}

// The mean change from one second to the next, as a share of one that music with harmony reaches: half of the real
// excerpts and nearly all generated pieces, of drums without pitch one in twelve.
static kt_err_t
compare_harmony(kt_evidence_t *self)
{
    const size_t n      = self->harmony.frames;
    float       *change = calloc(n + 1, sizeof *change);
    if (!change)
        return KT_ENOMEM;
    double   sum = 0;
    kt_err_t err =
        kt_harmony_change(&self->harmony, (size_t)fmax(1, round(HARMONIC_S * self->harmony.rate_hz)), change);
    for (size_t i = 0; i < n && !err; i++)
        sum += change[i];
    self->harmonic = n ? fmin(1, sum / (double)n / MUCH_CHANGE) : 0;
    free(change);
    return err;
}

kt_err_t
kt_evidence_compare(kt_evidence_t *self)
{
    const kt_envelope_t *envelope = &self->envelope;
    const size_t         n = envelope->frames, around = (size_t)(AROUND_S * envelope->rate_hz);
    float               *memory = calloc(KT_ENVELOPE_WIDTH * n, sizeof *memory);
    if (!memory)
        return KT_ENOMEM;
    self->above_full = memory;
    part_above_mean(envelope->full, self->above_full, n, around, true);
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++) {
        self->above[g] = memory + (1 + g) * n;
        part_above_mean(envelope->group[g], self->above[g], n, around, false);
    }
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++) {
        self->above_loud[r] = memory + (1 + KT_ENVELOPE_GROUPS + r) * n;
        part_above_mean(envelope->loud[r], self->above_loud[r], n, around, false);
    }
    kt_err_t err = likeness_of(&self->full, self->above_full, n, envelope->rate_hz);
    if (!err)
        err = compare_groups(self);
    for (size_t r = 0; r < KT_ENVELOPE_RANGES && !err; r++)
        err = likeness_of(&self->loud[r], self->above_loud[r], n, envelope->rate_hz);
    if (!err)
        err = compare_changes(self);
    if (!err)
        err = compare_harmony(self);
    if (err)
        return err;
    self->percussive = most_likeness(&self->loud[KT_ENVELOPE_RANGES - 1], LEAST_STROKE_S, MOST_STROKE_S);
    self->unheard    = self->harmonic * fmax(0, 1 - 2 * most_likeness(&self->full, LEAST_STROKE_S, MOST_STROKE_S));
    return KT_OK;
}

// --- the harmony ---------------------------------------------------------------------------------------------------

static kt_err_t
fill_harmony(kt_evidence_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end)
{
    const size_t width   = rows->harmony_width;
    const double rate_hz = rows->harmony_rate_hz;
    const size_t first   = (size_t)((double)begin / rows->rate_hz * rate_hz + 0.5);
    size_t       past    = (size_t)((double)end / rows->rate_hz * rate_hz + 0.5);
    past                 = past < rows->harmony_frames ? past : rows->harmony_frames;
    const size_t frames  = past > first ? past - first : 0;

    kt_err_t err = kt_harmony_new(&self->harmony, rows->harmony + first * width, frames, width, rate_hz);
    if (!err)
        err = kt_harmony_new(&self->bass, rows->bass + first * KT_BASS_WIDTH, frames, KT_BASS_WIDTH, rate_hz);
    if (err)
        return err;
    self->change = calloc(frames + 1, sizeof *self->change);
    if (!self->change)
        return KT_ENOMEM;
    return kt_harmony_change(&self->harmony, (size_t)fmax(1, round(REACH_S * rate_hz)), self->change);
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
    kt_harmony_fini(&self->harmony);
    kt_harmony_fini(&self->bass);
    free(self->change);
    free(self->full.value);
    free(self->groups.value);
    free(self->low.value);
    free(self->middle.value);
    free(self->high.value);
    free(self->changes.value);
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++)
        free(self->loud[r].value);
    kt_activations_fini(&self->activations);
    *self = (kt_evidence_t){0};
}
