// kt_device -- spans of samples in, rows of numbers out. The CPU device runs inline on the calling thread; a GPU
// (another implementation of the same operations) gathers spans of many files into one launch. Same calls, same numbers
// within the published tolerance. A device keeps no state of a stream: the caller supplies the overlap.
//
// Definitions are librosa 0.11's: centred frames of n_fft samples every hop, periodic Hann,
// zero padding at both ends of the stream; zero crossings repeat the first and last sample instead.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_frontend_opts {
    uint32_t rate_hz;   // 22050
    uint32_t n_fft;     // 2048; a power of two from 256 to 16384
    uint32_t hop;       // 512
    uint32_t n_mels;    // 128
    uint32_t n_mfcc;    // 13
    uint32_t n_chroma;  // 12
} kt_frontend_opts_t;

// Tables of one configuration: window, mel bands, contrast bands, DCT. Constant after new; any number of threads share
// it.
typedef struct kt_plan    kt_plan_t;
KT_MUST_USE kt_err_t      kt_plan_new(kt_plan_t **self_p, const kt_frontend_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                      kt_plan_destroy(kt_plan_t **self_p);
const kt_frontend_opts_t *kt_plan_opts(const kt_plan_t *self);

// Rows of one frame, in the order of librosa's functions. Widths: kt_row_width.
typedef enum kt_row {
    KT_ROW_CENTROID,   // [1] Hz
    KT_ROW_BANDWIDTH,  // [1] Hz
    KT_ROW_ROLLOFF,    // [1] Hz, 85 %
    KT_ROW_FLATNESS,   // [1]
    KT_ROW_ZCR,        // [1]
    KT_ROW_RMS,        // [1]
    KT_ROW_PEAK,       // [7] contrast: mean of the largest magnitudes of each band, linear
    KT_ROW_VALLEY,     // [7] contrast: mean of the smallest
    KT_ROW_MEL,        // [n_mels] power
    KT_ROWS
} kt_row_t;
// 0: this row does not exist (contrast, where a band but the last begins at half the rate or above, or has no bins: at
// 12,800 Hz and below, or at short n_fft). Such a row is never written.
size_t kt_row_width(const kt_plan_t *plan, kt_row_t row);

// A run of frames of one stream. Frame i covers pcm[i*hop .. i*hop + n_fft). What lies outside the stream is zero in
// pcm; real samples are pcm[real_begin .. real_end) (zero crossings need to know). pcm has (frames-1)*hop + n_fft
// values.
typedef struct kt_span {
    const float *pcm;
    size_t       frames;
    size_t       real_begin, real_end;
} kt_span_t;

// Peaks of a spectrum for the tuning estimate (librosa's piptrack, 150 to 4000 Hz): one entry a peak with pitch > 0, in
// frame order. Grows; bounded by frames * bins/2.
typedef struct kt_pitches {
    float   *magnitude;
    uint8_t *bin;  // 0..99: bin of the histogram of deviations, resolution 0.01
    size_t   count, capacity;
} kt_pitches_t;
void kt_pitches_fini(kt_pitches_t *self);  // idempotent; a zeroed struct is empty
// Left edge of the fullest bin among peaks whose magnitude is at least the median; 0 if there are none. [-0.5, 0.5).
double kt_pitches_tuning(const kt_pitches_t *self);

// Where the rows of a span go: row-major [frames][width], the caller's memory; NULL: not wanted, and then costs
// nothing.
typedef struct kt_rows {
    float        *row[KT_ROWS];
    kt_pitches_t *pitches;      // of |X|^2, n_chroma bins an octave (chroma_stft); NULL: not wanted
    kt_pitches_t *cqt_pitches;  // of |X|, 36 bins an octave (chroma_cqt); NULL: not wanted
} kt_rows_t;

typedef struct kt_device kt_device_t;
typedef struct kt_isa    kt_isa_t;  // kernels/isa.h
typedef struct kt_device_facts {
    char     name[64];
    char     kind[16];  // "cpu-avx512", "cpu-avx2", "cpu-base", "cpu-ref", "cuda"
    uint64_t memory_bytes;
} kt_device_facts_t;

// First pass: rows of n spans, out[n]. Second pass: chroma_stft before normalisation is never seen; out[n] are
// [frames][n_chroma], each frame divided by its largest value (a frame of zeros stays zero). One device a thread.
// KT_ENOMEM.
//
// A frame's bytes depend on its samples alone, not on the spans and calls that it comes with. A frame with a sample
// that is not finite, or whose total power is not a finite float, is NaN in every spectral row and in chroma and has no
// pitches (rms is NaN, infinite or huge, zcr counts signs); frames without such a sample are untouched by it.
//
// kt_device_cpu: the best instruction set; KITHARA_ISA=ref|base|avx2|avx512 forces one (ref: the plain reference, some
// sixty times slower). KT_ESETTING: unknown, or not on this processor; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_device_cpu(kt_device_t **self_p);
KT_MUST_USE kt_err_t kt_device_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *spans, size_t n,
                                        const kt_rows_t *out);
KT_MUST_USE kt_err_t kt_device_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *spans,
                                      size_t n, float *const *out);
// Chroma of a constant-Q transform of n samples, [frames][12] (cqt.h). KT_EINVAL: not defined at the plan's rate and
// hop.
KT_MUST_USE kt_err_t kt_device_chroma_cqt(kt_device_t *self, const kt_plan_t *plan, double tuning, const float *pcm,
                                          size_t n, size_t frames, float *out);
// What work beside the device runs on: loudness, samples, power spectra, and the functions below.
const kt_isa_t *kt_device_isa(const kt_device_t *self);
void            kt_device_facts(const kt_device_t *self, kt_device_facts_t *out);
void            kt_device_destroy(kt_device_t **self_p);

// What needs a whole segment, in place or beside; pure, any thread. `frames` rows of the width given by the plan.
// power_to_db(ref 1, amin 1e-10, top_db 80): the maximum is over the whole matrix; NaN stays NaN and leaves the others
// alone.
void kt_rows_to_db(const kt_isa_t *isa, const float *power, size_t count, float *db);
void kt_rows_contrast(const kt_isa_t *isa, const kt_plan_t *plan, const float *peak, const float *valley, size_t frames,
                      float *out);
void kt_rows_mfcc(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames,
                  float *out);  // [frames][n_mfcc]
// Onset envelope: mean over mels of max(0, S_t - S_(t-1)), shifted by 1 + n_fft/(2 hop) frames, cut to `frames`.
void kt_rows_onset(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
