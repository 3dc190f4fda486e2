// kt_grid -- the periods p for which times t_i keep |t_i - t_0 - n_i p| <= slack, where n_i are given places and slack
// is one tick of the time base or 1 ms (files that were rounded to milliseconds before), at most a quarter of the
// period. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// low > high: there are none.
typedef struct kt_grid {
    uint64_t n;
    double   first_s, low_s, high_s;
} kt_grid_t;

// place: from the first one, which is 0, ascending.
void kt_grid_add(kt_grid_t *self, double place, double time_s, double tick_s);
bool kt_grid_holds(const kt_grid_t *self);
