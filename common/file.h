// kt_file -- small files that appear whole or not at all: keys, tokens, lists, sessions. Each is written under a random
// name in the same folder, synced, and then given its name. Any thread; several processes may do the same at once.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

// The error of the last system call: KT_ENOFILE, KT_EACCESS, KT_EDISK, else KT_EIO.
KT_MUST_USE kt_err_t kt_file_err_of_errno(void);
// The same of a call that makes, writes, renames or removes a file: KT_EWRITE for KT_EACCESS.
KT_MUST_USE kt_err_t kt_file_write_err_of_errno(void);
// Creates the missing folders above the last component of path (mode 0700 whatever the umask). KT_EWRITE: one cannot be
// made, for want of the right or because its place is no folder. KT_EINVAL: the path is too long. KT_EDISK, KT_EIO.
KT_MUST_USE kt_err_t kt_file_make_folders(const char *path);
// Whether a mode keeps a file from other users: no right of group and others, or of the group to read where the owner
// is root, as packages and service managers lay out secrets.
bool kt_file_is_private(unsigned mode, uid_t owner);
// What other users can do to a file that decides who may do what; NULL: nothing. secret: they may not read it either.
// They can if it is no regular file, if its mode lets them, if they can put another file in its place (a folder of
// path, or of what a link leads to, that others can write and that is not sticky), or if it belongs to one of them: not
// to root, to this user or to the owner of the folder, for root reads the state of a service's user. A static sentence
// part.
const char *kt_file_risk(const char *path, const struct stat *facts, bool secret);
// Of a secret, or of a list that all may read, that is open for reading: KT_EACCESS where kt_file_risk finds one, with
// a sentence in why, or, without it (NULL), logged as SECRET-OPEN.
KT_MUST_USE kt_err_t kt_file_check_secret(int fd, const char *path, char *why, size_t capacity);
KT_MUST_USE kt_err_t kt_file_check_list(int fd, const char *path);
// Creates the file; an existing one is left unchanged, so that of several processes one wins. KT_OK in both cases;
// KT_EINVAL, or as kt_file_write_err_of_errno.
KT_MUST_USE kt_err_t kt_file_create(const char *path, mode_t mode, const char *bytes, size_t length);
// Creates the file or replaces its content. Errors as kt_file_create.
KT_MUST_USE kt_err_t kt_file_replace(const char *path, mode_t mode, const char *bytes, size_t length);
