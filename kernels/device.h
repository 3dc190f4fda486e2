// kt_device -- spans of samples in, rows of numbers out. The CPU device runs inline on the calling thread; a GPU
// (another implementation of the same operations) gathers spans of many files into one launch. Same calls, same numbers
// within the published tolerance. A device keeps no state of a stream: the caller supplies the overlap.
#pragma once

#include "kernels/audio/bass.h"
#include "kernels/audio/cents.h"
#include "kernels/audio/columns.h"
#include "kernels/audio/rises.h"
#include "kernels/audio/rows.h"
#include "kernels/audio/source.h"
#include "kernels/derived.h"
#include "kernels/image/stats.h"

#include <stdbool.h>

typedef struct kt_device kt_device_t;
typedef struct kt_device_info {
    char     name[64];
    char     kind[16];  // "cpu-avx512", "cpu-avx2", "cpu-base", "cpu-ref", "cuda"
    uint64_t memory_bytes;
    uint64_t computed;   // requests of this device that its GPU computed
    uint64_t replaced;   // those that the CPU computed because the GPU could not
    uint64_t resampled;  // pieces of streams that were resampled by the device's filter, to another rate
} kt_device_info_t;

// First pass: rows of n spans, out[n]. Second pass: chroma_stft before normalisation is never seen; out[n] are
// [frames][n_chroma], each frame divided by its largest value (a frame of zeros stays zero). One device per thread.
// KT_ENOMEM.
//
// A frame's bytes depend on its samples alone, not on the spans and calls that it comes with. A frame with a sample
// that is not finite, or whose total power is not a finite float, is NaN in every spectral row and in chroma and has no
// peaks (rms is NaN, infinite or huge, zcr counts signs); frames without such a sample are untouched by it.
//
// kt_device_cpu: opts NULL means the defaults. KT_ESETTING: an instruction set that is unknown, or not on this
// processor; KT_ENOMEM.
typedef struct kt_device_opts {
    const char *isa;  // "ref", "base", "avx2", "avx512" (kernels/isa.h); NULL, "" or "auto": the best
} kt_device_opts_t;
KT_MUST_USE kt_err_t kt_device_cpu(kt_device_t **self_p, const kt_device_opts_t *opts);
KT_MUST_USE kt_err_t kt_device_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *spans, size_t n,
                                        const kt_rows_t *out);
KT_MUST_USE kt_err_t kt_device_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *spans,
                                      size_t n, float *const *out);
// A file begins: all requests from here on are of it, and are computed in one place. may_leave: a GPU whose queue is
// long leaves the file to the CPU. Does nothing on a device that computes on the caller's thread.
void kt_device_begin_file(kt_device_t *self, bool may_leave);
// The same in two steps. begin starts the work and returns: a GPU has it in its queue, and *job_p is not NULL; a device
// that computes on the caller's thread has done it, and *job_p is NULL. What plan, span and out name stays in place,
// and is not touched, until end or cancel. end waits, and computes here what the GPU could not (KT_ENOMEM); cancel
// waits only for what is in flight, and the results are void. Both take NULL and null the job. One job after the other
// ends in the order of their beginnings or in any other.
typedef struct kt_device_job kt_device_job_t;
KT_MUST_USE kt_err_t         kt_device_begin_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *span,
                                                      const kt_rows_t *out, kt_device_job_t **job_p);
KT_MUST_USE kt_err_t         kt_device_begin_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning,
                                                    const kt_span_t *span, float *out, kt_device_job_t **job_p);
// Chroma of a constant-Q transform of n samples, [frames][12] (cqt.h). KT_EINVAL: not defined at the plan's rate and
// hop.
KT_MUST_USE kt_err_t kt_device_begin_chroma_cqt(kt_device_t *self, const kt_plan_t *plan, double tuning,
                                                const float *pcm, size_t n, size_t frames, float *out,
                                                kt_device_job_t **job_p);
// Rises of the span's mel rows, out: [frames][KT_RISE_WIDTH] (kernels/audio/rises.h).
KT_MUST_USE kt_err_t kt_device_begin_rises(kt_device_t *self, const kt_plan_t *plan, const kt_rise_span_t *span,
                                           uint16_t *out, kt_device_job_t **job_p);
// Rows of the bass, out: [rows][KT_BASS_WIDTH] (kernels/audio/bass.h). `bass` is used by the processor alone.
KT_MUST_USE kt_err_t kt_device_begin_bass(kt_device_t *self, kt_bass_t *bass, const kt_bass_span_t *span, uint16_t *out,
                                          kt_device_job_t **job_p);
// Spectral peaks of n samples in cents (kernels/audio/cents.h). `counter` is used by the processor alone.
KT_MUST_USE kt_err_t kt_device_begin_cents(kt_device_t *self, kt_cents_counter_t *counter, const float *samples,
                                           size_t n, kt_cents_t *out, kt_device_job_t **job_p);
// What is derived of a segment's rows (kernels/derived.h). Where they are of a first pass that was to keep its samples
// (kt_device_keep_samples), and were allowed to stay (kt_rows_t), a GPU may have mel, peak and valley alone, and it
// then keeps MFCC and contrast too: the caller's memory of these is for kt_device_columns alone, until forget.
KT_MUST_USE kt_err_t kt_device_begin_derived(kt_device_t *self, const kt_plan_t *plan, const kt_derived_t *rows,
                                             kt_device_job_t **job_p);
// Pieces of a file's stream at its own rate (kernels/audio/source.h), while the rest of it is decoded. takes: before
// the first request of the file; a GPU takes them unless it leaves the file to the CPU, or has no kernel or room for
// such pieces; a device that computes on the caller's thread never does. seconds: of the stream, 0: unknown. keeps:
// resampled mono, at the plan's rate, stays on the device for the first pass of the stream's first segment, if that is
// as long as the stream (kt_device_keep_samples).
bool kt_device_takes_pieces(kt_device_t *self, const kt_plan_t *plan, const kt_source_opts_t *opts, double seconds,
                            bool keeps);
// Whether pieces are to be resampled by the device: the filter is libsoxr's, the rounding is not.
bool kt_device_resamples(const kt_device_t *self);
// opts as given to takes, but for what is wanted; the results are in the piece after end.
KT_MUST_USE kt_err_t kt_device_begin_piece(kt_device_t *self, const kt_source_opts_t *opts, kt_source_piece_t *piece,
                                           kt_device_job_t **job_p);
// Memory for a piece's samples that a GPU reads where it is, instead of a copy. NULL: there is none. give: no piece in
// it is on its way.
void                *kt_device_take_pinned(kt_device_t *self, size_t bytes);
void                 kt_device_give_pinned(kt_device_t *self, void *memory);
KT_MUST_USE kt_err_t kt_device_end(kt_device_t *self, kt_device_job_t **job_p);
void                 kt_device_cancel(kt_device_t *self, kt_device_job_t **job_p);
// True: the job is over, end does not wait. Else done is called once when it is, by a thread that holds a lock: it may
// wake other threads, and neither waits nor calls the device.
typedef void kt_device_done_fn(void *context);
bool         kt_device_watch(kt_device_t *self, kt_device_job_t *job, kt_device_done_fn *done, void *context);
// Samples of a segment on a GPU. keep: the span of the next kt_device_begin_frontend stays there after its end, or is
// there already, if it begins the stream and pieces have brought all of it; requests whose samples lie within that span
// read them there, and do not bring them again. The caller does not change
// them until forget, which is called after the last of those requests, or the next keep. A GPU without room keeps
// nothing.
void kt_device_keep_samples(kt_device_t *self);
void kt_device_forget_samples(kt_device_t *self);
// Whether long spans at once are better than short ones as their samples come: each request has its price.
bool kt_device_gathers(const kt_device_t *self);
// Statistics of each picture of the span, out[span->n]. KT_EINVAL: a side above KT_IMAGE_MOST_SIDE.
KT_MUST_USE kt_err_t kt_device_images(kt_device_t *self, const kt_image_span_t *span, kt_image_stats_t *out);
// Statistics of columns (kernels/audio/columns.h): moments[width], quantile[width][quantiles]. Any values that are no
// NaN; ranks are exact on every device, sums are taken in an order of its own. KT_EINVAL: no frames, fewer than two
// quantiles; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_device_columns(kt_device_t *self, const kt_column_set_t *columns, kt_column_moments_t *moments,
                                       float *quantile);
// The kernels for work outside the device: loudness, samples, power spectra, and the functions below.
const kt_isa_t *kt_device_isa(const kt_device_t *self);
void            kt_device_info(const kt_device_t *self, kt_device_info_t *out);
void            kt_device_destroy(kt_device_t **self_p);

// Functions of a whole segment, in place or not; pure, any thread. `frames` rows of the width given by the plan.
// power_to_db(ref 1, amin 1e-10, top_db 80): the maximum is over the whole matrix; NaN stays NaN and leaves the others
// alone.
void kt_rows_to_db(const kt_isa_t *isa, const float *power, size_t count, float *db);
void kt_rows_contrast(const kt_isa_t *isa, const kt_plan_t *plan, const float *peak, const float *valley, size_t frames,
                      float *out);
void kt_rows_mfcc(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames,
                  float *out);  // [frames][n_mfcc]
// Onset envelope: mean over mels of max(0, S_t - S_(t-1)), shifted by 1 + n_fft/(2 hop) frames, cut to `frames`.
void kt_rows_onset(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames, float *out);
