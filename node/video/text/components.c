#include "node/video/text/components.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct found {
    kt_run_t *runs;
    size_t    n, capacity;
} found_t;

static kt_err_t
add_run(found_t *self, kt_run_t run)
{
    if (self->n == self->capacity) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 1024;
        kt_run_t    *runs     = realloc(self->runs, capacity * sizeof *runs);
        if (!runs)
            return KT_ENOMEM;
        self->runs     = runs;
        self->capacity = capacity;
    }
    run.component         = (uint32_t)self->n;  // until the end: index of a run of the same component, itself: the root
    self->runs[self->n++] = run;
    return KT_OK;
}

static uint32_t
root_of(kt_run_t *runs, uint32_t i)
{
    while (runs[i].component != i) {
        runs[i].component = runs[runs[i].component].component;
        i                 = runs[i].component;
    }
    return i;
}

// Joins the runs of two neighbouring rows that touch, corners included. The smaller index is the root.
static void
join_rows(kt_run_t *runs, size_t above, size_t below, size_t end)
{
    for (size_t a = above, b = below; a < below && b < end;) {
        if (runs[a].from <= runs[b].to + 1 && runs[b].from <= runs[a].to + 1) {
            const uint32_t x = root_of(runs, (uint32_t)a), y = root_of(runs, (uint32_t)b);
            if (x < y)
                runs[y].component = x;
            else
                runs[x].component = y;
        }
        if (runs[a].to < runs[b].to)
            a++;
        else
            b++;
    }
}

// The runs of one row of the dilated mask: a point is set where itself, the one to the left, above, or above to the
// left is above the level.
static kt_err_t
add_row(found_t *self, const float *map, size_t y, size_t cols, float level)
{
    const float *now = map + y * cols, *above = y > 0 ? now - cols : now;
    kt_run_t     run  = {.y = (int32_t)y};
    bool         open = false, left = false;
    for (size_t x = 0; x < cols; x++) {
        const bool here = now[x] > level || above[x] > level;
        if ((here || left) && !open)
            run.from = (int32_t)x;
        if (open && !here && !left) {
            run.to             = (int32_t)x - 1;
            const kt_err_t err = add_run(self, run);
            if (err)
                return err;
        }
        open = here || left;
        left = here;
    }
    run.to = (int32_t)cols - 1;
    return open ? add_run(self, run) : KT_OK;
}

// Numbers the components in the order of their first runs, and sorts the runs by them.
static kt_err_t
sort_runs(found_t *found, kt_components_t *out)
{
    kt_run_t *sorted = calloc(found->n + 1, sizeof *sorted);
    size_t   *first  = calloc(found->n + 2, sizeof *first);
    uint32_t *number = calloc(found->n + 1, sizeof *number);
    size_t    n      = 0;
    if (!sorted || !first || !number) {
        free(sorted);
        free(first);
        free(number);
        return KT_ENOMEM;
    }
    for (size_t i = 0; i < found->n; i++) {
        const uint32_t root = root_of(found->runs, (uint32_t)i);
        number[i]           = root == i ? (uint32_t)n++ : number[root];
        first[number[i] + 1]++;
    }
    for (size_t c = 0; c < n; c++)
        first[c + 1] += first[c];
    for (size_t i = 0; i < found->n; i++) {
        kt_run_t *to  = &sorted[first[number[i]]++];
        *to           = found->runs[i];
        to->component = number[i];
    }
    memmove(first + 1, first, n * sizeof *first);  // each was moved to the start of the next one
    first[0] = 0;
    free(number);
    *out = (kt_components_t){sorted, first, n};
    return KT_OK;
}

kt_err_t
kt_components_find(kt_components_t *out, const float *map, size_t rows, size_t cols, float level)
{
    found_t  found = {0};
    size_t   above = 0, below = 0;
    kt_err_t err = KT_OK;
    for (size_t y = 0; y < rows && !err; y++) {
        err = add_row(&found, map, y, cols, level);
        join_rows(found.runs, above, below, found.n);
        above = below;
        below = found.n;
    }
    if (!err)
        err = sort_runs(&found, out);
    free(found.runs);
    return err;
}

void
kt_components_fini(kt_components_t *self)
{
    free(self->runs);
    free(self->first);
    *self = (kt_components_t){0};
}
