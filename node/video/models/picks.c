#include "node/video/models/picks.h"

#include "node/video/models/sampled.h"

#include <math.h>

#define UNIT_S 300.0

void
kt_picks_init(kt_picks_t *self, size_t pictures, double duration_s)
{
    *self = (kt_picks_t){.duration_s = duration_s > 0 && isfinite(duration_s) ? duration_s : 0, .pictures = pictures};
}

// Pictures that may have been looked at so long after the first one. One is always allowed.
static double
budget(const kt_picks_t *self, double elapsed_s)
{
    const double pictures = (double)self->pictures, declared = fmin(elapsed_s, self->duration_s);
    double       sum = 1 + (elapsed_s - declared) * pictures / UNIT_S;
    if (self->duration_s > 0)
        sum += declared / self->duration_s * ceil(self->duration_s / UNIT_S) * pictures;
    return sum;
}

// How far pictures of a shot may run ahead of the budget: a share of what is left, so that the last part of the film
// has its own.
static double
ahead(const kt_picks_t *self, double left)
{
    static const double SHARES[] = {0.25, 0.125};  // of the first and the second picture of a shot
    const double        share    = self->of_shot < sizeof SHARES / sizeof *SHARES ? SHARES[self->of_shot] : 0;
    return share * fmin(fmax(left, 0), (double)self->pictures);
}

bool
kt_picks_take(kt_picks_t *self, double time_s, size_t shot)
{
    if (!self->begun)
        self->begin_s = time_s;
    if (shot != self->shot)
        self->of_shot = 0;
    self->begun            = true;
    self->shot             = shot;
    const double elapsed_s = fmax(0, time_s - self->begin_s), allowed = budget(self, elapsed_s);
    const double units = fmax(1, ceil(fmax(self->duration_s, elapsed_s) / UNIT_S));
    const double most  = units * (double)self->pictures;
    const double limit = fmin(most, allowed + ahead(self, most - allowed));
    const bool   take  = self->taken < KT_SAMPLED_MOST && (self->pictures == 0 || (double)self->taken + 1 <= limit);
    self->taken += take;
    self->of_shot += take;
    return take;
}
