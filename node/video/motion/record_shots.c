// The list of shots of a record.
#include "node/video/motion/record.h"

#include <math.h>
#include <stdlib.h>

typedef struct span {
    size_t shot;
    double begin_s, end_s;
} span_t;

static int
by_length(const void *a, const void *b)
{
    const span_t *x = a, *y = b;
    const double  of_x = x->end_s - x->begin_s, of_y = y->end_s - y->begin_s;
    return of_x != of_y ? (of_x < of_y) - (of_x > of_y) : (x->shot > y->shot) - (x->shot < y->shot);
}

static int
by_time(const void *a, const void *b)
{
    const span_t *x = a, *y = b;
    return (x->shot > y->shot) - (x->shot < y->shot);
}

static json_t *
per_second(double sum, double time_s)
{
    return time_s > 0 ? kt_json_real(round(sum / time_s * 1000) / 1000) : kt_json_null();
}

static bool
append(json_t *list, const span_t *span, const kt_motion_sum_t *sum)
{
    json_t *row = kt_json_object();
    return kt_json_append(list, row) && kt_json_set(row, "begin", kt_json_real(span->begin_s)) &&
           kt_json_set(row, "end", kt_json_real(span->end_s)) &&
           kt_json_set(row, "motion", per_second(sum->distance, sum->time_s)) &&
           kt_json_set(row, "pan", per_second(sum->pan, sum->camera_s)) &&
           kt_json_set(row, "tilt", per_second(sum->tilt, sum->camera_s)) &&
           kt_json_set(row, "zoom", per_second(sum->zoom, sum->camera_s)) &&
           kt_json_set(row, "static", per_second(sum->static_s, sum->time_s));
}

json_t *
kt_record_shots_json(const kt_record_t *self, double end_s, size_t most)
{
    static const kt_motion_sum_t NONE = {0};
    const size_t                 n    = kt_shots_count(self->shots);
    span_t                      *span = calloc(n + 1, sizeof *span);
    json_t                      *list = kt_json_array();
    bool                         good = span && list;
    for (size_t i = 0; good && i < n; i++)
        span[i] = (span_t){i, kt_shots_at(self->shots, i)->begin_s,
                           i + 1 < n ? kt_shots_at(self->shots, i + 1)->from_s : end_s};
    const size_t kept = n < most ? n : most;
    if (good && n > most) {
        qsort(span, n, sizeof *span, by_length);
        qsort(span, kept, sizeof *span, by_time);
    }
    for (size_t i = 0; good && i < kept; i++)
        good = append(list, &span[i], span[i].shot < self->shots_room ? &self->of_shot[span[i].shot] : &NONE);
    free(span);
    if (!good)
        kt_json_free(&list);
    return list;
}
