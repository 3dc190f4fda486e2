#include "coordinator/cli/film/changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SAME_S 0.002  // the message rounds times to nine digits

static int
compare_changes(const void *a, const void *b)
{
    const kt_change_t *x = a, *y = b;
    return (x->at_s > y->at_s) - (x->at_s < y->at_s);
}

// Whether one of the gradual changes ends at this time.
static bool
is_end(const kt_change_t *gradual, size_t n, double time_s)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(gradual[i].to_s - time_s) < SAME_S)
            return true;
    return false;
}

kt_change_t *
kt_changes_of(const json_t *document, size_t *n)
{
    const json_t *visual  = kt_json_get(kt_json_get(document, "features"), "visual");
    const json_t *times   = kt_json_get(visual, "scene_changes");
    const json_t *soft    = kt_json_get(visual, "transitions");
    kt_change_t  *changes = calloc(kt_json_count(times) + kt_json_count(soft) + 1, sizeof *changes);
    size_t        gradual = 0;
    *n                    = 0;
    if (!changes)
        return NULL;
    for (; gradual < kt_json_count(soft); gradual++) {
        const json_t *one    = kt_json_at(soft, gradual);
        kt_change_t  *change = &changes[gradual];
        change->from_s       = kt_json_f64(one, "from", 0);
        change->to_s         = kt_json_f64(one, "to", 0);
        change->at_s         = (change->from_s + change->to_s) / 2;
        snprintf(change->kind, sizeof change->kind, "%s", kt_json_str(one, "kind", "fade"));
    }
    *n = gradual;
    for (size_t i = 0; i < kt_json_count(times); i++) {
        double at_s = 0;
        if (kt_json_number(kt_json_at(times, i), &at_s) && !is_end(changes, gradual, at_s))
            changes[(*n)++].at_s = at_s;
    }
    qsort(changes, *n, sizeof *changes, compare_changes);
    return changes;
}
