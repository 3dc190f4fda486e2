// kt_names -- the index that a name has: a hash table of names that others keep. One thread changes it; then any thread
// reads it.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_names_slot {
    const char *name;  // NULL: free
    int         index;
} kt_names_slot_t;

typedef struct kt_names {
    kt_names_slot_t *slots;
    size_t           mask, room;  // slots - 1; names that may still be added
} kt_names_t;

KT_MUST_USE kt_err_t kt_names_init(kt_names_t *self, size_t most);  // KT_ENOMEM
void                 kt_names_fini(kt_names_t *self);
bool                 kt_names_add(kt_names_t *self, const char *name, int index);  // false: the name is there already
int                  kt_names_find(const kt_names_t *self, const char *name);      // -1: none
