#include "node/decoder/counts/times.h"

#include <math.h>

// JITTER_S: steps back up to this are errors of single stamps; reordered pictures of 16 references at 24 Hz. LEAP_S: a
// stamp that is further ahead is doubted. SAME_MOST: pictures before another one with the same stamp that are believed.
enum { LATE_PICTURES = 16, SAME_MOST = 1 };

static const double JITTER_S = 1, LEAP_S = 10, STEP_S = .04, FASTEST_HZ = 1000, USUAL = 4;

void
kt_times_init(kt_times_t *self, double frame_rate_hz, bool joined)
{
    *self = (kt_times_t){.step_s = frame_rate_hz > 0 && frame_rate_hz <= FASTEST_HZ ? 1 / frame_rate_hz : STEP_S,
                         .joined = joined};
}

bool
kt_times_correct(kt_times_t *self, double next_stamp_s, double *last_s)
{
    const double next = next_stamp_s + self->shift_s;
    const bool   ahead =
        self->last_s >= self->before_s + LEAP_S && next < self->last_s - JITTER_S && next >= self->before_s - JITTER_S;
    const bool stays = self->same == SAME_MOST && next_stamp_s == self->stamp_s && self->last_s == self->before_s;
    if (self->count < 2 || (!ahead && !stays))
        return false;
    *last_s = self->last_s = self->before_s + self->step_s;
    return true;
}

double
kt_times_next(kt_times_t *self, double stamp_s, double shown_s, bool *guessed)
{
    const bool   first = self->count++ == 0, usual = shown_s > self->step_s / USUAL && shown_s < self->step_s * USUAL;
    const double next = first ? 0 : self->last_s + (usual ? shown_s : self->step_s);
    double       time = stamp_s + self->shift_s;
    self->same        = !first && stamp_s == self->stamp_s ? self->same + 1 : 0;
    self->stamp_s     = stamp_s;
    *guessed          = !isfinite(stamp_s) || self->same > SAME_MOST;
    if (self->undo_left > 0 && stamp_s >= self->undo_stamp_s && stamp_s < self->undo_stamp_s + LEAP_S) {
        self->shift_s   = self->undo_shift_s;
        self->undo_left = 0;
        time            = stamp_s + self->shift_s;
    }
    self->undo_left -= self->undo_left > 0;
    if (*guessed) {
        time = next;
    } else if (!first && time < self->last_s - JITTER_S) {
        if (self->undo_left == 0) {
            self->undo_shift_s = self->shift_s;
            self->undo_stamp_s = self->last_s - self->shift_s;
            self->undo_left    = LATE_PICTURES;
        }
        self->shift_s += next - time;
        time     = next;
        *guessed = true;
    } else if (!first && self->joined && time - self->last_s > fmax(KT_TIMES_LEAP_S, self->last_s - self->first_s)) {
        self->shift_s += next - time;
        time     = next;
        *guessed = true;
    } else if (!first && time < self->last_s) {
        time     = self->last_s;
        *guessed = true;
    }
    self->first_s  = first ? time : self->first_s;
    self->before_s = first ? time : self->last_s;
    self->last_s   = time;
    return time;
}
