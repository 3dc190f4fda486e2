// kt_assert -- for bugs, always compiled in: prints the place and aborts. Bytes from a wire, disk, medium, model or
// setting never reach one.
#pragma once

_Noreturn void kt_assert_failed(const char *expression, const char *file, int line);

#define kt_assert(expression) ((expression) ? (void)0 : kt_assert_failed(#expression, __FILE__, __LINE__))
