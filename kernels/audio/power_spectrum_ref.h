// The definition of the power_spectra kernel: squares of the reference's magnitudes.
#pragma once

#include "kernels/audio/rows.h"

void kt_power_spectra_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *span, size_t bins, float *out);
