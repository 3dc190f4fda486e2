#include "node/audio/similarity/similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Frames that are averaged before chroma is compared (93 ms), and the distances in time at which it is: the same
// moment, then about 0.28, 0.46, 1, 2 and 4 s.
enum { CHROMA_FRAMES = 4, DISTANCES = 6, CLASSES = 12 };
static const size_t DISTANCE[DISTANCES] = {0, 3, 5, 11, 22, 43};

// Lags of the onset envelope: KT_SIM_LAGS of them from 4 frames (0.09 s) to 129 (3 s), equally spaced in logarithm.
enum { FIRST_LAG = 4, LAST_LAG = 129 };

// Energy of the Haar wavelet of each octave (differences of neighbouring means of 1, 2, 4 .. 64 frames) of each group
// of bands: a modulation spectrum in octaves, as Pampalk's fluctuation patterns (2006) with another transform.
static void
fold_modulation(kt_pattern_t *self, const float *bands, size_t frames, float *level)
{
    enum { EACH = KT_SIM_BANDS / KT_SIM_GROUPS };
    for (int group = 0; group < KT_SIM_GROUPS; group++) {
        for (size_t f = 0; f < frames; f++) {
            const float *at = bands + f * KT_SIM_BANDS + group * EACH;
            level[f]        = (at[0] + at[1] + at[2] + at[3]) / EACH;
        }
        size_t n = frames;
        for (int octave = 0; octave < KT_SIM_OCTAVES; octave++, n /= 2) {
            double energy = 0;
            for (size_t i = 0; i < n / 2; i++) {
                float a = level[2 * i], b = level[2 * i + 1];
                energy += (double)(a - b) * (a - b);
                level[i] = (a + b) / 2;
            }
            self->energy[group][octave] += energy;
            self->pairs[octave] += group == 0 ? n / 2 : 0;
        }
    }
}

static double
lag_of(int i)
{
    return FIRST_LAG * pow((double)LAST_LAG / FIRST_LAG, (double)i / (KT_SIM_LAGS - 1));
}

static double
lag_product(const float *x, size_t n, size_t lag)
{
    float  lane[8] = {0};
    double sum     = 0;
    for (size_t i = 0; i + lag < n;) {
        size_t stop = n - lag - i < 1024 ? n - lag : i + 1024;
        for (; i + 8 <= stop; i += 8)
            for (int k = 0; k < 8; k++)
                lane[k] += x[i + (size_t)k] * x[i + (size_t)k + lag];
        for (; i < stop; i++)
            lane[0] += x[i] * x[i + lag];
        for (int k = 0; k < 8; k++)
            sum += lane[k];
        memset(lane, 0, sizeof lane);
    }
    return sum;
}

// Autocorrelation of the rise of the bands from frame to frame, less its mean. Each value is a triangle over the lags
// between its neighbours, so that no lag falls between two values.
static void
fold_onsets(kt_pattern_t *self, const float *bands, size_t frames, float *envelope)
{
    double mean = 0;
    envelope[0] = 0;
    for (size_t f = 1; f < frames; f++) {
        const float *now = bands + f * KT_SIM_BANDS, *before = now - KT_SIM_BANDS;
        float        sum = 0;
        for (int b = 0; b < KT_SIM_BANDS; b++)
            sum += now[b] > before[b] ? now[b] - before[b] : 0;
        envelope[f] = sum;
        mean += sum;
    }
    for (size_t f = 0; f < frames; f++)
        envelope[f] -= (float)(mean / (double)frames);

    double product[LAST_LAG + 8] = {0};
    self->onset_power += lag_product(envelope, frames, 0);
    for (size_t lag = FIRST_LAG - 1; lag < LAST_LAG + 8; lag++)
        product[lag] = lag_product(envelope, frames, lag);
    for (int i = 0; i < KT_SIM_LAGS; i++) {
        double low = fmin(lag_of(i - 1), lag_of(i) - 1), mid = lag_of(i), high = fmax(lag_of(i + 1), mid + 1);
        double sum = 0, weights = 0;
        for (int lag = FIRST_LAG - 1; lag < LAST_LAG + 8; lag++) {
            double weight = fmax(0, lag < mid ? (lag - low) / (mid - low) : (high - lag) / (high - mid));
            sum += weight * product[lag];
            weights += weight;
        }
        self->onset_lag[i] += sum / weights;
    }
}

// How much of the pitch classes sounds again `distance` later, k semitones higher: no transposition changes that (the
// idea of the intervalgram, Walters, Ross & Lyon 2012).
static void
fold_intervals(kt_pattern_t *self, const float *chroma, size_t frames, float *means)
{
    // Means of CHROMA_FRAMES frames, less their mean over the classes: what has no pitch becomes nearly zero.
    size_t n = frames / CHROMA_FRAMES;
    for (size_t i = 0; i < n; i++) {
        float *to = means + i * CLASSES, mean = 0;
        for (int c = 0; c < CLASSES; c++) {
            const float *from = chroma + i * CHROMA_FRAMES * CLASSES + c;
            to[c]             = from[0] + from[CLASSES] + from[2 * CLASSES] + from[3 * CLASSES];
            mean += to[c] / CLASSES;
        }
        for (int c = 0; c < CLASSES; c++)
            to[c] -= mean;
    }

    for (int d = 0; d < DISTANCES; d++)
        for (size_t i = 0; i + DISTANCE[d] < n; i++) {
            const float *now = means + i * CLASSES, *later = now + DISTANCE[d] * CLASSES;
            float        twice[2 * CLASSES];
            memcpy(twice, later, CLASSES * sizeof *twice);
            memcpy(twice + CLASSES, later, CLASSES * sizeof *twice);
            for (int k = 0; k < CLASSES; k++) {
                float sum = 0;
                for (int c = 0; c < CLASSES; c++)
                    sum += now[c] * twice[c + k];
                self->interval[d][k] += sum;
            }
        }
}

kt_err_t
kt_pattern_fold(kt_pattern_t *self, const float *bands, const float *chroma, size_t frames)
{
    enum { WORK = CLASSES / CHROMA_FRAMES };
    float *work = calloc(frames * WORK, sizeof *work);
    if (!work)
        return KT_ENOMEM;
    fold_modulation(self, bands, frames, work);
    fold_onsets(self, bands, frames, work);
    fold_intervals(self, chroma, frames, work);
    free(work);
    return KT_OK;
}

void
kt_pattern_add(kt_pattern_t *self, const kt_pattern_t *more)
{
    for (int octave = 0; octave < KT_SIM_OCTAVES; octave++) {
        self->pairs[octave] += more->pairs[octave];
        for (int group = 0; group < KT_SIM_GROUPS; group++)
            self->energy[group][octave] += more->energy[group][octave];
    }
    self->onset_power += more->onset_power;
    for (int i = 0; i < KT_SIM_LAGS; i++)
        self->onset_lag[i] += more->onset_lag[i];
    for (int d = 0; d < DISTANCES; d++)
        for (int k = 0; k < CLASSES; k++)
            self->interval[d][k] += more->interval[d][k];
}

void
kt_pattern_values(const kt_pattern_t *self, double out[KT_SIM_PATTERN])
{
    for (int group = 0; group < KT_SIM_GROUPS; group++)
        for (int octave = 0; octave < KT_SIM_OCTAVES; octave++)
            *out++ = self->pairs[octave] > 0 ? log2(1e-3 + self->energy[group][octave] / (double)self->pairs[octave])
                                             : log2(1e-3);
    for (int i = 0; i < KT_SIM_LAGS; i++)
        *out++ = self->onset_power > 0 ? self->onset_lag[i] / self->onset_power : 0;
    double power = self->interval[0][0];
    for (int d = 0; d < DISTANCES; d++)
        for (int k = d ? 0 : 1; k < (d ? CLASSES : 7); k++)
            *out++ = power > 0 ? self->interval[d][k] / power : 0;
}
