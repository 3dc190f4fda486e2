#include "common/folder_set.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

// The slot that holds it, or the free one where it belongs.
static kt_folder_id_t *
find_slot(kt_folder_id_t *slots, size_t n_slots, kt_folder_id_t id)
{
    uint64_t hash = ((uint64_t)id.inode + (uint64_t)id.device * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
    size_t   at   = (size_t)(hash >> 32) & (n_slots - 1);
    while (slots[at].inode && (slots[at].inode != id.inode || slots[at].device != id.device))
        at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

static kt_err_t
grow_set(kt_folder_set_t *self)
{
    size_t          n_slots = self->n_slots ? 2 * self->n_slots : FIRST_SLOTS;
    kt_folder_id_t *slots   = calloc(n_slots, sizeof *slots);
    if (!slots)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n_slots; i++)
        if (self->slots[i].inode)
            *find_slot(slots, n_slots, self->slots[i]) = self->slots[i];
    free(self->slots);
    self->slots   = slots;
    self->n_slots = n_slots;
    return KT_OK;
}

kt_err_t
kt_folder_set_add(kt_folder_set_t *self, const struct stat *folder, size_t most, bool *added)
{
    kt_folder_id_t id = {folder->st_dev, folder->st_ino ? folder->st_ino : (ino_t)-1};
    *added            = false;
    if (2 * (self->n + 1) > self->n_slots) {
        kt_err_t err = grow_set(self);
        if (err)
            return err;
    }
    kt_folder_id_t *slot = find_slot(self->slots, self->n_slots, id);
    if (slot->inode)
        return KT_OK;
    if (self->n >= most)
        return KT_EFULL;
    *slot  = id;
    *added = true;
    self->n++;
    return KT_OK;
}

void
kt_folder_set_fini(kt_folder_set_t *self)
{
    free(self->slots);
    *self = (kt_folder_set_t){0};
}
