// kt_cpu_ops -- the kernels of one instruction set as a table; "ref" is the plain reference, the definition. The same
// source (cpu/*.c) is compiled once for each other set. Functions are pure except for their scratch; any thread, own
// scratch.
#pragma once

#include "kernels/audio/cqt_basis.h"
#include "kernels/audio/decimate.h"
#include "kernels/audio/rows.h"

typedef struct kt_cpu_ops {
    const char *isa;                                 // "ref", "base", "avx2", "avx512"
    size_t (*scratch_bytes)(const kt_plan_t *plan);  // 64-byte aligned memory that frontend .. power_spectra need
    kt_err_t (*frontend)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n, const kt_rows_t *out);
    // bank: [bins][n_chroma], kt_chroma_bank.
    void (*chroma)(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n,
                   float *const *out);
    // Spectra of all frames, nothing kept: what a benchmark takes off to see a single row's own time.
    void (*spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n);
    // The first `bins` (at most n_fft / 2 + 1) of |X|^2 of each frame, [frames][bins] (power_spectrum.h).
    void (*power_spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *span, size_t bins, float *out);
    // One octave of a constant-Q transform (cqt_ref.h); the scratch of the basis's plan.
    void (*cqt_octave)(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames,
                       float gain, float *out);
    // Every second sample of `blocks` blocks (decimate.h).
    void (*decimate)(const kt_half_band_t *self, void *scratch, const float *in, size_t blocks, float *out);
    void (*to_db)(const float *power, size_t count, float *db);
    void (*contrast)(const float *peak, const float *valley, size_t count, float *out);
    void (*mfcc)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
    void (*onset)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
} kt_cpu_ops_t;

extern const kt_cpu_ops_t kt_cpu_ops_ref, kt_cpu_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_cpu_ops_t kt_cpu_ops_avx2, kt_cpu_ops_avx512;
#endif
