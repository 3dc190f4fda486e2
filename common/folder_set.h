// kt_folder_set -- folders by device and inode, at most a given number. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

typedef struct kt_folder_id {
    dev_t device;
    ino_t inode;
} kt_folder_id_t;

typedef struct kt_folder_set {
    kt_folder_id_t *slots;  // open addressing; inode 0: free
    size_t          n, n_slots;
} kt_folder_set_t;  // zero: empty

// *added: it was not there before. KT_EFULL: `most` are there; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_folder_set_add(kt_folder_set_t *self, const struct stat *folder, size_t most, bool *added);
void                 kt_folder_set_fini(kt_folder_set_t *self);  // idempotent
