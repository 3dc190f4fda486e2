// The reference of kt_device_frontend: one frame after the other, plain C, double accumulators.
#pragma once

#include "kernels/audio/rows.h"

size_t               kt_ref_scratch_bytes(const kt_plan_t *plan);
KT_MUST_USE kt_err_t kt_frontend_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n,
                                     const kt_rows_t *out);
void                 kt_spectra_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n);
