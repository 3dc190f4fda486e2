#include "node/decoder/counts/sampler.h"

#include <math.h>

void
kt_sampler_init(kt_sampler_t *self, double begin_s, double duration_s, double hz, uint64_t most)
{
    const double least = hz > 0 && most > 0 ? 1 / hz : INFINITY;
    *self              = (kt_sampler_t){.begin_s = begin_s, .interval_s = least, .most = most};
    if (duration_s > least * (double)most)
        self->interval_s = duration_s / (double)most;
}

double
kt_sampler_due_s(const kt_sampler_t *self)
{
    return self->begin_s + ((double)self->next + .5) * self->interval_s;
}

bool
kt_sampler_take(kt_sampler_t *self, double end_s)
{
    if (!(kt_sampler_due_s(self) < end_s))
        return false;
    if (++self->taken % self->most == 0)
        self->interval_s *= 2;
    // A picture that is shown for long covers many middles.
    const double next = fmax(0, ceil((end_s - self->begin_s) / self->interval_s - .5));
    self->next        = next < 1e15 ? (uint64_t)next : (uint64_t)1e15;
    return true;
}
