#include "kernels/audio/sort.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3000 };

static int
by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

Test(sort, gives_ascending_order_for_any_count)
{
    float    values[MOST], expected[MOST], scratch[MOST];
    uint32_t state = 1;
    for (size_t n = 0; n < MOST; n = n * 2 + 1) {
        for (size_t i = 0; i < n; i++) {
            state     = state * 1664525u + 1013904223u;
            values[i] = expected[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
        }
        qsort(expected, n, sizeof *expected, by_float);
        kt_sort_floats(values, scratch, n);
        cr_assert_eq(memcmp(values, expected, n * sizeof *values), 0, "n %zu", n);
    }
}

Test(sort, puts_infinities_at_the_ends)
{
    float values[100] = {INFINITY, -INFINITY, -1e-40f, 3e38f, -3e38f}, scratch[100];
    kt_sort_floats(values, scratch, 100);
    cr_assert(isinf(values[0]) && values[0] < 0 && isinf(values[99]) && values[99] > 0);
    cr_assert_eq(values[1], -3e38f);
    cr_assert_eq(values[2], -1e-40f);
}
