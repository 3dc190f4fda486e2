// kt_json_scan -- whether a text is JSON, without a tree of it: one pass, no memory. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The whole text is one JSON object (RFC 8259, UTF-8), nested at most 128 times, without NUL and half surrogate
// pairs in \u escapes. Names that come twice are not seen.
// text: NULL: false.
bool kt_json_is_object(const char *text, size_t length);
