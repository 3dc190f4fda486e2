// kt_summary -- statistics of per-frame rows over a whole file, folded in segment by segment: mean, population standard
// deviation, min and max as if all frames had been seen at once (doubles; Chan, Golub, LeVeque 1983 for the merge), the
// median exactly while there is one segment, else the frame-weighted median of every segment's equi-rank quantiles
// (of 257, off by at most 1/512 of a segment's ranks). Memory: four bytes per quantile, component and segment. One
// thread.
#pragma once

#include "common/err.h"
#include "kernels/device.h"
#include "proto/document.h"

#include <stddef.h>
#include <stdint.h>

typedef struct kt_summary kt_summary_t;

enum { KT_QUANTILES = 257 };  // of a segment of ten minutes

KT_MUST_USE kt_err_t kt_summary_new(kt_summary_t **self_p, size_t width, size_t quantiles);  // 2 or more
void                 kt_summary_destroy(kt_summary_t **self_p);

// A segment: n matrices of this many frames, whose widths add up to that of the summary. No value may be NaN.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_summary_fold(kt_summary_t *self, kt_device_t *device, const kt_columns_matrix_t *matrices,
                                     size_t n, size_t frames);
// Appends the frames of `next`: to the last bit as if all had been folded into one. Same width. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_summary_merge(kt_summary_t *self, const kt_summary_t *next);
// out[width]. KT_ENOMEM; KT_ENOTFOUND before the first frame.
KT_MUST_USE kt_err_t kt_summary_statistics(const kt_summary_t *self, kt_statistic_t *out);
