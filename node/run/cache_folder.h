// The files of kt_cache: entries as DIR/ab/abcdef..., written completely or not at all, each of the 256 folders
// bounded. Only result_cache.c includes this. Any thread; many processes may use one folder.
#pragma once

#include "common/buf.h"

#include <stdint.h>

// Appends the entry and marks it as just used. KT_ENOTFOUND; KT_EIO, KT_EFULL (larger than out permits).
KT_MUST_USE kt_err_t kt_cache_folder_read(const char *dir, const char *name, kt_buf_t *out);
// Writes an entry in one step and removes the least recently used ones of its folder until the rest fits into
// share_bytes. KT_EFULL: the entry alone is larger. KT_EDISK, KT_EIO.
KT_MUST_USE kt_err_t kt_cache_folder_write(const char *dir, const char *name, const kt_buf_t *entry,
                                           uint64_t share_bytes);
