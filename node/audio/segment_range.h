// kt_segment_range -- which samples of a stream an analysis of some of its segments needs: its own, those before them
// that bring filters and frames into the state that they would have had, and those after them that the last frames
// reach into. Pure arithmetic.
#pragma once

#include "common/err.h"
#include "kernels/device.h"

#include <stdint.h>

enum { KT_RANGE_BEFORE_S = 30, KT_RANGE_AFTER_S = 4, KT_RANGE_BLOCK = 4096, KT_RANGE_SEGMENTS = 1 << 20 };

// Frames of the source, counted from the stream's start: [from, to) is to be pushed, [own, end) is what the range
// counts. own and end are multiples of KT_RANGE_BLOCK next to the segments' borders, so that ranges adjoin;
// from is such that resampled samples, hops of loudness and windows of hum are at the positions that they have in the
// whole stream. UINT64_MAX: the stream's end.
typedef struct kt_segment_range {
    uint64_t from, own, end, to;
} kt_segment_range_t;

// Segments first .. first + count - 1 of the grid of segments of segment_s seconds (kt_segment); count 0: to the
// stream's end. At a rate that has no large divisor in common with the analysis rate, `from` is 0. KT_EINVAL: beyond
// KT_RANGE_SEGMENTS, or no rate.
KT_MUST_USE kt_err_t kt_segment_range_of(const kt_plan_t *plan, uint32_t segment_s, uint32_t rate_hz, uint32_t first,
                                         uint32_t count, kt_segment_range_t *out);
// `own` of one segment (kt_segment_own_fn). UINT64_MAX: beyond KT_RANGE_SEGMENTS.
uint64_t kt_segment_range_own(const kt_plan_t *plan, uint32_t segment_s, uint32_t rate_hz, uint32_t segment);
// `from` at the analysis rate: a whole sample.
uint64_t kt_segment_range_at(const kt_segment_range_t *self, uint32_t rate_hz, uint32_t analysis_hz);
