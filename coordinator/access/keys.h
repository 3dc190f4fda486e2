// kt_keys -- the allowed nodes: <state>/keys/allowed, lines of "KEY NAME" (CURVE public key in Z85, the node name that
// it may use; without a name: any unused one). The coordinator's key pair is in the same folder. One thread; any
// process may call kt_keys_allow and kt_keys_revoke.
#pragma once

#include "common/err.h"
#include "common/socket.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { KT_KEYS_PATH = 4096, KT_KEYS_NAME = 64 };

typedef struct kt_key {
    char key[KT_CURVE_TEXT];
    char name[KT_KEYS_NAME];  // "": any
} kt_key_t;

typedef struct kt_keys {
    char            path[KT_KEYS_PATH];
    kt_key_t       *at;  // sorted by key
    size_t          n;
    struct timespec changed;  // of the file that was read
    off_t           bytes;
    ino_t           inode;
} kt_keys_t;

// "<state_dir>/keys/NAME"; false if it does not fit.
bool kt_keys_path(char out[KT_KEYS_PATH], const char *state_dir, const char *name);

// Creates an empty file and its folder if missing; reads it. KT_EIO, KT_EACCESS, KT_EDISK, KT_EINVAL (a bad line,
// which is logged), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_keys_init(kt_keys_t *self, const char *state_dir);
void                 kt_keys_fini(kt_keys_t *self);
// Reads the file again if it changed, or always if force. *changed: whether the set changed. A bad line is logged and
// leaves the set unchanged: KT_EINVAL.
KT_MUST_USE kt_err_t kt_keys_reload(kt_keys_t *self, bool force, bool *changed);
// NULL: the key is not allowed.
const kt_key_t *kt_keys_find(const kt_keys_t *self, const char *key);

// Appends the line and removes earlier lines of the key, so the last name applies. The file is replaced as a whole; a
// lock file orders concurrent callers. KT_EINVAL (invalid key or name), KT_ENOMEM, or as kt_file_replace.
KT_MUST_USE kt_err_t kt_keys_allow(const char *state_dir, const char *public_key, const char *name);
// Removes the key's lines, keeps comments. KT_ENOTFOUND: it was not allowed. Else as kt_keys_allow.
KT_MUST_USE kt_err_t kt_keys_revoke(const char *state_dir, const char *public_key);
