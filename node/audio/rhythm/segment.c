#include "node/audio/rhythm/segment.h"

#include "node/audio/rhythm/bars.h"
#include "node/audio/rhythm/beats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Below these there is no beat. Half a minute of noise reaches a clarity of 0.017, a shorter one more.
enum { LEAST_ONSETS = 2, LEAST_BEATS = 4, SPAN_BEATS = 16 };
static const double LEAST_SECONDS = 2, LEAST_CLARITY = 0.02, CLARITY_SECONDS = 30, SURE_CLARITY = 0.2;

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Drops beats before the first and after the last onset, which are in silence.
static void
trim_times(double *times, size_t *n, double first, double last)
{
    size_t begin = 0, end = *n;
    while (begin < end && times[begin] < first)
        begin++;
    while (end > begin && times[end - 1] > last)
        end--;
    memmove(times, times + begin, (end - begin) * sizeof *times);
    *n = end - begin;
}

static kt_err_t
find_beats(kt_rhythm_t *self, const kt_evidence_t *evidence)
{
    size_t  *pulse = NULL, n = 0;
    double   period = self->tempo.period;
    kt_err_t err    = kt_beats_track(&evidence->envelope, period, &pulse, &n);
    if (err || n < LEAST_BEATS) {
        self->why = "too few beats";
        free(pulse);
        return err;
    }
    err = kt_bars_find(evidence, self->tempo.signature, pulse, n, &self->beats, &self->n_beats, &self->downs,
                       &self->n_downs);
    free(pulse);
    if (err)
        return err;
    double first = self->onsets[0] - period / 2, last = self->onsets[self->n_onsets - 1] + 1.5 * period;
    trim_times(self->beats, &self->n_beats, first, last);
    trim_times(self->downs, &self->n_downs, first, last);
    if (self->n_beats < LEAST_BEATS) {
        self->why = "too few beats";
        return KT_OK;
    }

    // Median over runs of up to SPAN_BEATS intervals, so that neither a misplaced beat nor the frames' grid has an
    // effect.
    size_t  span  = self->n_beats > 2 * SPAN_BEATS ? SPAN_BEATS : self->n_beats / 2;
    size_t  runs  = self->n_beats - span;
    double *spans = calloc(runs, sizeof *spans);
    if (!spans)
        return KT_ENOMEM;
    for (size_t i = 0; i < runs; i++)
        spans[i] = self->beats[i + span] - self->beats[i];
    qsort(spans, runs, sizeof *spans, compare_doubles);
    self->bpm = 60 * (double)span / ((spans[(runs - 1) / 2] + spans[runs / 2]) / 2);
    free(spans);
    return KT_OK;
}

static kt_err_t
find_tempo(kt_rhythm_t *self, kt_evidence_t *evidence)
{
    if (self->n_onsets == 0)
        self->why = "no onsets";
    else if (self->seconds < LEAST_SECONDS)
        self->why = "shorter than two seconds";
    else if (self->n_onsets < LEAST_ONSETS)
        self->why = "too few onsets";
    if (self->why)
        return KT_OK;

    double   least = LEAST_CLARITY * fmax(1, CLARITY_SECONDS / self->seconds);
    kt_err_t err   = kt_evidence_compare(evidence);
    if (!err)
        err = kt_tempo_judge(evidence, &self->tempo);
    if (err == KT_ENOTFOUND || (!err && self->tempo.clarity < least)) {
        self->why = "no regular beat";
        return KT_OK;
    }
    self->tempo.period_share *= fmin(1, self->tempo.clarity / SURE_CLARITY);
    return err ? err : find_beats(self, evidence);
}

static void
shift_times(double *times, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        times[i] += by;
}

kt_err_t
kt_rhythm_of(kt_rhythm_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end, double seconds)
{
    const double  begin_s  = (double)begin / rows->rate_hz;
    kt_rhythm_t   made     = {.seconds = seconds};
    kt_evidence_t evidence = {0};
    kt_err_t      err      = kt_evidence_new(&evidence, rows, begin, end);
    if (err)
        return err;
    made.onsets     = evidence.onsets;
    made.n_onsets   = evidence.n_onsets;
    err             = find_tempo(&made, &evidence);
    evidence.onsets = NULL;
    kt_evidence_fini(&evidence);
    if (err) {
        kt_rhythm_fini(&made);
        return err;
    }
    if (made.why)
        made.tempo = (kt_tempo_t){0};
    made.n_beats = made.why ? 0 : made.n_beats;
    made.n_downs = made.why ? 0 : made.n_downs;
    shift_times(made.beats, made.n_beats, begin_s);
    shift_times(made.downs, made.n_downs, begin_s);
    shift_times(made.onsets, made.n_onsets, begin_s);
    *self = made;
    return KT_OK;
}

void
kt_rhythm_fini(kt_rhythm_t *self)
{
    free(self->beats);
    free(self->downs);
    free(self->onsets);
    *self = (kt_rhythm_t){0};
}
