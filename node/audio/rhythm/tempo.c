#include "node/audio/rhythm/tempo.h"

#include "node/audio/rhythm/accents.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 400, BEST = 5, RATIOS = 9, MULTIPLES = 24, CHANGE_BEATS = 4 };
enum { GROUPS, LOWEST, KICK, SNARE, CURVES };  // curves of likeness that bars are compared in

static const double SLOWEST_S = 60.0 / 40, FASTEST_S = 60.0 / 230, SAME = 0.025;
static const double LEAST_LIKENESS = 1e-4, USUAL_DENSITY = 2, LEAST_DENSITY = 0.05;
static const double CHANGE_CHANCE = 0.1;  // speech, noise, chords without a beat: at most this

static const double WEIGHT[KT_METER_FEATURES] = {
#define KT_WEIGHT(name, weight, meaning) weight,
#include "node/audio/rhythm/weights.def"
#undef KT_WEIGHT
};

// --- periods ---------------------------------------------------------------------------------------------------------

static double
likeness_at(const kt_evidence_t *e, double lag)
{
    return kt_likeness_at(&e->full, lag) + e->unheard * kt_likeness_at(&e->changes, lag);
}

// The period within 4 % whose multiples have the largest likeness.
static double
refined_period(const kt_evidence_t *e, double period)
{
    enum { STEPS = 40 };
    static const int multiple[] = {1, 2, 3, 4, 6, 8};
    double           best = period, most = -1e9;
    for (int i = -STEPS; i <= STEPS; i++) {
        double here = period * (1 + 0.04 * i / STEPS), sum = 0;
        for (size_t m = 0; m < sizeof multiple / sizeof *multiple; m++)
            sum += likeness_at(e, here * multiple[m]);
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
find_periods(const kt_evidence_t *e, double periods[KT_METER_PERIODS])
{
    static const double ratio[RATIOS] = {1, 2, 0.5, 3, 1.0 / 3, 1.5, 2.0 / 3, 4.0 / 3, 0.75};
    double              value[GRID];
    size_t              count = 0;
    for (int i = 0; i < GRID; i++) {
        double period  = SLOWEST_S * pow(FASTEST_S / SLOWEST_S, (double)i / (GRID - 1));
        double octaves = log2(60 / period / 115) / 1.2;
        double sum     = likeness_at(e, period) + 0.7 * likeness_at(e, 2 * period) + 0.4 * likeness_at(e, 3 * period) +
                     0.6 * likeness_at(e, 4 * period);
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
                count = add_period(periods, count, refined_period(e, peak * ratio[r]));
        value[best] = (value[best - 1] > value[best + 1] ? value[best - 1] : value[best + 1]) - 1e-12;
    }
    return count;
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
period_features(const kt_evidence_t *e, double period, const kt_accents_t *accents, double *feature)
{
    static const double two_thirds = 2.0 / 3;
    const struct {
        int                  feature;
        const kt_likeness_t *curve;
        double               beats;
    } LIKE[] = {
        {KT_METER_FEATURE_EIGHT_BEATS, &e->full, 8},
        {KT_METER_FEATURE_GROUPS_BEAT, &e->groups, 1},
        {KT_METER_FEATURE_GROUPS_TWO, &e->groups, 2},
        {KT_METER_FEATURE_GROUPS_THREE, &e->groups, 3},
        {KT_METER_FEATURE_GROUPS_THIRDS, &e->groups, two_thirds},
        {KT_METER_FEATURE_HIGH_HALF, &e->high, 0.5},
        {KT_METER_FEATURE_SNARE_BEAT, &e->loud[1], 1},
        {KT_METER_FEATURE_SNARE_THIRDS, &e->loud[1], two_thirds},
        {KT_METER_FEATURE_SNARE_MORE, &e->loud[1], 1.5},
        {KT_METER_FEATURE_SNARE_FOUR, &e->loud[1], 4},
    };
    const double octaves                   = log2(60 / period / 120);
    const double crowded                   = fmax(0, density_of(e, period));
    feature[KT_METER_FEATURE_TEMPO_SQUARE] = octaves * octaves;
    feature[KT_METER_FEATURE_SQUARE_TUNED] = octaves * octaves * e->harmonic;
    feature[KT_METER_FEATURE_TEMPO_TUNED]  = octaves * e->harmonic;
    feature[KT_METER_FEATURE_CROWDED]      = crowded * crowded;
    for (size_t i = 0; i < sizeof LIKE / sizeof *LIKE; i++)
        feature[LIKE[i].feature] = kt_likeness_near(LIKE[i].curve, period * LIKE[i].beats, 0.02);
    feature[KT_METER_FEATURE_SNARE_BEAT] *= e->harmonic;
    feature[KT_METER_FEATURE_OPPOSITE]      = accents->opposite;
    feature[KT_METER_FEATURE_LOUD_OPPOSITE] = accents->loud_opposite;
    feature[KT_METER_FEATURE_HALF]          = accents->half;
    feature[KT_METER_FEATURE_EVEN]          = accents->even;
    feature[KT_METER_FEATURE_KICK_EVEN]     = accents->kick_even;
    feature[KT_METER_FEATURE_KICK_LEAST]    = accents->kick_least;
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

// Bars of five are three and two beats, those of seven two, two and three, in any order: likeness at the lengths of the
// groups, and at what they leave of the bar, less that at one beat and at all but one.
static double
likeness_of_uneven_groups(const multiples_t *m, int beats)
{
    if (m->count < beats)
        return 0;
    double sum = 0;
    for (int k = 2; k <= beats - 2; k++)
        sum += m->at[k - 1] / (beats - 3);
    return sum - (m->at[0] + m->at[beats - 2]) / 2;
}

// The features of one meter alone: parts of the beat are usual or not, depending on it.
static void
part_features(kt_meter_t *meter, const kt_evidence_t *e, const kt_accents_t *accents, double harmony)
{
    double      *feature = meter->feature;
    const double half    = kt_likeness_near(&e->middle, meter->period / 2, 0.02);
    if (meter->signature == 2) {
        feature[KT_METER_FEATURE_TWO_QUARTER] = kt_likeness_near(&e->middle, meter->period / 4, 0.02);
        feature[KT_METER_FEATURE_TWO_MIDDLE]  = kt_likeness_near(&e->middle, meter->period / 3, 0.02);
        feature[KT_METER_FEATURE_TWO_HARMONY] = harmony;
        feature[KT_METER_FEATURE_TWO_DRUMS]   = e->percussive;
    } else if (meter->signature == 3) {
        feature[KT_METER_FEATURE_THREE_MIDDLE] = half;
    } else if (meter->signature == 6) {
        feature[KT_METER_FEATURE_SIX_MIDDLE]  = half * e->harmonic;
        feature[KT_METER_FEATURE_SIX_DENSITY] = density_of(e, meter->period);
        feature[KT_METER_FEATURE_TERNARY] =
            kt_likeness_near(&e->full, meter->period / 3, 0.02) - kt_likeness_near(&e->full, meter->period / 2, 0.02);
        feature[KT_METER_FEATURE_SIX_LAST] = accents->last_third;
    }
    if (meter->signature != 6)
        feature[KT_METER_FEATURE_THIRDS] = fmax(-1, fmin(1, accents->thirds));
}

static void
meter_features(kt_meter_t *meter, const multiples_t curve[CURVES])
{
    double      *feature   = meter->feature;
    const int    signature = meter->signature;
    const double octaves   = log2(kt_meter_beats(signature) * meter->period / 2);

    feature[KT_METER_FEATURE_TWO]         = signature == 2;
    feature[KT_METER_FEATURE_THREE]       = signature == 3;
    feature[KT_METER_FEATURE_FIVE]        = signature == 5;
    feature[KT_METER_FEATURE_SIX]         = signature == 6;
    feature[KT_METER_FEATURE_SEVEN]       = signature == 7;
    feature[KT_METER_FEATURE_BAR_SQUARE]  = octaves * octaves;
    feature[KT_METER_FEATURE_GROUPS_BARS] = likeness_of_bars(&curve[GROUPS], signature);
    if (signature == 4 && curve[GROUPS].count >= 4)
        feature[KT_METER_FEATURE_GROUPS_FOURS] = mean_of_multiples(&curve[GROUPS], 4, 4, 0, MULTIPLES) -
                                                 mean_of_multiples(&curve[GROUPS], 2, 4, 0, MULTIPLES);
    if (signature == 5 || signature == 7)
        feature[KT_METER_FEATURE_UNEVEN_GROUPS] = likeness_of_uneven_groups(&curve[GROUPS], signature);
    feature[KT_METER_FEATURE_LOW_BARS]   = likeness_of_bars(&curve[LOWEST], signature);
    feature[KT_METER_FEATURE_LOW_BAR]    = likeness_of_bar(&curve[LOWEST], signature);
    feature[KT_METER_FEATURE_KICK_BAR]   = likeness_of_bar(&curve[KICK], signature);
    feature[KT_METER_FEATURE_SNARE_BARS] = likeness_of_bars(&curve[SNARE], signature);
    feature[KT_METER_FEATURE_SNARE_BAR]  = likeness_of_bar(&curve[SNARE], signature);
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
    size_t   n = find_periods(e, periods), count = 0;
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        const multiples_t  curve[CURVES]             = {[GROUPS] = multiples_of(&e->groups, periods[i]),
                                                        [LOWEST] = multiples_of(&e->low, periods[i]),
                                                        [KICK]   = multiples_of(&e->loud[0], periods[i]),
                                                        [SNARE]  = multiples_of(&e->loud[1], periods[i])};
        const kt_accents_t accents                   = kt_accents_of(e, periods[i]);
        double             common[KT_METER_FEATURES] = {0}, harmony = 0, bass[KT_HARMONY_BEATS + 1] = {0};
        err = kt_harmony_evenness(&e->harmony, periods[i], &harmony);
        if (!err)
            err = kt_harmony_bars(&e->bass, periods[i], bass);
        period_features(e, periods[i], &accents, common);
        for (int signature = 2; signature <= 7; signature++) {
            kt_meter_t *meter = &meters[count++];
            *meter            = (kt_meter_t){.period = periods[i], .signature = signature};
            memcpy(meter->feature, common, sizeof common);
            part_features(meter, e, &accents, harmony);
            meter_features(meter, curve);
            meter->feature[KT_METER_FEATURE_BASS_BAR] = bass[kt_meter_beats(signature)];
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

// How regular changes of the harmony are at one to four beats, beyond what those of speech are.
static double
clarity_of_changes(const kt_evidence_t *e, double period)
{
    double sum = 0;
    for (int k = 1; k <= CHANGE_BEATS; k++)
        sum += kt_likeness_near(&e->changes, k * period, 0.02);
    return e->unheard * fmax(0, sum / CHANGE_BEATS - CHANGE_CHANCE) / (1 - CHANGE_CHANCE);
}

double
kt_tempo_clarity(const kt_evidence_t *evidence, double period)
{
    double most    = clarity_of_changes(evidence, period);
    double longest = (double)evidence->envelope.frames / evidence->envelope.rate_hz / 2;
    for (int k = 1; k <= 7 && k * period <= longest; k++)
        most = fmax(most, kt_likeness_near(&evidence->groups, k * period, 0.02));
    return fmin(1, most);
}
