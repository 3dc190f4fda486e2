#include "node/audio/rhythm/harmony.h"

#include <math.h>
#include <stdlib.h>

enum { PARTS = 12, FOUR = 4, PLACES = KT_HARMONY_BEATS * PARTS, LANES = 4 };  // PARTS: of a beat

static const double LEAST_SUM = 1e-9, LEAST_SQUARE = 1e-12;

kt_err_t
kt_harmony_new(kt_harmony_t *self, const uint16_t *rows, size_t frames, size_t width, double rate_hz)
{
    const size_t stride = (width + LANES - 1) / LANES * LANES;
    double      *before = calloc((frames + 1) * stride + 1, sizeof *before);
    if (!before)
        return KT_ENOMEM;
    for (size_t t = 0; t < frames; t++)
        for (size_t c = 0; c < width; c++)
            before[(t + 1) * stride + c] = before[t * stride + c] + rows[t * width + c] * (1.0 / UINT16_MAX);
    *self = (kt_harmony_t){.rate_hz = rate_hz, .frames = frames, .stride = stride, .before = before};
    return KT_OK;
}

void
kt_harmony_fini(kt_harmony_t *self)
{
    free(self->before);
    *self = (kt_harmony_t){0};
}

// (a - b) . (c - d), in lanes, which compilers vectorise.
static double
product(const double *a, const double *b, const double *c, const double *d, size_t stride)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < stride; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (a[i + j] - b[i + j]) * (c[i + j] - d[i + j]);
    return lane[0] + lane[1] + (lane[2] + lane[3]);
}

kt_err_t
kt_harmony_change(const kt_harmony_t *self, size_t reach, float *out)
{
    const size_t n = self->frames, stride = self->stride;
    double      *square = calloc(n + 1, sizeof *square);  // of the sum after each row
    if (!square)
        return KT_ENOMEM;
    for (size_t t = 0; t < n; t++) {
        const double *here = self->before + t * stride, *end = self->before + (t + reach < n ? t + reach : n) * stride;
        const double *begin = t >= reach ? here - reach * stride : self->before;
        square[t]           = product(end, here, end, here, stride);
        const double one    = square[t],
                     other  = t >= reach ? square[t - reach] : product(here, begin, here, begin, stride);
        // Without harmony on either side there is no change.
        out[t] = one > LEAST_SQUARE && other > LEAST_SQUARE
                     ? (float)fmax(0, 1 - product(end, here, here, begin, stride) / sqrt(one * other))
                     : 0;
    }
    free(square);
    return KT_OK;
}

// --- folded at bars --------------------------------------------------------------------------------------------------

// Mean change at each of `places`, then the largest of it and its neighbours.
static void
fold_change(const float *change, size_t n, double places_per_frame, int places, double *out)
{
    double sum[PLACES] = {0}, count[PLACES] = {0}, at = 0;
    for (size_t i = 0; i < n; i++) {
        const int place = (int)at;
        sum[place] += change[i];
        count[place] += 1;
        at += places_per_frame;
        while (at >= places)
            at -= places;
    }
    for (int p = 0; p < places; p++)
        sum[p] /= fmax(1, count[p]);
    for (int p = 0; p < places; p++)
        out[p] = fmax(sum[p], fmax(sum[(p + 1) % places], sum[(p + places - 1) % places]));
}

static int
largest_place(const double *place, int places)
{
    int best = 0;
    for (int p = 1; p < places; p++)
        if (place[p] > place[best])
            best = p;
    return best;
}

// Changes over `beats` beats. free() it; NULL: no memory.
static float *
change_over(const kt_harmony_t *self, double beats, double period)
{
    float *change = calloc(self->frames + 1, sizeof *change);
    if (change && kt_harmony_change(self, (size_t)fmax(1, round(beats * period * self->rate_hz)), change)) {
        free(change);
        change = NULL;
    }
    return change;
}

kt_err_t
kt_harmony_evenness(const kt_harmony_t *self, double period, double *out)
{
    double place[PLACES];
    float *change = change_over(self, 2, period);
    if (!change)
        return KT_ENOMEM;
    fold_change(change, self->frames, PARTS / (period * self->rate_hz), FOUR * PARTS, place);
    const int    best  = largest_place(place, FOUR * PARTS);
    const double later = place[(best + FOUR * PARTS / 2) % (FOUR * PARTS)];
    *out               = 2 * later / (place[best] + later + LEAST_SUM);
    free(change);
    return KT_OK;
}

kt_err_t
kt_harmony_bars(const kt_harmony_t *self, double period, double out[KT_HARMONY_BEATS + 1])
{
    double place[PLACES];
    float *change = change_over(self, 1, period);
    if (!change)
        return KT_ENOMEM;
    for (int beats = 2; beats <= KT_HARMONY_BEATS; beats++) {
        fold_change(change, self->frames, PARTS / (period * self->rate_hz), beats * PARTS, place);
        const int best = largest_place(place, beats * PARTS);
        double    sum  = 0;
        for (int p = best % PARTS; p < beats * PARTS; p += PARTS)
            sum += place[p];
        out[beats] = (place[best] - (sum - place[best]) / (beats - 1)) / (sum + LEAST_SUM);
    }
    free(change);
    return KT_OK;
}
