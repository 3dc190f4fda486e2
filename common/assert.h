// kt_assert -- for bugs, always compiled in: prints the place and aborts. No content of messages, files, models or
// settings may make one fail.
#pragma once

_Noreturn void kt_assert_failed(const char *expression, const char *file, int line);

#define kt_assert(expression) ((expression) ? (void)0 : kt_assert_failed(#expression, __FILE__, __LINE__))
