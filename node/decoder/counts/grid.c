#include "node/decoder/counts/grid.h"

#include <math.h>

#define ROUNDED_S 1.001e-3  // what is left of a time that was rounded to milliseconds before it was rounded to ticks
#define OF_PERIOD .25       // a grid keeps closer than this to its times: a picture that was left out is noticed
#define EPSILON 1e-9        // of sums in double precision, relative

void
kt_grid_add(kt_grid_t *self, double place, double time_s, double tick_s)
{
    if (self->n++ == 0) {
        self->first_s = time_s;
        return;
    }
    double span_s  = time_s - self->first_s;
    double slack_s = fmin(fmax(tick_s, ROUNDED_S), OF_PERIOD * span_s / place) + EPSILON * fabs(time_s);
    double low_s = (span_s - slack_s) / place, high_s = (span_s + slack_s) / place;
    self->low_s  = self->n == 2 ? low_s : fmax(self->low_s, low_s);
    self->high_s = self->n == 2 ? high_s : fmin(self->high_s, high_s);
}

bool
kt_grid_holds(const kt_grid_t *self)
{
    return self->n > 1 && self->low_s > 0 && self->low_s <= self->high_s;
}
