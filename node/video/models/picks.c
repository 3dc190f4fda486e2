#include "node/video/models/picks.h"

#include "node/video/models/sampled.h"

#include <math.h>

#define PART_S 300.0

void
kt_picks_init(kt_picks_t *self, size_t pictures, double duration_s)
{
    *self = (kt_picks_t){.duration_s = duration_s > 0 && isfinite(duration_s) ? duration_s : 0, .pictures = pictures};
}

// Length of the present five minutes as far as the film is declared to last.
static double
part_length(const kt_picks_t *self)
{
    const double left = self->duration_s - (double)self->part * PART_S;
    return left > 0 ? fmin(left, PART_S) : PART_S;
}

// How far pictures of a shot may run ahead of the budget: a share of what is left, so that the last part of the film
// has its own.
static double
ahead(const kt_picks_t *self, double left)
{
    static const double SHARES[] = {0.25, 0.125};  // of the first and the second picture of a shot
    return self->of_shot < sizeof SHARES / sizeof *SHARES ? SHARES[self->of_shot] * fmax(left, 0) : 0;
}

static bool
is_in_budget(const kt_picks_t *self, double time_s)
{
    const double length = part_length(self), since = time_s - self->begin_s - (double)self->part * PART_S;
    const double most = (double)self->pictures, allowed = fmin(most, 1 + since / length * most);
    // Pictures come at intervals: one that is nearer to the average distance than the next may be taken.
    const double distance = length / most - (time_s - self->before_s);
    if (self->of_shot > 0 && time_s - self->taken_s < distance)
        return false;
    return (double)self->of_part + 1 <= fmin(most, allowed + ahead(self, most - allowed));
}

bool
kt_picks_take(kt_picks_t *self, double time_s, size_t shot)
{
    if (!self->begun) {
        self->begin_s  = time_s < PART_S ? fmin(time_s, 0) : time_s;
        self->before_s = time_s;
    }
    if (shot != self->shot)
        self->of_shot = 0;
    self->begun       = true;
    self->shot        = shot;
    const size_t part = (size_t)(fmax(0, time_s - self->begin_s) / PART_S);
    if (part != self->part)
        self->of_part = 0;
    self->part      = part;
    const bool take = self->taken < KT_SAMPLED_MOST && (self->pictures == 0 || is_in_budget(self, time_s));
    self->before_s  = time_s;
    if (!take)
        return false;
    self->taken_s = time_s;
    self->taken++;
    self->of_part++;
    self->of_shot++;
    return true;
}
