#include "node/audio/rhythm/activation_meters.h"

#include "node/audio/rhythm/pointer.h"

#include <math.h>
#include <stdlib.h>

enum { FIRST_METER = 2, BARS_OF_WINDOW = 8 };

static const double SPREAD = 0.06, CHANGE = 100, LEAST_SHARE = 0.02, LEAST_BEAT = 1e-3;

static const double WEIGHT[KT_ACTIVATIONS] = {
#define KT_ACTIVATION(name, weight, meaning) weight,
#include "node/audio/rhythm/activation_weights.def"
#undef KT_ACTIVATION
};

// The largest of a frame and its neighbours.
static double
around(const float *values, size_t n, size_t t)
{
    double most = values[t];
    if (t > 0)
        most = fmax(most, values[t - 1]);
    if (t + 1 < n)
        most = fmax(most, values[t + 1]);
    return most;
}

// Of beats first .. end - 1, at the most probable place of the downbeats: their share less that of the others. share[i]
// is how much of beat i is a downbeat.
static double
window_contrast(const double *share, size_t first, size_t end, size_t beats)
{
    double most = -INFINITY, contrast = 0;
    for (size_t place = 0; place < beats; place++) {
        double sum = 0, down = 0, other = 0;
        size_t downs = 0;
        for (size_t i = first; i < end; i++) {
            const bool is_down = (i - first) % beats == place;
            sum += log(fmax(LEAST_SHARE, is_down ? share[i] : 1 - share[i]));
            *(is_down ? &down : &other) += share[i];
            downs += is_down;
        }
        if (sum > most) {
            most     = sum;
            contrast = down / (double)(downs ? downs : 1) - other / (double)(end - first - downs);
        }
    }
    return contrast;
}

static double
bar_contrast(const double *share, size_t count, size_t beats)
{
    const size_t window  = beats * BARS_OF_WINDOW;
    double       windows = 0, sum = 0;
    for (size_t first = 0; first == 0 ? count > beats : first + window / 2 < count; first += window) {
        sum += window_contrast(share, first, first + window < count ? first + window : count, beats);
        windows += 1;
    }
    return sum / fmax(1, windows);
}

kt_err_t
kt_activation_meters(const kt_activations_t *a, double period, double feature[KT_ACTIVATION_METERS][KT_ACTIVATIONS])
{
    kt_pointer_path_t       path  = {0};
    const kt_pointer_opts_t opts  = {period * (1 - SPREAD), period * (1 + SPREAD), CHANGE, 1};
    double                  sum   = 0;
    kt_err_t                err   = a->frames ? kt_pointer_decode(a, &opts, &path) : KT_OK;
    double                 *share = calloc(path.count + 1, sizeof *share);
    if (!err && !share)
        err = KT_ENOMEM;
    for (size_t i = 0; i < path.count && !err; i++) {
        const double beat = around(a->beat, a->frames, path.frame[i]);
        share[i]          = around(a->downbeat, a->frames, path.frame[i]) / fmax(LEAST_BEAT, beat);
        sum += beat;
    }
    for (int m = 0; m < KT_ACTIVATION_METERS && !err; m++) {
        const int meter                 = FIRST_METER + m;
        feature[m][KT_ACTIVATION_PULSE] = sum / fmax(1, (double)path.count);
        feature[m][KT_ACTIVATION_BAR]   = bar_contrast(share, path.count, meter == 6 ? 2 : (size_t)meter);
    }
    free(share);
    kt_pointer_fini(&path);
    return err;
}

double
kt_activation_score(const double feature[KT_ACTIVATIONS])
{
    double sum = 0;
    for (int f = 0; f < KT_ACTIVATIONS; f++)
        sum += WEIGHT[f] * feature[f];
    return sum;
}
