// Evidence of speech in windows of two seconds, one per second. Speech is articulated: its spectrum changes shape from
// one tenth of a second to the next, and its level rises and falls with the syllables; music has steady notes.
//
//   articulation  1 - mean correlation of a mel spectrum (dB) with the one 70 ms later, .10 .. .35 to 0 .. 1: Saunders,
//                 "Real-time discrimination of broadcast speech/music" (ICASSP 1996) and Scheirer & Slaney (ICASSP
//                 1997) take the spectral flux for it; the correlation does not depend on the level
//   syllables     energy of the envelopes of 16 bands at 2.5 to 7 Hz over their mean, 10^-1.6 .. 10^-.7: Scheirer &
//                 Slaney's 4 Hz modulation energy
//   pauses        share of frames below half the window's mean level, .05 .. .35: theirs too
//   fricatives    standard deviation of the zero-crossing rate, .03 .. .10: Saunders; theirs too
//
// speech = articulation * mean of the other three; voice = sqrt(articulation * syllables), which music around it damps
// less. The ends of the ramps are where music stops and clear speech begins by these papers' histograms and ours.
#include "node/audio/perceptual/perceptual.h"

#include <stdlib.h>

enum { BANDS = 16, LEAST_RATE = 20 };
#define LONGEST_FRAME 0.14  // seconds: in a longer one syllables run together

typedef struct voice_view {
    size_t       frames, window, hop, lag, width, bins;
    double       rate;  // frames per second
    const float *mel, *db, *zcr;
    float (*level)[BANDS];  // of a frame: square root of each band's power
    float *power, *alike;   // of a frame: power, and correlation with the frame `lag` later
    float *wave;            // [bins][2][window]: windowed cosine and sine
} voice_view_t;

static kt_err_t
view_init(voice_view_t *view, const kt_segment_t *segment)
{
    const kt_frontend_opts_t *opts  = kt_plan_opts(kt_segment_plan(segment));
    double                    rate  = (double)opts->rate_hz / opts->hop;
    size_t                    whole = (size_t)lround(2 * rate), frames = kt_segment_frames(segment);
    *view = (voice_view_t){.frames = frames, .rate = rate, .width = opts->n_mels, .lag = (size_t)lround(0.07 * rate)};
    // A sound between one and two seconds is one window.
    view->window = frames < whole ? frames : whole;
    view->hop    = whole / 2;
    view->bins   = (size_t)floor(7 * (double)view->window / rate) - (size_t)ceil(2.5 * (double)view->window / rate) + 1;
    view->mel    = kt_segment_matrix(segment, KT_MATRIX_MEL);
    view->db     = kt_segment_matrix(segment, KT_MATRIX_MEL_DB);
    view->zcr    = kt_segment_matrix(segment, KT_MATRIX_ZCR);
    view->level  = calloc(frames, sizeof *view->level);
    view->power  = calloc(frames, sizeof *view->power);
    view->alike  = calloc(frames, sizeof *view->alike);
    view->wave   = calloc(2 * view->bins * view->window, sizeof *view->wave);
    if (!view->level || !view->power || !view->alike || !view->wave)
        return KT_ENOMEM;

    size_t first = (size_t)ceil(2.5 * (double)view->window / rate), n = view->window;
    for (size_t k = 0; k < view->bins; k++)
        for (size_t t = 0; t < n; t++) {
            double phase                    = 2 * M_PI * (double)((first + k) * t % n) / (double)n;
            double hann                     = 0.5 - 0.5 * cos(2 * M_PI * ((double)t + 1) / ((double)n + 1));
            view->wave[(2 * k) * n + t]     = (float)(hann * cos(phase));
            view->wave[(2 * k + 1) * n + t] = (float)(hann * sin(phase));
        }
    return KT_OK;
}

typedef struct lanes {
    double a[4], b[4], aa[4], bb[4], ab[4];
} lanes_t;

static double
lane_sum(const double *lane)
{
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static void
add_pair(lanes_t *s, size_t lane, double a, double b)
{
    s->a[lane] += a;
    s->b[lane] += b;
    s->aa[lane] += a * a;
    s->bb[lane] += b * b;
    s->ab[lane] += a * b;
}

// 1 where either has no shape.
static float
spectrum_correlation(const float *a, const float *b, size_t n)
{
    lanes_t s = {{0}, {0}, {0}, {0}, {0}};
    size_t  i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            add_pair(&s, lane, a[i + lane], b[i + lane]);
    for (; i < n; i++)
        add_pair(&s, 0, a[i], b[i]);
    double sum_a = lane_sum(s.a), sum_b = lane_sum(s.b);
    double va = lane_sum(s.aa) - sum_a * sum_a / (double)n, vb = lane_sum(s.bb) - sum_b * sum_b / (double)n;
    double cross = lane_sum(s.ab) - sum_a * sum_b / (double)n;
    return va > 1e-6 && vb > 1e-6 ? (float)(cross / sqrt(va * vb)) : 1.0f;
}

static void
measure_frames(voice_view_t *view)
{
    for (size_t t = 0; t < view->frames; t++) {
        const float *mel = view->mel + t * view->width, *db = view->db + t * view->width;
        double       all = 0;
        for (size_t band = 0; band < BANDS; band++) {
            double power = 0;
            for (size_t i = band * view->width / BANDS; i < (band + 1) * view->width / BANDS; i++)
                power += mel[i];
            view->level[t][band] = (float)sqrt(power);
            all += power;
        }
        view->power[t] = (float)all;
        if (t + view->lag < view->frames)
            view->alike[t] = spectrum_correlation(db, db + view->lag * view->width, view->width);
    }
}

// Energy of the bands' envelopes at the rate of syllables, over the square of their sums; log10.
static double
syllables(const voice_view_t *view, size_t at)
{
    double mean[BANDS] = {0}, energy[BANDS] = {0}, out = 0;
    for (size_t t = 0; t < view->window; t++)
        for (size_t b = 0; b < BANDS; b++)
            mean[b] += view->level[at + t][b] / (double)view->window;
    for (size_t k = 0; k < 2 * view->bins; k++) {
        const float *wave       = view->wave + k * view->window;
        float        sum[BANDS] = {0}, offset = 0;
        for (size_t t = 0; t < view->window; t++) {
            offset += wave[t];
            for (size_t b = 0; b < BANDS; b++)
                sum[b] += wave[t] * view->level[at + t][b];
        }
        for (size_t b = 0; b < BANDS; b++) {
            double value = sum[b] - offset * mean[b];
            energy[b] += value * value;
        }
    }
    for (size_t b = 0; b < BANDS; b++) {
        double whole = mean[b] * (double)view->window;
        out += whole > 0 ? energy[b] / (whole * whole) / BANDS : 0;
    }
    return log10(out + 1e-9);
}

// Mean correlation of frames that both are within 50 dB of the window's loudest.
static double
alikeness(const voice_view_t *view, size_t at)
{
    double most = 0, sum = 0, n = 0;
    for (size_t t = at; t < at + view->window; t++)
        most = fmax(most, view->power[t]);
    for (size_t t = at; t + view->lag < at + view->window; t++)
        if (view->power[t] > most * 1e-5 && view->power[t + view->lag] > most * 1e-5) {
            sum += view->alike[t];
            n++;
        }
    return n > 0 ? sum / n : 1;
}

static double
pauses(const voice_view_t *view, size_t at)
{
    double mean = 0, below = 0;
    for (size_t t = at; t < at + view->window; t++)
        mean += sqrt(view->power[t]) / (double)view->window;
    for (size_t t = at; t < at + view->window; t++)
        below += sqrt(view->power[t]) < 0.5 * mean;
    return below / (double)view->window;
}

static double
crossing_deviation(const voice_view_t *view, size_t at)
{
    double sum = 0, square = 0, n = (double)view->window;
    for (size_t t = at; t < at + view->window; t++) {
        sum += view->zcr[t];
        square += (double)view->zcr[t] * view->zcr[t];
    }
    return sqrt(fmax(square / n - sum / n * (sum / n), 0));
}

static double
mean_power(const voice_view_t *view, size_t at, size_t n)
{
    double sum = 0;
    for (size_t t = at; t < at + n; t++)
        sum += view->power[t];
    return sum / (double)n;
}

kt_err_t
kt_voice_fold(kt_voice_t *self, const kt_segment_t *segment)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(kt_segment_plan(segment));
    double                    rate = (double)opts->rate_hz / opts->hop;
    voice_view_t              view;
    if (rate < LEAST_RATE || opts->n_fft > LONGEST_FRAME * opts->rate_hz || opts->n_mels < BANDS ||
        (double)kt_segment_frames(segment) < rate)
        return KT_OK;
    kt_err_t err = view_init(&view, segment);
    if (!err) {
        measure_frames(&view);
        double whole = mean_power(&view, 0, view.frames);
        for (size_t at = 0; at + view.window <= view.frames; at += view.hop) {
            if (!(whole > 0 && mean_power(&view, at, view.window) > 1e-5 * whole))  // silence is no evidence
                continue;
            double articulation = kt_ramp(1 - alikeness(&view, at), 0.10, 0.35);
            double syllabic     = kt_ramp(syllables(&view, at), -1.6, -0.7);
            double rest = kt_ramp(pauses(&view, at), 0.05, 0.35) + kt_ramp(crossing_deviation(&view, at), 0.03, 0.10);
            self->windows++;
            self->speech += articulation * (syllabic + rest) / 3;
            self->voice += sqrt(articulation * syllabic);
        }
    }
    free(view.level);
    free(view.power);
    free(view.alike);
    free(view.wave);
    return err;
}
