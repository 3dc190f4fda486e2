#include "coordinator/amqp/id_set.h"

#include <stdlib.h>

kt_err_t
kt_ids_init(kt_ids_t *self, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    *self = (kt_ids_t){.slots = calloc(slots, sizeof(uint64_t)), .mask = slots - 1, .most = most};
    return self->slots ? KT_OK : KT_ENOMEM;
}

void
kt_ids_fini(kt_ids_t *self)
{
    free(self->slots);
    self->slots = NULL;
}

// Fibonacci hashing: the numbers are consecutive.
static size_t
ids_home(const kt_ids_t *self, uint64_t id)
{
    return (size_t)(id * 0x9e3779b97f4a7c15u >> 32) & self->mask;
}

static size_t
ids_find(const kt_ids_t *self, uint64_t id)
{
    size_t at = ids_home(self, id);
    while (self->slots[at] && self->slots[at] != id)
        at = (at + 1) & self->mask;
    return at;
}

bool
kt_ids_has(const kt_ids_t *self, uint64_t id)
{
    return id && self->slots[ids_find(self, id)] == id;
}

bool
kt_ids_add(kt_ids_t *self, uint64_t id)
{
    size_t at = ids_find(self, id);
    if (!id || self->slots[at] || self->n == self->most)
        return false;
    self->slots[at] = id;
    self->n++;
    return true;
}

// Entries behind the gap move up where it would hide them from their home.
void
kt_ids_remove(kt_ids_t *self, uint64_t id)
{
    size_t gap = ids_find(self, id);
    if (!id || !self->slots[gap])
        return;
    for (size_t at = (gap + 1) & self->mask; self->slots[at]; at = (at + 1) & self->mask) {
        size_t from_home = (at - ids_home(self, self->slots[at])) & self->mask;
        if (from_home < ((at - gap) & self->mask))
            continue;
        self->slots[gap] = self->slots[at];
        gap              = at;
    }
    self->slots[gap] = 0;
    self->n--;
}
