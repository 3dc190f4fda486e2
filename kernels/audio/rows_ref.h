// The references of what needs a whole segment (kt_rows_*); contracts in kernels/device.h.
#pragma once

#include "kernels/audio/rows.h"

void kt_to_db_ref(const float *power, size_t count, float *db);
void kt_contrast_ref(const float *peak, const float *valley, size_t count, float *out);
void kt_mfcc_ref(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
void kt_onset_ref(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
