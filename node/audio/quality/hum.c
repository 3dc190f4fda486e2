// Mains hum: lines within 0.5 Hz of 50 or 60 Hz and their multiples to the fourth that are 13 dB above the median of
// the bins 2 to 7 Hz away from them, in windows of three seconds. It is hum where the first or second line is present
// in at least 80 % of the windows (no bass line holds one such note), its level keeps within 10 dB between the first
// and the last fifth of the windows, and it is at least 10 dB below the total power: a louder line is part of the
// music.
#include "node/audio/quality/quality.h"

#include <math.h>
#include <stdlib.h>

enum { LINES = 4, SIDE = 64 };

static int
compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// The line's power in the units of a periodogram's mean; 0: no line.
static double
line_power(const float *powers, size_t n_fft, double hz, double bin_hz)
{
    const double at = hz / bin_hz, reach = 0.5 / bin_hz + 1;
    size_t       peak = (size_t)ceil(at - reach);
    if ((at + reach) + 2 >= (double)n_fft / 2)
        return 0;
    for (size_t k = peak; (double)k <= at + reach; k++)
        if (powers[k] > powers[peak])
            peak = k;
    if (peak < 2 || fabs((double)peak - at) > 0.5 / bin_hz + 0.5)
        return 0;
    // The edge of a neighbouring note is no line of its own.
    if (powers[peak] < powers[peak - 1] || powers[peak] < powers[peak + 1])
        return 0;

    float        side[SIDE];
    size_t       n       = 0;
    const double nearest = 2, furthest = 7, edge = at - furthest / bin_hz - 1;
    for (size_t k = edge > 0 ? (size_t)edge : 0; k < n_fft / 2 && n < SIDE; k++) {
        const double off = fabs((double)k - at) * bin_hz;
        if ((double)k > at && off > furthest)
            break;
        if (off >= nearest && off <= furthest)
            side[n++] = powers[k];
    }
    qsort(side, n, sizeof *side, compare_floats);
    if (!(powers[peak] > 20 * (n ? side[n / 2] : INFINITY)))
        return 0;

    double sum = 0;
    for (size_t k = peak - 2; k <= peak + 2; k++)
        sum += powers[k];
    return 2 * sum / (double)n_fft;
}

void
kt_hum_add(kt_hum_t *self, const float *powers, size_t n_fft, double low_rate_hz)
{
    const double bin_hz = low_rate_hz / (double)n_fft;
    for (int mains = 0; mains < 2; mains++) {
        double lines[LINES], sum = 0;
        for (int i = 0; i < LINES; i++)
            sum += lines[i] = line_power(powers, n_fft, (50 + 10 * mains) * (i + 1), bin_hz);
        self->present[mains] += lines[0] > 0 || lines[1] > 0;
        kt_levels_add(&self->level[mains], (float)sum);
    }
    self->windows++;
}

void
kt_hum_merge(kt_hum_t *self, const kt_hum_t *more)
{
    self->windows += more->windows;
    for (int mains = 0; mains < 2; mains++) {
        self->present[mains] += more->present[mains];
        kt_levels_merge(&self->level[mains], &more->level[mains]);
    }
}

int
kt_hum_found(const kt_hum_t *self, double total, double *level_db)
{
    int found = KT_HUM_NONE;
    if (self->windows < KT_HUM_MIN_WINDOWS || !(total > 0))
        return found;
    for (int mains = 0; mains < 2; mains++) {
        const kt_levels_t *levels = &self->level[mains];
        const double       low = kt_levels_quantile(levels, 0.2), high = kt_levels_quantile(levels, 0.8);
        const double       level = 10 * log10(kt_levels_quantile(levels, 0.5) / total);
        if (self->present[mains] * 5 < self->windows * 4 || !(low > 0 && high <= 10 * low && level <= -10))
            continue;
        if (found == KT_HUM_NONE || level > *level_db) {
            *level_db = level;
            found     = mains;
        }
    }
    return found;
}
