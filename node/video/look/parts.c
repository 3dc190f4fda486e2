#include "node/video/look/parts.h"

#include <stdlib.h>
#include <string.h>

void
kt_parts_fini(kt_parts_t *self)
{
    free(self->at);
    self->at = NULL;
}

static size_t
shortest(const kt_parts_t *self)
{
    size_t found = 0;
    for (size_t i = 1; i < self->n; i++)
        if (self->at[i].end_s - self->at[i].begin_s < self->at[found].end_s - self->at[found].begin_s)
            found = i;
    return found;
}

static kt_err_t
append(kt_parts_t *self, kt_part_t part)
{
    if (self->n == self->most) {
        const size_t i = shortest(self);
        if (part.end_s - part.begin_s <= self->at[i].end_s - self->at[i].begin_s)
            return KT_OK;
        memmove(self->at + i, self->at + i + 1, (self->n - i - 1) * sizeof *self->at);
        self->n--;
    }
    if (self->n == self->room) {
        const size_t room = self->room ? 2 * self->room : 16;
        kt_part_t   *at   = realloc(self->at, room * sizeof *at);
        if (!at)
            return KT_ENOMEM;
        self->at   = at;
        self->room = room;
    }
    self->at[self->n++] = part;
    return KT_OK;
}

kt_err_t
kt_parts_push(kt_parts_t *self, double time_s, bool holds)
{
    kt_err_t err = KT_OK;
    if (holds && !self->holds)
        self->begin_s = time_s;
    if (!holds && self->holds && time_s - self->begin_s >= self->least_s)
        err = append(self, (kt_part_t){self->begin_s, time_s});
    self->holds = holds;
    return err;
}

kt_err_t
kt_parts_restart(kt_parts_t *self, double time_s)
{
    const kt_err_t err = kt_parts_push(self, time_s, false);
    return err ? err : kt_parts_push(self, time_s, true);
}

json_t *
kt_parts_json(const kt_parts_t *self)
{
    json_t *list = kt_json_array();
    bool    good = list != NULL;
    for (size_t i = 0; i < self->n && good; i++) {
        json_t *row = kt_json_object();
        good        = kt_json_append(list, row) && kt_json_set(row, "begin", kt_json_real(self->at[i].begin_s)) &&
               kt_json_set(row, "end", kt_json_real(self->at[i].end_s));
    }
    if (!good)
        kt_json_free(&list);
    return list;
}
