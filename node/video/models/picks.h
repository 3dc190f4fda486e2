// kt_picks -- which of the sampled pictures the models look at: `pictures` per started five minutes of film. Pure
// arithmetic on times and shots; one thread.
//
// The budget grows evenly over the declared length (of an unknown length by pictures per five minutes). The first
// picture of a shot may run ahead of it by a quarter of what is left of it (at most of five minutes' pictures), the
// second one of a shot by an eighth, so that a new shot is looked at soon; further ones wait until the budget has
// grown.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_picks {
    double duration_s;
    size_t pictures;  // per five minutes; 0: all
    bool   begun;
    double begin_s;
    size_t taken, shot, of_shot;  // of_shot: taken of this shot
} kt_picks_t;

void kt_picks_init(kt_picks_t *self, size_t pictures, double duration_s);  // duration 0: unknown
// Whether this picture is looked at. Pictures in the order of time, shots in rising order.
bool kt_picks_take(kt_picks_t *self, double time_s, size_t shot);
