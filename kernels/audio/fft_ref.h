// Plain transform of the reference: real frame in, magnitudes out.
#pragma once

#include "kernels/audio/rows.h"

// Magnitude spectrum of one frame, as librosa: window and transform in double, re and im rounded to float, then |.|
// rounded to float. work: 2 * n_fft doubles; magnitude: [bins]. False if the total power is not a finite float: then
// the frame has no numbers, and every spectral row of it is NaN.
bool kt_magnitudes_ref(const kt_plan_t *plan, const float *pcm, double *work, float *magnitude);
