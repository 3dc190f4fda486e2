// Frames of any spans, gathered into the lanes of a batch. Lanes left over at the end repeat the last frame and are
// dropped afterwards.
#pragma once

#include "kernels/audio/plan.h"
#include "kernels/cpu/simd.h"

typedef struct kt_batch {
    const kt_plan_t *plan;
    const kt_span_t *spans;
    size_t           n, at_span, at_frame;           // what comes next
    const float     *lane[KT_WIDE];                  // first sample of each lane's frame
    size_t           span[KT_WIDE], frame[KT_WIDE];  // where it comes from
    size_t           count;                          // lanes in use
} kt_batch_t;

// The next `lanes` frames; false when there are none left.
static inline bool
kt_batch_next(kt_batch_t *self, size_t lanes)
{
    self->count = 0;
    while (self->count < lanes && self->at_span < self->n) {
        const kt_span_t *span = &self->spans[self->at_span];
        if (self->at_frame == span->frames) {
            self->at_span++;
            self->at_frame = 0;
            continue;
        }
        self->lane[self->count]  = span->pcm + self->at_frame * self->plan->opts.hop;
        self->span[self->count]  = self->at_span;
        self->frame[self->count] = self->at_frame;
        self->count++;
        self->at_frame++;
    }
    for (size_t i = self->count; self->count > 0 && i < lanes; i++)
        self->lane[i] = self->lane[self->count - 1];
    return self->count > 0;
}
