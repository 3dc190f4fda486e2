#include "node/video/text/known.h"

#include "models/input/image_resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 2.5F  // pixels, of each corner

enum { ALIKE = 10 };  // levels of 255

kt_err_t
kt_known_init(kt_known_t *self)
{
    *self = (kt_known_t){.before = calloc(KT_TEXT_BOXES, sizeof *self->before),
                         .now    = calloc(KT_TEXT_BOXES, sizeof *self->now)};
    return self->before && self->now ? KT_OK : KT_ENOMEM;
}

void
kt_known_fini(kt_known_t *self)
{
    free(self->before);
    free(self->now);
    *self = (kt_known_t){0};
}

void
kt_known_begin(kt_known_t *self)
{
    kt_known_line_t *kept = self->before;
    self->before          = self->now;
    self->n_before        = self->n_now;
    self->now             = kept;
    self->n_now           = 0;
}

static bool
is_same(const kt_known_line_t *a, const kt_known_line_t *b)
{
    for (int i = 0; i < 4; i++)
        if (fabsf(a->corner[i].x - b->corner[i].x) > NEAR || fabsf(a->corner[i].y - b->corner[i].y) > NEAR)
            return false;
    if (a->columns != b->columns)
        return false;
    for (size_t i = 0; i < (size_t)3 * KT_KNOWN_ROWS * a->columns; i++)
        if (abs(a->means[i] - b->means[i]) > ALIKE)
            return false;
    return true;
}

kt_err_t
kt_known_line(kt_known_t *self, const kt_point_t corner[4], const kt_picture_t *crop, kt_reading_t **reading,
              bool *read)
{
    *reading = NULL;
    *read    = false;
    if (self->n_now == KT_TEXT_BOXES)
        return KT_OK;
    kt_known_line_t *line    = &self->now[self->n_now];
    const uint32_t   columns = 2 * crop->width / crop->height;
    line->columns            = columns < 4 ? 4 : columns < KT_KNOWN_COLUMNS ? columns : KT_KNOWN_COLUMNS;
    memcpy(line->corner, corner, sizeof line->corner);
    const kt_err_t err = kt_image_resize(KT_FILTER_AREA, crop, line->columns, KT_KNOWN_ROWS, line->means);
    if (err)
        return err;
    self->n_now++;
    *reading = &line->reading;
    for (size_t i = 0; i < self->n_before && !*read; i++)
        if (is_same(&self->before[i], line)) {
            *line = self->before[i];  // as it was when it was read, so that small changes do not add up
            *read = true;
        }
    return KT_OK;
}
