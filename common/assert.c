#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
kt_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "kithara: %s:%d: this should hold and does not: %s\n", file, line, expression);
    abort();
}
