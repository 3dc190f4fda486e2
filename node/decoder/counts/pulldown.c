#include "node/decoder/counts/pulldown.h"

#include <math.h>

// LONGEST: a run of pictures of one length that still is of a film. OFF_SHARE: of fields, beyond one of each end.
enum { FIELDS = 2, LONGEST = 4, LEAST = 8 };
#define OFF_SHARE .01

void
kt_pulldown_add(kt_pulldown_t *self, double time_s, uint32_t repeats, double tick_s)
{
    kt_grid_add(&self->fields, self->shown, time_s, tick_s);
    self->run     = self->pictures > 0 && repeats == self->repeats ? self->run + 1 : 1;
    self->longest = self->run > self->longest ? self->run : self->longest;
    self->repeats = repeats;
    self->shown += FIELDS + (double)repeats;
    self->pictures++;
}

bool
kt_pulldown_period(const kt_pulldown_t *self, double *low_s, double *high_s)
{
    if (self->pictures < LEAST || self->longest > LONGEST || !kt_grid_holds(&self->fields))
        return false;
    const double n = (double)self->pictures, fields = round(2 * self->shown / n) / 2;  // 2.5: two and three in turn
    *low_s  = fields * self->fields.low_s;
    *high_s = fields * self->fields.high_s;
    return fabs(self->shown - fields * n) <= 2 + OFF_SHARE * self->shown;
}
