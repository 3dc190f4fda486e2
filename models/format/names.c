#include "models/format/names.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

kt_err_t
kt_names_init(kt_names_t *self, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    *self = (kt_names_t){.slots = calloc(slots, sizeof *self->slots), .mask = slots - 1, .room = most};
    return self->slots ? KT_OK : KT_ENOMEM;
}

void
kt_names_fini(kt_names_t *self)
{
    free(self->slots);
    *self = (kt_names_t){0};
}

// The slot of the name, or the free one where it belongs. At least half of the slots are free.
static kt_names_slot_t *
slot_of(const kt_names_t *self, const char *name)
{
    size_t at = (size_t)XXH3_64bits(name, strlen(name)) & self->mask;
    while (self->slots[at].name && strcmp(self->slots[at].name, name) != 0)
        at = (at + 1) & self->mask;
    return &self->slots[at];
}

bool
kt_names_add(kt_names_t *self, const char *name, int index)
{
    kt_names_slot_t *slot = slot_of(self, name);
    if (slot->name)
        return false;
    kt_assert(self->room > 0);
    self->room--;
    *slot = (kt_names_slot_t){name, index};
    return true;
}

int
kt_names_find(const kt_names_t *self, const char *name)
{
    const kt_names_slot_t *slot = slot_of(self, name);
    return slot->name ? slot->index : -1;
}
