// kt_times -- presentation times of pictures in seconds of the container's own time, which never decrease, whatever the
// file states: missing stamps continue from those before, small steps back are held, and larger ones (a stamp that
// wraps, a recording that was appended) shift what follows. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct kt_times {
    double   step_s;  // from one picture to the next, where nothing else is known
    double   last_s, shift_s;
    uint64_t count;
} kt_times_t;

void kt_times_init(kt_times_t *self, double frame_rate_hz);  // 0: unknown
// The time of the next picture in the order of presentation. stamp_s: NAN if there is none. *guessed: it is not the
// file's own.
double kt_times_next(kt_times_t *self, double stamp_s, bool *guessed);
