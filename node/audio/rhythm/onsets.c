#include "node/audio/rhythm/onsets.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double AROUND_S = 0.1, APART_S = 0.03, LEAST_RISE = 0.6;

// The top of the parabola through a peak and its neighbours, in frames from the peak.
static double
parabola_top(const float *rise, size_t n, size_t t)
{
    if (t == 0 || t + 1 == n)
        return 0;
    double bend = (double)rise[t - 1] - 2.0 * rise[t] + rise[t + 1];
    return bend < 0 ? fmax(-0.5, fmin(0.5, 0.5 * ((double)rise[t - 1] - rise[t + 1]) / bend)) : 0;
}

kt_err_t
kt_onsets_find(const kt_envelope_t *envelope, double **times, size_t *count)
{
    const float *rise = envelope->rise;
    const size_t n = envelope->frames, apart = (size_t)(APART_S * envelope->rate_hz + 0.5);
    const size_t around = (size_t)(AROUND_S * envelope->rate_hz + 0.5);
    double      *out    = calloc(n / (apart + 1) + 2, sizeof *out);
    size_t       found  = 0;
    if (!out)
        return KT_ENOMEM;
    for (size_t t = 0, next = 0; t < n; t++) {
        if (t < next || rise[t] < LEAST_RISE)
            continue;
        size_t end     = t + apart + 1 < n ? t + apart + 1 : n;
        bool   largest = true;
        for (size_t i = t > apart ? t - apart : 0; i < end && largest; i++)
            largest = !(rise[i] > rise[t]);
        if (!largest)
            continue;

        size_t first = t > around ? t - around : 0, past = t + around + 1 < n ? t + around + 1 : n;
        double sum = 0;
        for (size_t i = first; i < past; i++)
            sum += rise[i];
        if (rise[t] < sum / (double)(past - first) + LEAST_RISE)
            continue;
        out[found++] = fmax(0, ((double)t + parabola_top(rise, n, t) - 1) / envelope->rate_hz);
        next         = t + apart + 1;
    }
    *times = out;
    *count = found;
    return KT_OK;
}
