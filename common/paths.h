// kt_paths -- file names as text, and the list of media roots. Any thread.
//
// A name is any bytes; JSON, CSV, SQL and the wire carry UTF-8. A path that is valid UTF-8 is its own text. Any other
// is written as a URI whose bytes that are not UTF-8, and '%', are escaped as %XX: "file:///music/x%FF.mp3", a relative
// one as "file:x%FF.mp3". A path that begins with "file:" is escaped too, so that no two paths have one text.
//
// ANALYZER_MEDIA_ROOTS is a list of folders separated by ':'. A ':' that belongs to a name is written "\:", a backslash
// "\\", any byte "\xHH"; a backslash before anything else stands for itself.
#pragma once

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { KT_ROOT_BYTES = 4096 };

// False, and an empty text, if it does not fit.
bool kt_path_show(const char *path, char *out, size_t capacity);
// The bytes of a text; one that is not of the form above is taken as it is. KT_ENAME: a URI with a host, a bad escape,
// or a NUL; KT_EINVAL: it does not fit.
KT_MUST_USE kt_err_t kt_path_read(const char *text, char *out, size_t capacity);

// The next folder from *at on, which is moved behind it; empty ones, and those longer than a path can be, are skipped.
// False: there is none.
bool kt_roots_next(const char **at, char out[KT_ROOT_BYTES]);
// Appends a folder. Errors are in roots->err.
void kt_roots_add(kt_buf_t *roots, const char *folder);
// Whether a path is a root or below one, by its text; with real, of each root as it really is. One with ".." is not.
bool kt_roots_hold(const char *roots, const char *path, bool real);
