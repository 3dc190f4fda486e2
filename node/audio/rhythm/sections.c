#include "node/audio/rhythm/sections.h"

#include <stdlib.h>

kt_err_t
kt_sections_of(const kt_window_t *windows, const kt_path_step_t *steps, size_t n, size_t hop, size_t end,
               kt_section_t **sections, size_t *count)
{
    kt_section_t *out = calloc(n, sizeof *out);
    size_t        k   = 0;
    if (!out)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !steps[i].jumps) {
            out[k - 1].n_steps++;
            continue;
        }
        // The change lies between the two centres, half a hop before this one; it may be a hop before or after that.
        const size_t centre = windows[i].begin + hop, change = centre - hop / 2;
        if (k > 0)
            out[k - 1].end = change + hop < end ? change + hop : end;
        out[k++] = (kt_section_t){.begin        = i > 0 ? change - hop : windows[i].begin,
                                  .end          = end,
                                  .signature    = steps[i].signature,
                                  .steps        = &steps[i],
                                  .n_steps      = 1,
                                  .first_centre = centre,
                                  .hop          = hop};
    }
    // What is before and after a short section without a beat does not overlap: no path of beats leads from one to the
    // other, so both would have the same ones.
    for (size_t i = 1; i + 1 < k; i++)
        if (out[i].signature == 0 && out[i - 1].end > out[i + 1].begin)
            out[i - 1].end = out[i + 1].begin = out[i + 1].begin + (out[i - 1].end - out[i + 1].begin) / 2;
    *sections = out;
    *count    = k;
    return KT_OK;
}

double
kt_section_period(const kt_section_t *self, size_t frame)
{
    if (frame <= self->first_centre)
        return self->steps[0].period;
    const double at = (double)(frame - self->first_centre) / (double)self->hop;
    const size_t i  = (size_t)at;
    if (i + 1 >= self->n_steps)
        return self->steps[self->n_steps - 1].period;
    return self->steps[i].period + (at - (double)i) * (self->steps[i + 1].period - self->steps[i].period);
}
