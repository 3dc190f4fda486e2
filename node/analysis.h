// kt_analysis -- one streaming object: PCM in at the file's own rate and channels, features into a document at the end.
// The cut into chunks changes nothing: frames lie on a fixed grid of samples, segments of at most ten minutes on a
// fixed grid of frames. Up to one segment the values equal the reference library's; past it, per-segment matters
// (tuning, the top_db reference) are taken segment by segment and statistics are merged: mean, std, min, max exactly,
// the median from each segment's 257 quantiles (docs in analysis.c). Memory: one segment, whatever the length. One
// thread.
#pragma once

#include "common/err.h"
#include "common/settings.h"
#include "kernels/device.h"
#include "proto/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_analysis kt_analysis_t;

// Per-frame matrices, row-major [frames][width]: of the one segment that files up to ten minutes have (for --frames),
// called in finish; or of each segment when it is complete (for plots).
typedef void kt_frames_fn(void *context, const char *feature, const float *rows, size_t frames, size_t width);

typedef struct kt_analysis_opts {
    const kt_plan_t *plan;    // shared, constant
    kt_device_t     *device;  // this thread's
    uint32_t         rate_hz, channels;
    const char      *layout;   // FFmpeg's name of the speakers; NULL or "": unknown. Needed by new alone
    uint32_t         options;  // kt_option_t bits: what is left out costs nothing
    kt_frames_fn    *frames;   // NULL: none
    bool             each_segment;
    void            *context;
} kt_analysis_opts_t;

// Microseconds of each stage, for the result's header.
typedef struct kt_stage_us {
    int64_t resample, spectral, chroma, summary;
} kt_stage_us_t;

KT_MUST_USE kt_err_t kt_analysis_new(kt_analysis_t **self_p, const kt_analysis_opts_t *opts);
void                 kt_analysis_destroy(kt_analysis_t **self_p);
// Interleaved samples. NaN and Inf are taken as 0 and counted. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_analysis_push(kt_analysis_t *self, const float *pcm, size_t frames);
// After the last push, once: features and statistics into the document. A stream without samples gives nulls with a
// reason.
KT_MUST_USE kt_err_t kt_analysis_finish(kt_analysis_t *self, kt_document_t *document);
// The message of what was pushed so far, exactly as if the stream ended here, one line with "snapshot": true; the
// stream goes on and its end is the same with and without snapshots. A copy of this process (fork, whose pages are
// shared until one side writes) finishes the stream and the document there; here both stay as they are. So the process
// must have this one thread only, and the device must be the processor: `kithara analyze -`, not a node's worker. Takes
// what finish takes, and as much memory again at most, for that long. KT_EDOCUMENT (with why), KT_ETIME, KT_ESYSTEM,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_analysis_snapshot(const kt_analysis_t *self, const kt_document_t *document,
                                          const kt_stamp_t *stamp, kt_buf_t *out, char why[KT_DOCUMENT_WHY]);
void                 kt_analysis_stages(const kt_analysis_t *self, kt_stage_us_t *out);
// Peak memory that a file of this length needs here, for admission; seconds 0: unknown, so the most.
uint64_t kt_analysis_bytes(const kt_frontend_opts_t *opts, double seconds);
