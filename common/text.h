// kt_text -- small pure functions on strings: UTF-8, bounded copies, numbers. Any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool kt_text_is_utf8(const char *text, size_t length);  // strict: no overlong forms, no surrogates, no NUL
// Copies at most capacity-1 bytes of text, every invalid byte as U+FFFD, never cutting a character; always terminated.
// Returns the bytes written without the NUL.
size_t kt_text_sanitize(char *out, size_t capacity, const char *text, size_t length);
// Bounded copy; false (and an empty string) if it does not fit.
bool kt_text_copy(char *out, size_t capacity, const char *text);
// Bytes of the character that begins here, 0 at the end; *control: it is a control character. These are C0, DEL, C1,
// the marks, embeddings, overrides and isolates of bidirectional text, line and paragraph separators, tags and other
// invisible format characters that change what the characters around them look like; and each byte that is no UTF-8,
// which terminals of 8 bits take for C1. Joiners are none: scripts and emoji need them.
size_t kt_text_character(const char *text, bool *control);
// Replaces each byte of control characters by a question mark, in place.
void kt_text_remove_controls(char *text);
// A message about an error: formats, truncates to capacity, sanitises (it may quote untrusted text). Returns err.
kt_err_t kt_text_explain(char *out, size_t capacity, kt_err_t err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// The whole text is a number within bounds. KT_EINVAL; *out untouched.
KT_MUST_USE kt_err_t kt_text_to_i64(const char *text, int64_t min, int64_t max, int64_t *out);
KT_MUST_USE kt_err_t kt_text_to_f64(const char *text, double min, double max, double *out);
int                  kt_text_hex_digit(char c);  // 0 to 15 of 0-9, a-f, A-F; -1 of any other character
