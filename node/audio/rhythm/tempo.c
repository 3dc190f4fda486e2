#include "node/audio/rhythm/tempo.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 400, BEST = 5, RATIOS = 9, MULTIPLES = 24, FOLD = 24, CURVES = 4 };

static const double SLOWEST_S = 60.0 / 40, FASTEST_S = 60.0 / 230, SAME = 0.025, FOLD_S = 8;
static const double LEAST_LIKENESS = 1e-4;

static const double WEIGHT[KT_METER_FEATURES] = {
#define KT_WEIGHT(name, weight, meaning) weight,
#include "node/audio/rhythm/weights.def"
#undef KT_WEIGHT
};

// --- periods ---------------------------------------------------------------------------------------------------------

// The period within 4 % whose multiples have the largest likeness.
static double
refined_period(const kt_likeness_t *full, double period)
{
    enum { STEPS = 40 };
    static const int multiple[] = {1, 2, 3, 4, 6, 8};
    double           best = period, most = -1e9;
    for (int i = -STEPS; i <= STEPS; i++) {
        double here = period * (1 + 0.04 * i / STEPS), sum = 0;
        for (size_t m = 0; m < sizeof multiple / sizeof *multiple; m++)
            sum += kt_likeness_at(full, here * multiple[m]);
        if (sum > most) {
            most = sum;
            best = here;
        }
    }
    return best;
}

static size_t
add_period(double *periods, size_t count, double period)
{
    for (size_t i = 0; i < count; i++)
        if (fabs(period / periods[i] - 1) <= SAME)
            return count;
    periods[count] = period;
    return count + 1;
}

// The best peaks of the comb, then their ratios.
static size_t
find_periods(const kt_likeness_t *full, double periods[KT_METER_PERIODS])
{
    static const double ratio[RATIOS] = {1, 2, 0.5, 3, 1.0 / 3, 1.5, 2.0 / 3, 4.0 / 3, 0.75};
    double              value[GRID];
    size_t              count = 0;
    for (int i = 0; i < GRID; i++) {
        double period  = SLOWEST_S * pow(FASTEST_S / SLOWEST_S, (double)i / (GRID - 1));
        double octaves = log2(60 / period / 115) / 1.2;
        double sum     = kt_likeness_at(full, period) + 0.7 * kt_likeness_at(full, 2 * period) +
                     0.4 * kt_likeness_at(full, 3 * period) + 0.6 * kt_likeness_at(full, 4 * period);
        value[i] = sum * exp(-0.5 * octaves * octaves);
    }
    for (int rank = 0; rank < BEST; rank++) {
        int best = 0;
        for (int i = 1; i + 1 < GRID; i++)
            if (value[i] > value[i - 1] && value[i] >= value[i + 1] && (best == 0 || value[i] > value[best]))
                best = i;
        if (best == 0 || value[best] < LEAST_LIKENESS)
            break;
        double peak = SLOWEST_S * pow(FASTEST_S / SLOWEST_S, (double)best / (GRID - 1));
        for (int r = 0; r < RATIOS; r++)
            if (peak * ratio[r] >= FASTEST_S && peak * ratio[r] <= SLOWEST_S)
                count = add_period(periods, count, refined_period(full, peak * ratio[r]));
        value[best] = (value[best - 1] > value[best + 1] ? value[best - 1] : value[best + 1]) - 1e-12;
    }
    return count;
}

// --- the envelope folded at a period ---------------------------------------------------------------------------------

static int
best_fold_turn(const double *sum, const double *part)
{
    int    best = 0;
    double most = -1;
    for (int turn = 0; turn < FOLD; turn++) {
        double both = 0;
        for (int i = 0; i < FOLD; i++)
            both += sum[(i + turn) % FOLD] * part[i];
        if (both > most) {
            most = both;
            best = turn;
        }
    }
    return best;
}

// Mean of the rows' sum at each place of the beat, over windows of some eight seconds that are turned to fit each
// other, so that a drifting tempo does not blur it; over the mean of all.
static void
fold_envelope(const float *row, size_t n, double period, double out[FOLD])
{
    const double step   = FOLD / period;
    const size_t window = (size_t)fmax(FOLD_S, 6 * period);
    double       total = 0, windows = 0, mean = 0;
    memset(out, 0, FOLD * sizeof *out);
    for (size_t begin = 0; begin == 0 || begin + window / 2 < n; begin += window) {
        double part[FOLD] = {0}, count[FOLD] = {0};
        for (size_t i = 0; i < window && begin + i < n; i++) {
            size_t at = (size_t)((double)i * step) % FOLD;
            part[at] += row[begin + i];
            count[at] += 1;
            total += row[begin + i];
            mean += 1;
        }
        for (int i = 0; i < FOLD; i++)
            part[i] /= fmax(1, count[i]);
        int turn = windows > 0 ? best_fold_turn(out, part) : 0;
        for (int i = 0; i < FOLD; i++)
            out[(i + turn) % FOLD] += part[i];
        windows += 1;
    }
    double scale = total > 0 ? mean / total / windows : 0;
    for (int i = 0; i < FOLD; i++)
        out[i] = out[i] * scale;
}

static int
largest_place(const double *values)
{
    int best = 0;
    for (int i = 1; i < FOLD; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

// --- features --------------------------------------------------------------------------------------------------------

// Likeness at one to MULTIPLES beats; count: their number.
typedef struct multiples {
    double at[MULTIPLES];
    int    count;
} multiples_t;

static multiples_t
multiples_of(const kt_likeness_t *curve, double period)
{
    multiples_t m = {0};
    while (m.count < MULTIPLES && (m.count + 1) * period * 1.01 * curve->rate_hz + 1 < (double)curve->lags) {
        m.at[m.count] = kt_likeness_near(curve, (m.count + 1) * period, 0.006);
        m.count++;
    }
    return m;
}

// Mean of the multiples k = first, first + step, ... except those divisible by `but` (0: none), at most `most` of them.
static double
mean_of_multiples(const multiples_t *m, int first, int step, int but, int most)
{
    double sum = 0;
    int    n   = 0;
    for (int k = first; k <= m->count && n < most; k += step)
        if (but == 0 || k % but != 0) {
            sum += m->at[k - 1];
            n++;
        }
    return n ? sum / n : 0;
}

// The features that do not depend on the meter.
static void
period_features(const kt_evidence_t *e, double period, const multiples_t *groups, double *feature)
{
    const kt_envelope_t *envelope = &e->envelope;
    const double         frames = period * envelope->rate_hz, octaves = log2(60 / period / 115);
    double               full[FOLD], low[FOLD];
    fold_envelope(envelope->full, envelope->frames, frames, full);
    fold_envelope(envelope->group[0], envelope->frames, frames, low);
    int f = largest_place(full), l = largest_place(low);

    feature[KT_METER_FEATURE_TEMPO]          = octaves;
    feature[KT_METER_FEATURE_TEMPO_SQUARE]   = octaves * octaves;
    feature[KT_METER_FEATURE_BEAT]           = kt_likeness_near(&e->full, period, 0.02);
    feature[KT_METER_FEATURE_GROUPS_BEAT]    = kt_likeness_near(&e->groups, period, 0.02);
    feature[KT_METER_FEATURE_HALF]           = kt_likeness_near(&e->full, period / 2, 0.02);
    feature[KT_METER_FEATURE_THIRD]          = kt_likeness_near(&e->full, period / 3, 0.02);
    feature[KT_METER_FEATURE_TWO_THIRDS]     = kt_likeness_near(&e->full, period * 2 / 3, 0.02);
    feature[KT_METER_FEATURE_QUARTER]        = kt_likeness_near(&e->full, period / 4, 0.02);
    feature[KT_METER_FEATURE_ONE_AND_HALF]   = kt_likeness_near(&e->full, period * 1.5, 0.02);
    feature[KT_METER_FEATURE_PULSE]          = full[f] - 1;
    feature[KT_METER_FEATURE_PULSE_HALF]     = full[(f + FOLD / 2) % FOLD] - 1;
    feature[KT_METER_FEATURE_PULSE_THIRD]    = fmax(full[(f + FOLD / 3) % FOLD], full[(f + 2 * FOLD / 3) % FOLD]) - 1;
    feature[KT_METER_FEATURE_LOW_PULSE]      = low[l] - 1;
    feature[KT_METER_FEATURE_LOW_PULSE_HALF] = low[(l + FOLD / 2) % FOLD] - 1;
    feature[KT_METER_FEATURE_GROUPS_TWO]     = groups->at[1];
    feature[KT_METER_FEATURE_GROUPS_THREE]   = groups->at[2];
    feature[KT_METER_FEATURE_GROUPS_FOUR]    = groups->at[3];
    feature[KT_METER_FEATURE_LOW_BEAT]       = kt_likeness_near(&e->low, period, 0.02);
    feature[KT_METER_FEATURE_LOW_TWO]        = kt_likeness_near(&e->low, 2 * period, 0.02);
    feature[KT_METER_FEATURE_LOW_HALF]       = kt_likeness_near(&e->low, period / 2, 0.02);
}

static void
meter_clues(kt_meter_t *meter, const multiples_t curve[CURVES])
{
    static const int first[CURVES] = {KT_METER_FEATURE_GROUPS_BARS, KT_METER_FEATURE_CHORDS_BARS,
                                      KT_METER_FEATURE_CHANGES_BARS, KT_METER_FEATURE_LOW_BARS};
    double          *feature       = meter->feature;
    int              beats         = kt_meter_beats(meter->signature);
    double           octaves       = log2(beats * meter->period / 2);

    feature[KT_METER_FEATURE_TWO]   = meter->signature == 2;
    feature[KT_METER_FEATURE_THREE] = meter->signature == 3;
    feature[KT_METER_FEATURE_FIVE]  = meter->signature == 5;
    feature[KT_METER_FEATURE_SIX]   = meter->signature == 6;
    feature[KT_METER_FEATURE_SEVEN] = meter->signature == 7;
    feature[KT_METER_FEATURE_TERNARY] =
        meter->signature == 6 ? feature[KT_METER_FEATURE_THIRD] - feature[KT_METER_FEATURE_HALF] : 0;
    feature[KT_METER_FEATURE_BAR]        = octaves;
    feature[KT_METER_FEATURE_BAR_SQUARE] = octaves * octaves;

    // Evidence of each curve for bars of so many beats: three features.
    int other = meter->signature == 4 ? 2 : beats;
    for (int c = 0; c < CURVES; c++) {
        const multiples_t *m    = &curve[c];
        bool               four = meter->signature == 4 && m->count >= 4;
        feature[first[c]]     = mean_of_multiples(m, beats, beats, 0, 3) - mean_of_multiples(m, 1, 1, other, 3 * beats);
        feature[first[c] + 1] = m->count >= beats ? m->at[beats - 1] : 0;
        feature[first[c] + 2] =
            four ? mean_of_multiples(m, 4, 4, 0, MULTIPLES) - mean_of_multiples(m, 2, 4, 0, MULTIPLES) : 0;
    }
}

// The hypotheses with their probabilities, at most KT_METER_HYPOTHESES; returns their number: 0 where nothing repeats.
static size_t
meters_gather(const kt_evidence_t *e, kt_meter_t *meters)
{
    double periods[KT_METER_PERIODS];
    size_t n = find_periods(&e->full, periods), count = 0;
    for (size_t i = 0; i < n; i++) {
        const multiples_t curve[CURVES] = {multiples_of(&e->groups, periods[i]), multiples_of(&e->chords, periods[i]),
                                           multiples_of(&e->changes, periods[i]), multiples_of(&e->low, periods[i])};
        double            common[KT_METER_FEATURES] = {0};
        period_features(e, periods[i], &curve[0], common);
        for (int signature = 2; signature <= 7; signature++) {
            kt_meter_t *meter = &meters[count++];
            *meter            = (kt_meter_t){.period = periods[i], .signature = signature};
            memcpy(meter->feature, common, sizeof common);
            meter_clues(meter, curve);
        }
    }

    double most = -1e300, sum = 0;
    for (size_t i = 0; i < count; i++) {
        double score = 0;
        for (int c = 0; c < KT_METER_FEATURES; c++)
            score += WEIGHT[c] * meters[i].feature[c];
        meters[i].probability = score;
        most                  = fmax(most, score);
    }
    for (size_t i = 0; i < count; i++)
        sum += meters[i].probability = exp(meters[i].probability - most);
    for (size_t i = 0; i < count; i++)
        meters[i].probability /= sum;
    return count;
}

// --- the judgement ---------------------------------------------------------------------------------------------------

// The largest likeness of the first seven multiples: in an uneven bar no beat is like the next one.
static double
clarity_of(const kt_evidence_t *evidence, double period)
{
    double most    = 0;
    double longest = (double)evidence->envelope.frames / evidence->envelope.rate_hz / 2;
    for (int k = 1; k <= 7 && k * period <= longest; k++)
        most = fmax(most, kt_likeness_near(&evidence->groups, k * period, 0.02));
    return fmin(1, most);
}

kt_err_t
kt_tempo_judge(const kt_evidence_t *evidence, kt_tempo_t *out)
{
    kt_meter_t *meters = calloc(KT_METER_HYPOTHESES, sizeof *meters);
    if (!meters)
        return KT_ENOMEM;
    size_t     count  = meters_gather(evidence, meters);
    kt_tempo_t made   = {0};
    double     second = 0;
    for (size_t i = 0; i < count; i += KT_METER_KINDS) {
        double share = 0;
        for (int k = 0; k < KT_METER_KINDS; k++)
            share += meters[i + (size_t)k].probability;
        if (share > made.period_share) {
            made.other_period = made.period;
            second            = made.period_share;
            made.period       = meters[i].period;
            made.period_share = share;
            made.meter_share  = 0;
            made.clarity      = clarity_of(evidence, meters[i].period);
            for (int k = 0; k < KT_METER_KINDS; k++)
                if (meters[i + (size_t)k].probability / share > made.meter_share) {
                    made.meter_share = meters[i + (size_t)k].probability / share;
                    made.signature   = meters[i + (size_t)k].signature;
                }
        } else if (share > second) {
            second            = share;
            made.other_period = meters[i].period;
        }
    }
    free(meters);
    if (count == 0)
        return KT_ENOTFOUND;
    *out = made;
    return KT_OK;
}
