// The reference of kt_device_chroma: the transform in double, sums in double, each frame divided by its largest value.
#pragma once

#include "kernels/audio/rows.h"

void kt_chroma_ref(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n,
                   float *const *out);
