// The fast kernels of one instruction set, over one batch of frames. x is [bins] magnitudes, one lane per frame; a
// row kernel writes [width], one lane per frame.
#pragma once

#include "kernels/audio/ops.h"
#include "kernels/audio/plan.h"
#include "kernels/cpu/simd.h"

// Magnitudes as librosa rounds them; total: each lane's power, by which a frame without numbers is known.
vf_t KT_NAME(kt_magnitudes)(const kt_plan_t *plan, const float *const *lane, vd_t *z, vf_t *x);

void KT_NAME(kt_moments)(const kt_plan_t *plan, const vf_t *x, vf_t *centroid, vf_t *bandwidth);
void KT_NAME(kt_rolloff)(const kt_plan_t *plan, const vf_t *x, vf_t *out);
void KT_NAME(kt_flatness)(const kt_plan_t *plan, const vf_t *x, vf_t *out);
void KT_NAME(kt_mel)(const kt_plan_t *plan, const vf_t *x, vf_t *out);
void KT_NAME(kt_peak)(const kt_plan_t *plan, const vf_t *x, vf_t *out);
void KT_NAME(kt_valley)(const kt_plan_t *plan, const vf_t *x, vf_t *out);

// One bit per lane for each bin of [pitch_begin, pitch_end): there is a peak of the power spectrum, of the magnitudes.
void KT_NAME(kt_power_peaks)(const kt_plan_t *plan, const vf_t *x, uint16_t *mask);
void KT_NAME(kt_magnitude_peaks)(const kt_plan_t *plan, const vf_t *x, uint16_t *mask);

// Rows of the waveform, a whole span at once.
void KT_NAME(kt_rms)(const kt_plan_t *plan, const kt_span_t *span, float *out);
void KT_NAME(kt_zcr)(const kt_plan_t *plan, const kt_span_t *span, float *out);

// Members of the table.
size_t   KT_NAME(kt_scratch_bytes)(const kt_plan_t *plan);
kt_err_t KT_NAME(kt_frontend)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n,
                              const kt_rows_t *out);
void     KT_NAME(kt_spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n);
void     KT_NAME(kt_chroma)(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n,
                        float *const *out);
void KT_NAME(kt_power_spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *span, size_t bins, float *out);
void KT_NAME(kt_cqt_octave)(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames,
                            float gain, float *out);
void KT_NAME(kt_half_band)(const kt_half_band_t *self, void *scratch, const float *in, size_t blocks, float *out);
void KT_NAME(kt_to_db)(const float *power, size_t count, float *db);
void KT_NAME(kt_contrast)(const float *peak, const float *valley, size_t count, float *out);
void KT_NAME(kt_mfcc)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
void KT_NAME(kt_onset)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
