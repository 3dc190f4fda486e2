#include "node/audio/rhythm/tempo.h"

#include "node/audio/rhythm/harmony_evenness.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 400, BEST = 5, RATIOS = 9, MULTIPLES = 24, BEAT_PLACES = 12, FOLD = 4 * BEAT_PLACES };
enum { GROUPS, LOWEST, KICK, SNARE, CURVES };  // KICK, SNARE: the ranges of the amplitude
enum { LOW = 0, MIDDLE = 3 };  // groups of the envelope: up to 160 Hz; from 780 Hz, with the next one to 3,700 Hz

static const double SLOWEST_S = 60.0 / 40, FASTEST_S = 60.0 / 230, SAME = 0.025, FOLD_S = 8;
static const double LEAST_LIKENESS = 1e-4, SAME_SUM = 1e-4, USUAL_DENSITY = 2, LEAST_DENSITY = 0.05;

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

// --- the rises folded at four beats ----------------------------------------------------------------------------------

// Places of the fold: twelve per beat. Mean rises of one window, each place the largest of three, over the mean of the
// segment.
typedef struct fold {
    double all[FOLD], low[FOLD], middle[FOLD], kick[FOLD], snare[FOLD];
} fold_t;

// What the folds say of a period, means over windows; and its harmony, over all.
typedef struct pattern {
    double opposite, thirds, last_third;
    double loud_opposite, snare_thirds;  // of the amplitude in its ranges
    double harmony;                      // kt_harmony_evenness
} pattern_t;

typedef struct row_means {
    double all, low, middle, kick, snare;
} row_means_t;

static double
mean_of(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return n ? sum / (double)n : 0;
}

static void
fold_finish(double place[FOLD], const double count[FOLD], double mean)
{
    double value[FOLD];
    for (int i = 0; i < FOLD; i++)
        value[i] = place[i] / fmax(1, count[i]) / (mean + 1e-9);
    for (int i = 0; i < FOLD; i++)
        place[i] = fmax(value[i], fmax(value[(i + 1) % FOLD], value[(i + FOLD - 1) % FOLD]));
}

// four: frames of four beats.
static void
fold_window(const kt_evidence_t *e, const row_means_t *mean, double four, size_t begin, size_t end, fold_t *out)
{
    double       count[FOLD] = {0};
    const double step        = FOLD / four;
    *out                     = (fold_t){0};
    for (size_t i = begin; i < end; i++) {
        const size_t at = (size_t)((double)(i - begin) * step) % FOLD;
        count[at] += 1;
        out->all[at] += e->above_full[i];
        out->low[at] += e->above[LOW][i];
        out->middle[at] += e->above[MIDDLE][i] + e->above[MIDDLE + 1][i];
        out->kick[at] += e->above_loud[0][i];
        out->snare[at] += e->above_loud[1][i];
    }
    fold_finish(out->all, count, mean->all);
    fold_finish(out->low, count, mean->low);
    fold_finish(out->middle, count, mean->middle);
    fold_finish(out->kick, count, mean->kick);
    fold_finish(out->snare, count, mean->snare);
}

// The place of the first beat: where the four beats have the most. Of sums that are the same but for rounding it is the
// first.
static int
first_beat(const fold_t *fold)
{
    int    best = 0;
    double most = 0;
    for (int first = 0; first < BEAT_PLACES; first++) {
        double sum = 0;
        for (int at = first; at < FOLD; at += BEAT_PLACES)
            sum += fold->all[at] + 0.5 * fold->low[at] + 0.3 * fold->middle[at];
        if (sum > most * (1 + SAME_SUM)) {
            most = sum;
            best = first;
        }
    }
    return best;
}

// First and third beat less second and fourth, over all four.
static double
alternation(const double place[FOLD], int first)
{
    double sum = 1e-9, difference = 0;
    for (int b = 0; b < FOLD / BEAT_PLACES; b++) {
        const double value = place[(first + b * BEAT_PLACES) % FOLD];
        sum += value;
        difference += b % 2 ? -value : value;
    }
    return difference / sum;
}

static double
mean_at(const double place[FOLD], int first)
{
    double sum = 0;
    for (int at = first; at < first + FOLD; at += BEAT_PLACES)
        sum += place[at % FOLD] * BEAT_PLACES / FOLD;
    return sum;
}

static pattern_t
pattern_of(const kt_evidence_t *e, double period)
{
    const kt_envelope_t *envelope = &e->envelope;
    const double         four     = 4 * period * envelope->rate_hz;
    const size_t         n = envelope->frames, window = (size_t)fmax(FOLD_S * envelope->rate_hz, 2 * four);
    const row_means_t    mean    = {mean_of(e->above_full, n), mean_of(e->above[LOW], n),
                                    mean_of(e->above[MIDDLE], n) + mean_of(e->above[MIDDLE + 1], n),
                                    mean_of(e->above_loud[0], n), mean_of(e->above_loud[1], n)};
    pattern_t            sum     = {0};
    double               windows = 0;
    for (size_t begin = 0; begin == 0 || begin + window / 2 < n; begin += window) {
        fold_t fold;
        fold_window(e, &mean, four, begin, begin + window < n ? begin + window : n, &fold);
        double total = 1e-9;
        for (int i = 0; i < FOLD; i++)
            total += fold.all[i] / FOLD;
        const int    first = first_beat(&fold);
        const double third = mean_at(fold.all, first + BEAT_PLACES / 3),
                     last  = mean_at(fold.all, first + 2 * BEAT_PLACES / 3);
        sum.opposite -= alternation(fold.low, first) * alternation(fold.middle, first);
        sum.thirds += (fmin(third, last) - mean_at(fold.all, first + BEAT_PLACES / 2)) / total;
        sum.last_third += (last - third) / total;
        sum.loud_opposite -= alternation(fold.kick, first) * alternation(fold.snare, first);
        double loudest = 1e-9;
        for (int i = 0; i < FOLD; i++)
            loudest = fmax(loudest, fold.snare[i]);
        const double half = mean_at(fold.snare, first + BEAT_PLACES / 2);
        sum.snare_thirds +=
            (fmin(mean_at(fold.snare, first + BEAT_PLACES / 3), mean_at(fold.snare, first + 2 * BEAT_PLACES / 3)) -
             half) /
            loudest;
        windows += 1;
    }
    return (pattern_t){sum.opposite / windows,      sum.thirds / windows,       sum.last_third / windows,
                       sum.loud_opposite / windows, sum.snare_thirds / windows, 0};
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

// log2 of the onsets per beat over the usual two.
static double
density_of(const kt_evidence_t *e, double period)
{
    const double seconds = (double)e->envelope.frames / e->envelope.rate_hz;
    return log2(fmax(LEAST_DENSITY, (double)e->n_onsets / seconds * period) / USUAL_DENSITY);
}

// The features that do not depend on the meter.
static void
period_features(const kt_evidence_t *e, double period, double *feature)
{
    static const double two_thirds = 2.0 / 3;
    const struct {
        int                  feature;
        const kt_likeness_t *curve;
        double               beats;
    } LIKE[] = {
        {KT_METER_FEATURE_BEAT, &e->full, 1},
        {KT_METER_FEATURE_THREE_BEATS, &e->full, 3},
        {KT_METER_FEATURE_TWO_THIRDS, &e->full, two_thirds},
        {KT_METER_FEATURE_GROUPS_BEAT, &e->groups, 1},
        {KT_METER_FEATURE_GROUPS_TWO, &e->groups, 2},
        {KT_METER_FEATURE_GROUPS_THREE, &e->groups, 3},
        {KT_METER_FEATURE_GROUPS_THIRDS, &e->groups, two_thirds},
        {KT_METER_FEATURE_KICK_TWO, &e->loud[0], 2},
        {KT_METER_FEATURE_SNARE_BEAT, &e->loud[1], 1},
        {KT_METER_FEATURE_SNARE_TWO, &e->loud[1], 2},
        {KT_METER_FEATURE_SNARE_MORE, &e->loud[1], 1.5},
    };
    const double octaves                   = log2(60 / period / 120);
    const double crowded                   = fmax(0, density_of(e, period));
    feature[KT_METER_FEATURE_TEMPO]        = octaves;
    feature[KT_METER_FEATURE_TEMPO_SQUARE] = octaves * octaves;
    feature[KT_METER_FEATURE_CROWDED]      = crowded * crowded;
    for (size_t i = 0; i < sizeof LIKE / sizeof *LIKE; i++)
        feature[LIKE[i].feature] = kt_likeness_near(LIKE[i].curve, period * LIKE[i].beats, 0.02);
}

// Likeness at multiples of the bar less that at other beats.
static double
likeness_of_bars(const multiples_t *m, int signature)
{
    const int beats = kt_meter_beats(signature), other = signature == 4 ? 2 : beats;
    return mean_of_multiples(m, beats, beats, 0, 3) - mean_of_multiples(m, 1, 1, other, 3 * beats);
}

static double
likeness_of_bar(const multiples_t *m, int signature)
{
    const int beats = kt_meter_beats(signature);
    return m->count >= beats ? m->at[beats - 1] : 0;
}

// The features of one meter alone: parts of the beat are usual or not, depending on it.
static void
part_features(kt_meter_t *meter, const kt_evidence_t *e, const pattern_t *pattern)
{
    double      *feature = meter->feature;
    const double half    = kt_likeness_near(&e->middle, meter->period / 2, 0.02);
    if (meter->signature == 2) {
        feature[KT_METER_FEATURE_TWO_QUARTER] = kt_likeness_near(&e->middle, meter->period / 4, 0.02);
        feature[KT_METER_FEATURE_TWO_MIDDLE]  = kt_likeness_near(&e->middle, meter->period / 3, 0.02);
        feature[KT_METER_FEATURE_TWO_HARMONY] = pattern->harmony;
    } else if (meter->signature == 3) {
        feature[KT_METER_FEATURE_THREE_MIDDLE] = half;
    } else if (meter->signature == 6) {
        feature[KT_METER_FEATURE_SIX_MIDDLE]  = half;
        feature[KT_METER_FEATURE_SIX_DENSITY] = density_of(e, meter->period);
        feature[KT_METER_FEATURE_TERNARY] =
            kt_likeness_near(&e->full, meter->period / 3, 0.02) - kt_likeness_near(&e->full, meter->period / 2, 0.02);
        feature[KT_METER_FEATURE_SIX_THIRDS] = pattern->thirds;
        feature[KT_METER_FEATURE_SIX_LAST]   = pattern->last_third;
        feature[KT_METER_FEATURE_SIX_LOUD]   = pattern->snare_thirds;
    }
    if (meter->signature != 6)
        feature[KT_METER_FEATURE_THIRDS] = pattern->thirds;
}

static void
meter_features(kt_meter_t *meter, const kt_evidence_t *e, const pattern_t *pattern, const multiples_t curve[CURVES])
{
    double      *feature   = meter->feature;
    const int    signature = meter->signature;
    const double octaves   = log2(kt_meter_beats(signature) * meter->period / 2);

    feature[KT_METER_FEATURE_OPPOSITE]      = pattern->opposite;
    feature[KT_METER_FEATURE_LOUD_OPPOSITE] = pattern->loud_opposite;
    feature[KT_METER_FEATURE_TWO]           = signature == 2;
    feature[KT_METER_FEATURE_THREE]         = signature == 3;
    feature[KT_METER_FEATURE_FIVE]          = signature == 5;
    feature[KT_METER_FEATURE_SIX]           = signature == 6;
    feature[KT_METER_FEATURE_SEVEN]         = signature == 7;
    part_features(meter, e, pattern);
    feature[KT_METER_FEATURE_BAR_SQUARE]  = octaves * octaves;
    feature[KT_METER_FEATURE_GROUPS_BARS] = likeness_of_bars(&curve[GROUPS], signature);
    if (signature == 4 && curve[GROUPS].count >= 4)
        feature[KT_METER_FEATURE_GROUPS_FOURS] = mean_of_multiples(&curve[GROUPS], 4, 4, 0, MULTIPLES) -
                                                 mean_of_multiples(&curve[GROUPS], 2, 4, 0, MULTIPLES);
    feature[KT_METER_FEATURE_LOW_BARS]   = likeness_of_bars(&curve[LOWEST], signature);
    feature[KT_METER_FEATURE_KICK_BAR]   = likeness_of_bar(&curve[KICK], signature);
    feature[KT_METER_FEATURE_SNARE_BARS] = likeness_of_bars(&curve[SNARE], signature);
    feature[KT_METER_FEATURE_SNARE_BAR]  = likeness_of_bar(&curve[SNARE], signature);
    if (signature != 4 && signature != 2)
        feature[KT_METER_FEATURE_LOW_AGAINST] =
            likeness_of_bar(&curve[LOWEST], signature) - likeness_of_bar(&curve[LOWEST], 4);
}

// What the activations of a model of beats add to the meters of one period.
static kt_err_t
add_activations(const kt_activations_t *activations, double period, kt_meter_t meters[KT_METER_KINDS])
{
    double   feature[KT_METER_KINDS][KT_ACTIVATIONS] = {0};
    kt_err_t err                                     = kt_activation_meters(activations, period, feature);
    for (int k = 0; k < KT_METER_KINDS && !err; k++)
        memcpy(meters[k].activation, feature[k], sizeof feature[k]);
    return err;
}

// Probabilities from scores: a softmax.
static void
weigh_meters(kt_meter_t *meters, size_t count)
{
    double most = -1e300, sum = 0;
    for (size_t i = 0; i < count; i++) {
        double score = kt_activation_score(meters[i].activation);
        for (int c = 0; c < KT_METER_FEATURES; c++)
            score += WEIGHT[c] * meters[i].feature[c];
        meters[i].probability = score;
        most                  = fmax(most, score);
    }
    for (size_t i = 0; i < count; i++)
        sum += meters[i].probability = exp(meters[i].probability - most);
    for (size_t i = 0; i < count; i++)
        meters[i].probability /= sum;
}

kt_err_t
kt_meters_gather(const kt_evidence_t *e, kt_meter_t *meters, size_t *out)
{
    double   periods[KT_METER_PERIODS];
    size_t   n = find_periods(&e->full, periods), count = 0;
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        const multiples_t curve[CURVES]             = {[GROUPS] = multiples_of(&e->groups, periods[i]),
                                                       [LOWEST] = multiples_of(&e->low, periods[i]),
                                                       [KICK]   = multiples_of(&e->loud[0], periods[i]),
                                                       [SNARE]  = multiples_of(&e->loud[1], periods[i])};
        pattern_t         pattern                   = pattern_of(e, periods[i]);
        double            common[KT_METER_FEATURES] = {0};
        err                                         = kt_harmony_evenness(e, periods[i], &pattern.harmony);
        period_features(e, periods[i], common);
        for (int signature = 2; signature <= 7; signature++) {
            kt_meter_t *meter = &meters[count++];
            *meter            = (kt_meter_t){.period = periods[i], .signature = signature};
            memcpy(meter->feature, common, sizeof common);
            meter_features(meter, e, &pattern, curve);
        }
        if (!err && e->activations.frames > 0)
            err = add_activations(&e->activations, periods[i], &meters[count - KT_METER_KINDS]);
    }
    if (err)
        return err;
    weigh_meters(meters, count);
    *out = count;
    return KT_OK;
}

// --- the judgement ---------------------------------------------------------------------------------------------------

double
kt_tempo_clarity(const kt_evidence_t *evidence, double period)
{
    double most    = 0;
    double longest = (double)evidence->envelope.frames / evidence->envelope.rate_hz / 2;
    for (int k = 1; k <= 7 && k * period <= longest; k++)
        most = fmax(most, kt_likeness_near(&evidence->groups, k * period, 0.02));
    return fmin(1, most);
}
