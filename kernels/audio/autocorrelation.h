// kt_autocorrelate -- the autocorrelation of one or several rows of equal length, over half-overlapped windows, each
// with its mean removed: out[lag] = sum over rows and windows of sum_t x[t] x[t + lag], divided by the share of the
// window that the lag leaves (at least a quarter), so that a periodic row keeps its height at long lags. By the
// Wiener-Khinchin theorem: two windows go through one complex transform, powers are summed, one inverse transform
// follows. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

// Rows of n values; windows of `window` values, or of n where the rows are shorter. Lags past the window are 0.
// out: [lags]. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_autocorrelate(const float *const *rows, size_t count, size_t n, size_t window, size_t lags,
                                      float *out);
