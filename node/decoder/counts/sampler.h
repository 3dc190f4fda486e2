// kt_sampler -- which pictures are sampled: those that are shown in the middle of intervals of equal length from the
// first picture on. The interval doubles whenever `most` more have been taken, so that neither a file without a length
// nor one that is longer than it says gives many. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct kt_sampler {
    double   begin_s, interval_s;
    uint64_t next;  // interval whose middle comes next
    uint64_t taken, most;
} kt_sampler_t;

// Intervals of 1 / hz, or longer ones if there would be more than `most` in duration_s; 0: unknown. hz 0 or most 0:
// nothing is sampled.
void   kt_sampler_init(kt_sampler_t *self, double begin_s, double duration_s, double hz, uint64_t most);
double kt_sampler_due_s(const kt_sampler_t *self);  // INFINITY: none
// Whether the picture that is shown until end_s is sampled: a middle lies before that. Pictures come in order.
bool kt_sampler_take(kt_sampler_t *self, double end_s);
