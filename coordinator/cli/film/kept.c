#include "coordinator/cli/film/kept.h"

#include <math.h>
#include <string.h>

#define CLOSEST_S (KT_KEPT_RECENT_S * 3 / KT_KEPT_MOST)  // recent pictures fill a third of the places at most

static void
kept_drop(kt_kept_t *self, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        kt_planes_fini(&self->at[i].planes);
    memmove(self->at + first, self->at + first + n, (self->n - first - n) * sizeof *self->at);
    self->n -= n;
}

// Drops pictures without which their neighbours are still close enough together for their age.
static void
kept_thin(kt_kept_t *self, double now_s, double slack)
{
    for (size_t i = 1; i + 1 < self->n;) {
        const double age = now_s - self->at[i].time_s - KT_KEPT_RECENT_S;
        if (age > 0 && self->at[i + 1].time_s - self->at[i - 1].time_s < slack * age / KT_KEPT_DENSITY)
            kept_drop(self, i, 1);
        else
            i++;
    }
}

kt_err_t
kt_kept_add(kt_kept_t *self, double time_s, const kt_yuv_t *yuv, double begin_s)
{
    size_t old = 0;
    if (self->n > 0 && time_s - self->at[self->n - 1].time_s < CLOSEST_S)
        return KT_OK;
    while (old < self->n && self->at[old].time_s < begin_s)
        old++;
    kept_drop(self, 0, old);
    kept_thin(self, time_s, 1);
    for (double slack = 2; self->n == KT_KEPT_MOST && slack < 1e6; slack *= 2)
        kept_thin(self, time_s, slack);
    if (self->n == KT_KEPT_MOST)
        return KT_OK;
    kt_err_t err = kt_planes_copy(&self->at[self->n].planes, yuv, self->side);
    if (!err)
        self->at[self->n++].time_s = time_s;
    return err;
}

const kt_kept_picture_t *
kt_kept_nearest(const kt_kept_t *self, double time_s, double begin_s, double end_s)
{
    const kt_kept_picture_t *best = NULL;
    for (size_t i = 0; i < self->n; i++) {
        const kt_kept_picture_t *one = &self->at[i];
        if (one->time_s >= begin_s && one->time_s < end_s &&
            (!best || fabs(one->time_s - time_s) < fabs(best->time_s - time_s)))
            best = one;
    }
    return best;
}

void
kt_kept_fini(kt_kept_t *self)
{
    kept_drop(self, 0, self->n);
}
