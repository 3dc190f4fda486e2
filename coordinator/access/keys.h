// kt_keys -- the allowed nodes: those of <state>/keys/allowed, lines of "KEY NAME" (CURVE public key in Z85 or
// hexadecimal digits, the node name that it may use; without a name: any unused one), and those of the ledger, which
// overrule the file. The coordinator's key pair is in the same folder. One thread; any process may call kt_keys_allow
// and kt_keys_revoke, which work on the file.
#pragma once

#include "common/err.h"
#include "common/socket.h"
#include "coordinator/ledger/fleet.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { KT_KEYS_PATH = 4096, KT_KEYS_NAME = 64 };

typedef struct kt_key {
    char    key[KT_CURVE_TEXT];
    char    name[KT_KEYS_NAME];  // "": any
    bool    join, revoked;       // of a join token; no longer allowed (in the ledger's rows alone)
    bool    of_ledger;
    int64_t expires_ms;  // Unix time; 0: never
} kt_key_t;

typedef struct kt_keys {
    char             path[KT_KEYS_PATH];
    kt_key_t        *at;  // what is allowed now, sorted by key
    size_t           n;
    const kt_key_t **named;  // those of nodes, sorted by name and key; NULL: not made
    size_t           n_named;
    kt_key_t        *file, *ledger;  // sorted by key
    bool             no_file;        // the folder is read-only, as a mounted secret is, and has no list
    size_t           n_file, n_ledger;
    struct timespec  changed;  // of the file that was read
    off_t            bytes;
    ino_t            inode;
} kt_keys_t;

// "<state_dir>/keys/NAME"; false if it does not fit.
bool kt_keys_path(char out[KT_KEYS_PATH], const char *state_dir, const char *name);

// Creates an empty file and its folder if missing, and reads it; in a folder that is read-only a missing file is an
// empty one. KT_EIO, KT_EACCESS, KT_EWRITE, KT_EDISK, KT_EINVAL (a bad line, which is logged), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_keys_init(kt_keys_t *self, const char *state_dir);
void                 kt_keys_fini(kt_keys_t *self);
// Reads the file again if it changed, or always if force. *changed: whether the set changed. A bad line (KT_EINVAL) and
// a file that other users can change (KT_EACCESS) are logged and leave the set unchanged.
KT_MUST_USE kt_err_t kt_keys_reload(kt_keys_t *self, bool force, bool *changed);
// Takes the ledger's rows, n of them in any order, for those of before; *changed as above. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_keys_overrule(kt_keys_t *self, const kt_fleet_key_t *rows, size_t n, int64_t wall_ms,
                                      bool *changed);
// NULL: the key is not allowed.
const kt_key_t *kt_keys_find(const kt_keys_t *self, const char *key);
// The first allowed key of nodes with that name; NULL: none.
const kt_key_t *kt_keys_named(const kt_keys_t *self, const char *name);

// Appends the line and removes earlier lines of the key, so the last name applies. The file is replaced as a whole; a
// lock file orders concurrent callers. KT_EINVAL (invalid key or name), KT_ENOMEM, or as kt_file_replace.
KT_MUST_USE kt_err_t kt_keys_allow(const char *state_dir, const char *public_key, const char *name);
// Removes the key's lines, keeps comments. KT_ENOTFOUND: it was not allowed. Else as kt_keys_allow.
KT_MUST_USE kt_err_t kt_keys_revoke(const char *state_dir, const char *public_key);
