#include "coordinator/watch/history.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

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
    int             file;  // -1: none
};

// The file has a slot per step of each span, number modulo KT_HISTORY_POINTS, so that it never grows and one step is
// one write. It is not synced: what the kernel has outlives the process, and the loop never waits for a disk.
typedef struct slot {
    kt_history_point_t point;
    uint64_t           check;
} slot_t;

static uint64_t
check_of(const kt_history_point_t *point)
{
    const uint64_t values[] = {(uint64_t)point->wall_ms,
                               point->waiting,
                               point->in_work,
                               point->done,
                               point->failed,
                               point->live,
                               point->absent};
    uint64_t       check    = 14695981039346656037U;  // FNV-1a, by words
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        check = (check ^ values[i]) * 1099511628211U;
    return check;
}

static int64_t
step_of(kt_history_span_t span, int64_t wall_ms)
{
    return wall_ms / (STEP_S[span] * 1000);
}

static off_t
offset_of(kt_history_span_t span, int64_t step)
{
    return (off_t)sizeof(slot_t) * (KT_HISTORY_POINTS * (off_t)span + step % KT_HISTORY_POINTS);
}

kt_err_t
kt_history_new(kt_history_t **self_p)
{
    kt_history_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->lock, NULL);
    self->file = -1;
    *self_p    = self;
    return KT_OK;
}

void
kt_history_destroy(kt_history_t **self_p)
{
    if (!*self_p)
        return;
    if ((*self_p)->file >= 0)
        close((*self_p)->file);
    pthread_mutex_destroy(&(*self_p)->lock);
    free(*self_p);
    *self_p = NULL;
}

// The points of the steps up to now, as far as the file has them.
static void
read_ring(kt_history_t *self, kt_history_span_t span, int64_t wall_ms)
{
    ring_t       *ring = &self->rings[span];
    const int64_t last = step_of(span, wall_ms);
    slot_t        slot;
    for (int64_t step = last - KT_HISTORY_POINTS + 1; step <= last; step++) {
        if (step < 0 || pread(self->file, &slot, sizeof slot, offset_of(span, step)) != sizeof slot)
            continue;
        const kt_history_point_t *point = &slot.point;
        if (slot.check != check_of(point) || point->wall_ms > wall_ms || step_of(span, point->wall_ms) != step)
            continue;
        ring->points[ring->n++] = *point;
        ring->step              = step;
    }
}

kt_err_t
kt_history_keep(kt_history_t *self, const char *path, int64_t wall_ms)
{
    kt_err_t err  = KT_OK;
    int      file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return kt_file_write_err_of_errno();
    if (flock(file, LOCK_EX | LOCK_NB)) {
        err = errno == EWOULDBLOCK ? KT_ELOCKED : kt_file_write_err_of_errno();
        close(file);
        return err;
    }
    pthread_mutex_lock(&self->lock);
    if (self->file >= 0)
        close(self->file);
    self->file = file;
    for (kt_history_span_t span = 0; span < KT_HISTORY_SPANS; span++) {
        self->rings[span] = (ring_t){0};
        read_ring(self, span, wall_ms);
    }
    pthread_mutex_unlock(&self->lock);
    return KT_OK;
}

static void
write_point(const kt_history_t *self, kt_history_span_t span, int64_t step, const kt_history_point_t *point)
{
    const slot_t slot = {.point = *point, .check = check_of(point)};
    if (self->file >= 0 && pwrite(self->file, &slot, sizeof slot, offset_of(span, step)) != sizeof slot)
        return;  // a full disk leaves a gap in the history of the next start
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
    for (kt_history_span_t i = 0; i < KT_HISTORY_SPANS; i++) {
        kt_history_point_t *point = point_of(&self->rings[i], step_of(i, sample->wall_ms));
        point->wall_ms            = sample->wall_ms > point->wall_ms ? sample->wall_ms : point->wall_ms;
        point->waiting            = sample->waiting;
        point->in_work            = sample->in_work;
        point->live               = sample->live;
        point->absent             = sample->absent > point->absent ? sample->absent : point->absent;
        if (self->begun) {
            point->done += sample->done - self->done;
            point->failed += sample->failed - self->failed;
        }
        write_point(self, i, self->rings[i].step, point);
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
    size_t        n    = 0;
    for (size_t i = 0; i < ring->n; i++) {
        const kt_history_point_t *point = &ring->points[(ring->first + i) % KT_HISTORY_POINTS];
        if (step_of(span, point->wall_ms) > ring->step - KT_HISTORY_POINTS)  // of before a pause it may be older
            out[n++] = *point;
    }
    pthread_mutex_unlock(&self->lock);
    return n;
}
