// kt_segment -- up to ten minutes of one stream, of a long film less: its mono samples at the analysis rate and the
// rows of its frames. Frames are on the stream's grid (centred at t * hop), segments on a grid of frames. The samples
// that a frame at a border needs of its neighbours are kept, so a border changes no row. Rows are computed in batches
// of fixed frames while samples arrive, or by a device that gathers (kernels/device.h) all at once; tuning, then
// chroma, the constant-Q transform and the top_db floor of mel's decibels need the whole segment and are computed by
// close.
// Buffers grow with the stream up to one segment and are then reused. One thread.
#pragma once

#include "common/err.h"
#include "kernels/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Everything that a module may read of a segment, [frames][width]: the device's rows by their own numbers, then the
// matrices derived from them.
typedef enum kt_matrix {
    KT_MATRIX_CENTROID  = KT_ROW_CENTROID,
    KT_MATRIX_BANDWIDTH = KT_ROW_BANDWIDTH,
    KT_MATRIX_ROLLOFF   = KT_ROW_ROLLOFF,
    KT_MATRIX_FLATNESS  = KT_ROW_FLATNESS,
    KT_MATRIX_ZCR       = KT_ROW_ZCR,
    KT_MATRIX_RMS       = KT_ROW_RMS,
    KT_MATRIX_PEAK      = KT_ROW_PEAK,
    KT_MATRIX_VALLEY    = KT_ROW_VALLEY,
    KT_MATRIX_MEL       = KT_ROW_MEL,
    KT_MATRIX_MFCC      = KT_ROWS,
    KT_MATRIX_CONTRAST,
    KT_MATRIX_ONSET,
    KT_MATRIX_CHROMA,
    KT_MATRIX_CHROMA_CQT,
    KT_MATRIX_TONNETZ,  // of chroma_cqt
    KT_MATRIX_BANDS,    // sums of four neighbouring mel bands
    KT_MATRICES
} kt_matrix_t;

#define KT_READS(matrix) (1u << (matrix))
#define KT_READS_SAMPLES (1u << 31)  // no matrix, but the samples of the segment
// Values of mel, peak, valley, MFCC and contrast, and not their statistics alone (kt_device_columns): else a GPU may
// keep the rows of a stream of one segment, and kt_segment_matrix only names them.
#define KT_READS_VALUES (1u << 30)
// Seconds of a segment: of a stream, and of one whose memory is to be small though it is long.
enum { KT_SEGMENT_SECONDS = 600, KT_SEGMENT_SHORT_SECONDS = 150, KT_BATCH_FRAMES = 256 };

typedef struct kt_segment kt_segment_t;

// seconds: of a full segment. reads: KT_READS bits; what they are derived from is added. The device and the plan stay
// the caller's. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_segment_new(kt_segment_t **self_p, const kt_plan_t *plan, kt_device_t *device, uint32_t seconds,
                                    uint32_t reads);
void                 kt_segment_destroy(kt_segment_t **self_p);

// Before the first sample: the segment is that of this number on the grid. Feeding then begins with sample
// kt_segment_from of the stream at the analysis rate, where the frames begin that its neighbour hands over.
void     kt_segment_start(kt_segment_t *self, uint32_t number);
uint64_t kt_segment_from(const kt_segment_t *self);
// Takes samples until the segment is full; *taken < n: call close, read it, call next, and feed the rest.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_segment_feed(kt_segment_t *self, const float *samples, size_t n, size_t *taken);
// The stream's last sample is in. From now on only kt_segment_padding zeros are fed, which no zero crossing counts.
void   kt_segment_end(kt_segment_t *self);
size_t kt_segment_padding(const kt_segment_t *self);  // zeros that follow the last sample: n_fft / 2
// Starts the rows that are left of the stream's last segment; close goes on from there. No sample is fed in between.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_segment_begin_close(kt_segment_t *self);
// Between the two: true where close has nothing to wait for. Else done is called once, as kt_device_watch says.
bool kt_segment_watch(kt_segment_t *self, kt_device_done_fn *done, void *context);
// The rows that are left; starts what is derived of them on the device. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_segment_begin_derived(kt_segment_t *self);
// Everything derived; begins what was not begun. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_segment_close(kt_segment_t *self);
void                 kt_segment_next(kt_segment_t *self);  // after close: the next one, with frames of this one

size_t       kt_segment_frames(const kt_segment_t *self);                      // rows there are; complete after close
const float *kt_segment_matrix(const kt_segment_t *self, kt_matrix_t matrix);  // after close; NULL if it is not read
size_t kt_segment_width(const kt_segment_t *self, kt_matrix_t matrix);  // 0: not defined at this rate, n_fft or hop
// The segment's own mono samples at the analysis rate, borrowed until next: sample i of the segment is sample
// kt_segment_first + i of the stream. Frame t is centred at sample t * hop. The tenth of a second before them,
// [-rate / 10, 0), can be read too: that of the segment before, zeros before the stream's start.
const float     *kt_segment_samples(const kt_segment_t *self, size_t *n);
uint64_t         kt_segment_first(const kt_segment_t *self);
const kt_plan_t *kt_segment_plan(const kt_segment_t *self);
// Microseconds in the first pass, and in tuning and chroma, of all segments so far.
void kt_segment_times(const kt_segment_t *self, int64_t *spectral_us, int64_t *chroma_us);
void kt_segment_add_times(kt_segment_t *self, const kt_segment_t *before);  // adds those of the range before

size_t kt_segment_max_frames(const kt_frontend_opts_t *opts, uint32_t seconds);  // of a full segment
size_t kt_matrix_width(const kt_plan_t *plan, kt_matrix_t matrix);
// Upper bound of what a segment with this many frames takes, with everything read; bytes.
uint64_t kt_segment_bytes(const kt_frontend_opts_t *opts, size_t frames);
