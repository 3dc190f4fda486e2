#include "coordinator/cli/eta.h"

static const double MEMORY_SHARE = 0.125, MEMORY_S = 5;

double
kt_eta_left(kt_eta_t *self, double share, double spent_s)
{
    const double end_s = spent_s / share, since_s = spent_s - self->at_s;
    const double memory_s = spent_s * MEMORY_SHARE < MEMORY_S ? spent_s * MEMORY_SHARE : MEMORY_S;
    if (self->end_s <= 0)
        self->end_s = end_s;
    else if (since_s > 0)
        self->end_s += since_s / (since_s + memory_s) * (end_s - self->end_s);
    self->at_s = spent_s;
    return self->end_s > spent_s ? self->end_s - spent_s : 0;
}
