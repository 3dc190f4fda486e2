// kt_log_format -- the fields of a log line. As vsnprintf, but a bare value key=%s that has blanks, quotes or
// backslashes is quoted and escaped, so that a text from outside adds no field. Only for log.c. Any thread.
#pragma once

#include <stdarg.h>
#include <stddef.h>

// Truncates; always terminated. Conversions: d i u x X o c f e g a p s and %%, with flags, width, precision and length.
void kt_log_format(char *out, size_t capacity, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
