#include "node/video/shots/list.h"

#include <stdlib.h>
#include <string.h>

void
kt_shot_list_fini(kt_shot_list_t *self)
{
    free(self->shot);
    *self = (kt_shot_list_t){0};
}

kt_err_t
kt_shot_list_add(kt_shot_list_t *self, const kt_shot_t *shot)
{
    size_t at = self->count;
    while (at > 0 && self->shot[at - 1].index > shot->index)
        at--;
    if (at > 0 && self->shot[at - 1].index == shot->index) {
        self->shot[at - 1] = *shot;
        return KT_OK;
    }
    if (self->count == KT_SHOT_LIST_MAX)
        return KT_OK;
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 64;
        kt_shot_t   *larger   = realloc(self->shot, capacity * sizeof *larger);
        if (!larger)
            return KT_ENOMEM;
        self->shot     = larger;
        self->capacity = capacity;
    }
    memmove(self->shot + at + 1, self->shot + at, (self->count - at) * sizeof *shot);
    self->shot[at] = *shot;
    self->count++;
    return KT_OK;
}

void
kt_shot_list_remove(kt_shot_list_t *self, double from_s, double to_s)
{
    size_t first = self->count, end = self->count;
    while (end > 1 && self->shot[end - 1].begin_s >= to_s)
        end--;
    for (first = end; first > 1 && self->shot[first - 1].begin_s > from_s;)
        first--;
    if (first < end) {
        memmove(self->shot + first, self->shot + end, (self->count - end) * sizeof *self->shot);
        self->count -= end - first;
    }
}

size_t
kt_shot_list_find(const kt_shot_list_t *self, double time_s)
{
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (self->shot[middle].begin_s <= time_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}
