#include "node/audio/models/segments.h"

#include <stdbool.h>
#include <stdlib.h>

enum { SMOOTHING = 5 };
#define LEAST_S 0.2

typedef struct stretch {
    size_t begin, end;  // frames
    size_t kind;
} stretch_t;

typedef struct stretches {
    size_t     n, room;
    stretch_t *at;
} stretches_t;

static bool
add_stretch(stretches_t *self, stretch_t stretch)
{
    if (self->n == self->room) {
        size_t     room = self->room ? 2 * self->room : 64;
        stretch_t *at   = realloc(self->at, room * sizeof *at);
        if (!at)
            return false;
        self->at   = at;
        self->room = room;
    }
    self->at[self->n++] = stretch;
    return true;
}

// Mean of the frames around t, of those that there are.
static float
smoothed(const float *rows, size_t n, size_t width, size_t kind, size_t t)
{
    size_t first = t < SMOOTHING / 2 ? 0 : t - SMOOTHING / 2, end = t + SMOOTHING / 2 + 1;
    float  sum = 0;
    end        = end < n ? end : n;
    for (size_t i = first; i < end; i++)
        sum += rows[i * width + kind];
    return sum / (float)(end - first);
}

static bool
add_kind(stretches_t *out, const float *rows, size_t n, size_t least, const kt_model_output_t *output, size_t kind)
{
    float     threshold = output->thresholds ? output->thresholds[kind] : 0.5f;
    stretch_t open      = {.kind = kind};
    bool      good      = true;
    for (size_t t = 0; t <= n && good; t++) {
        bool above = t < n && smoothed(rows, n, output->classes, kind, t) > threshold;
        if (above && open.end > 0 && t - open.end < least) {
            open.end = t + 1;
        } else if (above || t == n) {
            if (open.end > 0 && open.end - open.begin >= least)
                good = add_stretch(out, open);
            open = (stretch_t){t, t + 1, kind};
        }
    }
    return good;
}

static int
by_length(const void *a, const void *b)
{
    const stretch_t *x = a, *y = b;
    size_t           of_x = x->end - x->begin, of_y = y->end - y->begin;
    if (of_x != of_y)
        return of_x > of_y ? -1 : 1;
    return x->begin < y->begin ? -1 : x->begin > y->begin ? 1 : (x->kind > y->kind) - (x->kind < y->kind);
}

static int
by_time(const void *a, const void *b)
{
    const stretch_t *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

json_t *
kt_model_segments(const float *rows, size_t n, double rows_per_s, const kt_model_output_t *output, size_t most)
{
    stretches_t all   = {0};
    size_t      least = (size_t)(LEAST_S * rows_per_s + 0.5);
    json_t     *list  = kt_json_array();
    bool        good  = list;
    for (size_t kind = 0; kind < output->classes && good; kind++)
        good = add_kind(&all, rows, n, least, output, kind);
    if (good && all.n > most) {
        qsort(all.at, all.n, sizeof *all.at, by_length);
        all.n = most;
    }
    if (good && all.n > 0)
        qsort(all.at, all.n, sizeof *all.at, by_time);
    for (size_t i = 0; i < all.n && good; i++) {
        json_t *row = kt_json_object();
        good        = kt_json_set(row, "begin", kt_json_real((double)all.at[i].begin / rows_per_s)) &&
               kt_json_set(row, "end", kt_json_real((double)all.at[i].end / rows_per_s)) &&
               kt_json_set(row, "kind", kt_json_text(output->class_names[all.at[i].kind])) && kt_json_append(list, row);
    }
    free(all.at);
    if (!good)
        kt_json_free(&list);
    return list;
}
