// kt_picks -- which of the sampled pictures the models look at: at most `pictures` in each five minutes of film,
// counted from the first picture on. Pure arithmetic on times and shots; one thread.
//
// Within five minutes (or what the declared length leaves of them) the budget grows evenly. The first picture of a shot
// may run ahead of it by a quarter of what is left, the second one by an eighth, so that a new shot is looked at soon;
// further ones wait until the budget has grown. A shot is looked at again only after the time that a picture has on
// average, so that shots that are shorter have one look each.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_picks {
    double duration_s;
    size_t pictures;  // per five minutes; 0: all
    bool   begun;
    double begin_s, before_s, taken_s;  // of the first part; of the picture before, of the last one that was taken
    size_t part, of_part;               // the present five minutes; taken in them
    size_t taken, shot, of_shot;        // of_shot: taken of this shot
} kt_picks_t;

void kt_picks_init(kt_picks_t *self, size_t pictures, double duration_s);  // duration 0: unknown
// Whether this picture is looked at. Pictures in the order of time, shots in rising order.
bool kt_picks_take(kt_picks_t *self, double time_s, size_t shot);
