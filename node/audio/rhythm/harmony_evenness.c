#include "node/audio/rhythm/harmony_evenness.h"

#include <math.h>
#include <stdlib.h>

enum { BEATS = 4, PARTS = 12, PLACES = BEATS * PARTS };

static const double LEAST_SUM = 1e-9;

// Mean change at each place, then the largest of it and its neighbours.
static void
fold_change(const float *change, size_t n, double places_per_frame, double out[PLACES])
{
    double sum[PLACES] = {0}, count[PLACES] = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t place = (size_t)((double)i * places_per_frame) % PLACES;
        sum[place] += change[i];
        count[place] += 1;
    }
    for (int p = 0; p < PLACES; p++)
        sum[p] /= fmax(1, count[p]);
    for (int p = 0; p < PLACES; p++)
        out[p] = fmax(sum[p], fmax(sum[(p + 1) % PLACES], sum[(p + PLACES - 1) % PLACES]));
}

kt_err_t
kt_harmony_evenness(const kt_evidence_t *evidence, double period, double *out)
{
    const size_t n      = evidence->harmony_frames;
    const double beat   = period * evidence->harmony_rate_hz;  // frames
    float       *change = calloc(n + 1, sizeof *change);
    double       place[PLACES];
    if (!change)
        return KT_ENOMEM;
    kt_err_t err = kt_evidence_change(evidence, (size_t)fmax(1, round(2 * beat)), change);
    if (!err) {
        int best = 0;
        fold_change(change, n, PARTS / beat, place);
        for (int p = 1; p < PLACES; p++)
            if (place[p] > place[best])
                best = p;
        const double later = place[(best + PLACES / 2) % PLACES];
        *out               = 2 * later / (place[best] + later + LEAST_SUM);
    }
    free(change);
    return err;
}
