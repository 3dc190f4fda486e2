#include "node/decoder/counts/gaps.h"

#include <math.h>
#include <string.h>

enum { RESERVOIR_BYTES = 511, SIDE_BYTES = 36, AFTER_MAX = 16 };

#define LEAST_S 1e-3    // shorter gaps are rounding of time stamps
#define MOST_S 86400.0  // a time stamp that is wrong itself
#define JOINED_S 60.0

void
kt_gaps_init(kt_gaps_t *self, const kt_gaps_policy_t *policy)
{
    memset(self, 0, sizeof *self);
    self->policy = *policy;
    self->end_s  = NAN;
}

void
kt_gaps_damage(kt_gaps_t *self, uint64_t bytes)
{
    self->open  = true;
    self->fresh = true;
    self->left  = self->policy.after;
    self->dropped_bytes += bytes;
}

void
kt_gaps_drop(kt_gaps_t *self, double duration_s, uint64_t bytes)
{
    self->dropped_s += duration_s;
    self->dropped_bytes += bytes;
}

bool
kt_gaps_keep(kt_gaps_t *self, double duration_s, uint64_t bytes)
{
    if (self->left == 0)
        return true;
    if (self->policy.reservoir && self->fresh && bytes > 0) {
        const uint64_t main_bytes = bytes > SIDE_BYTES + 1 ? bytes - SIDE_BYTES : 1;
        const uint64_t frames     = (RESERVOIR_BYTES + main_bytes - 1) / main_bytes + self->policy.after - 1;
        self->left                = frames < AFTER_MAX ? (uint32_t)frames : AFTER_MAX;
    }
    self->fresh = false;
    self->left--;
    kt_gaps_drop(self, duration_s, bytes);
    return false;
}

// by_bytes: in proportion to the frames that were kept.
static double
close_gap(kt_gaps_t *self, double time_s)
{
    double lost_s = self->dropped_s;
    if (self->policy.by_bytes && self->kept_bytes > 0)
        lost_s = fmax(lost_s, (double)self->dropped_bytes * self->kept_s / (double)self->kept_bytes);
    const double most_s = self->policy.joined ? fmax(JOINED_S, self->kept_s) : MOST_S;
    if (!self->policy.by_bytes && time_s - self->end_s > lost_s && time_s - self->end_s < most_s)
        lost_s = time_s - self->end_s;
    lost_s              = lost_s > LEAST_S ? lost_s : 0;
    self->open          = false;
    self->dropped_s     = 0;
    self->dropped_bytes = 0;
    self->parts += lost_s > 0;
    return lost_s;
}

double
kt_gaps_pass(kt_gaps_t *self, double time_s, double duration_s, uint64_t bytes)
{
    const double lost_s = self->open ? close_gap(self, time_s) : 0;
    self->end_s         = isfinite(time_s) ? time_s + duration_s : self->end_s + duration_s;
    self->kept_s += duration_s;
    self->kept_bytes += bytes;
    return lost_s;
}

double
kt_gaps_end(kt_gaps_t *self, double time_s)
{
    return self->open ? close_gap(self, time_s) : 0;
}
