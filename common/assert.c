#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
kt_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "kithara: %s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
