#include "coordinator/watch/history.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const int64_t STEP_S[KT_HISTORY_SPANS] = {[KT_HISTORY_HOUR] = 10, [KT_HISTORY_DAY] = 240};

typedef struct ring {
    size_t             first, n;
    int64_t            step;  // number of the step of the last point
    kt_history_point_t points[KT_HISTORY_POINTS];
} ring_t;

struct kt_history {
    pthread_mutex_t lock;
    bool            begun;
    uint64_t        done, failed;  // of the last sample
    ring_t          rings[KT_HISTORY_SPANS];
};

kt_err_t
kt_history_new(kt_history_t **self_p)
{
    kt_history_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->lock, NULL);
    *self_p = self;
    return KT_OK;
}

void
kt_history_destroy(kt_history_t **self_p)
{
    if (*self_p)
        pthread_mutex_destroy(&(*self_p)->lock);
    free(*self_p);
    *self_p = NULL;
}

// The last point, which is a new one when the step is over. A wall clock that was set back adds to the last point.
static kt_history_point_t *
point_of(ring_t *ring, int64_t step)
{
    const bool next = !ring->n || step > ring->step;
    if (next && ring->n == KT_HISTORY_POINTS)
        ring->first = (ring->first + 1) % KT_HISTORY_POINTS;
    else if (next)
        ring->n++;
    kt_history_point_t *point = &ring->points[(ring->first + ring->n - 1) % KT_HISTORY_POINTS];
    if (next) {
        ring->step = step;
        *point     = (kt_history_point_t){0};
    }
    return point;
}

void
kt_history_add(kt_history_t *self, const kt_history_sample_t *sample)
{
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < KT_HISTORY_SPANS; i++) {
        kt_history_point_t *point = point_of(&self->rings[i], sample->wall_ms / (STEP_S[i] * 1000));
        point->wall_ms            = sample->wall_ms;
        point->waiting            = sample->waiting;
        point->in_work            = sample->in_work;
        point->live               = sample->live;
        point->absent             = sample->absent > point->absent ? sample->absent : point->absent;
        if (self->begun) {
            point->done += sample->done - self->done;
            point->failed += sample->failed - self->failed;
        }
    }
    self->begun  = true;
    self->done   = sample->done;
    self->failed = sample->failed;
    pthread_mutex_unlock(&self->lock);
}

size_t
kt_history_read(kt_history_t *self, kt_history_span_t span, kt_history_point_t out[KT_HISTORY_POINTS], int64_t *step_s)
{
    *step_s = STEP_S[span];
    pthread_mutex_lock(&self->lock);
    const ring_t *ring = &self->rings[span];
    const size_t  n    = ring->n;
    for (size_t i = 0; i < n; i++)
        out[i] = ring->points[(ring->first + i) % KT_HISTORY_POINTS];
    pthread_mutex_unlock(&self->lock);
    return n;
}
