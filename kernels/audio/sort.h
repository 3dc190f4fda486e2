// kt_sort_floats -- ascending order of many floats, for medians and quantiles: a radix sort of three passes, some ten
// times faster than qsort on a segment's rows. Pure; any thread.
#pragma once

#include <stddef.h>

// scratch: n floats. -0 is before +0; a NaN is moved to an end by its sign.
void kt_sort_floats(float *values, float *scratch, size_t n);
