#include "node/audio/rhythm/windows.h"

#include "node/audio/rhythm/tempo.h"

#include <stdlib.h>

static const double LEAST_PROBABILITY = 1e-3;

size_t
kt_window_hop(double rate_hz)
{
    return (size_t)(KT_WINDOW_HOP_S * rate_hz);
}

size_t
kt_windows_count(double rate_hz, uint64_t frames)
{
    const size_t hop = kt_window_hop(rate_hz);
    return frames < 3 * (uint64_t)hop ? 1 : (size_t)(frames / hop - 1);
}

static int
compare_probable(const void *a, const void *b)
{
    const kt_meter_t *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    if (x->period != y->period)
        return x->period < y->period ? -1 : 1;
    return x->signature - y->signature;
}

// The clarity of a period, which several hypotheses have.
static float
clarity_of(const kt_window_t *self, const kt_evidence_t *evidence, float period)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->meter[i].period == period)
            return self->meter[i].clarity;
    return (float)kt_tempo_clarity(evidence, period);
}

kt_err_t
kt_window_judge(kt_window_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end)
{
    kt_window_t   made     = {.begin = begin, .end = end};
    kt_evidence_t evidence = {0};
    kt_meter_t   *meters   = calloc(KT_METER_HYPOTHESES, sizeof *meters);
    kt_err_t      err      = meters ? kt_evidence_new(&evidence, rows, begin, end) : KT_ENOMEM;
    if (!err)
        err = kt_evidence_compare(&evidence);
    size_t count = 0;
    if (!err)
        err = kt_meters_gather(&evidence, meters, &count);
    if (count > 0)
        qsort(meters, count, sizeof *meters, compare_probable);
    for (size_t i = 0; i < count && i < KT_WINDOW_HYPOTHESES && meters[i].probability >= LEAST_PROBABILITY; i++) {
        kt_window_meter_t *meter = &made.meter[i];
        meter->period            = (float)meters[i].period;
        meter->probability       = (float)meters[i].probability;
        meter->signature         = meters[i].signature;
        meter->clarity           = clarity_of(&made, &evidence, meter->period);
        made.count++;
    }
    kt_evidence_fini(&evidence);
    free(meters);
    if (!err)
        *self = made;
    return err;
}
