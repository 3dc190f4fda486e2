// kt_analysis -- one streaming object: PCM in at the file's own rate and channels, features into a document at the end.
// The cut into chunks changes nothing: frames are on a fixed grid of samples, segments of at most ten minutes on a
// fixed grid of frames (kt_audio_segment_seconds: shorter ones of a long film). Up to one segment the values equal the
// reference library's; past it, per-segment matters (tuning, the top_db reference) are taken segment by segment and
// statistics are merged: mean, std, min, max exactly, the median from each segment's 257 quantiles (docs in track.c).
// Memory: one segment, whatever the length. One thread.
#pragma once

#include "common/err.h"
#include "kernels/device.h"
#include "models/catalogue/model_set.h"
#include "node/audio/segment_range.h"
#include "node/run/track.h"
#include "proto/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_analysis kt_analysis_t;

typedef struct kt_analysis_opts {
    const kt_plan_t *plan;    // shared, constant
    kt_device_t     *device;  // this thread's
    uint32_t         rate_hz, channels;
    uint32_t         segment_s;  // seconds of a full segment; 0: KT_SEGMENT_SECONDS
    double           seconds;    // expected length of the stream; 0: unknown
    const char      *layout;     // FFmpeg's name of the speakers; NULL or "": unknown. Needed only by new
    uint32_t         options;    // kt_option_t bits; others cost nothing
    kt_model_set_t  *models;     // borrowed; NULL: none, models_absent says why
    const char      *models_absent;
    size_t           patches;  // blocks that block models see; 0: all
    kt_frames_fn    *frames;   // NULL: none
    bool             each_segment;
    void            *context;
    uint32_t         first_segment, segments;  // a segment range (kt_analysis_merge); 0, 0: all
} kt_analysis_opts_t;

// A very long stream in segment ranges: one analysis each of segments first_segment .. + segments - 1 (0: to the end),
// which is fed exactly the frames [from, to) of kt_analysis_range, as far as the stream has them: half a
// minute before its own for everything with a memory (filters, windows of loudness, the frames an onset looks back to),
// four seconds after them, the reach of models. Then merges, from the first on, and finish on what has become the
// whole.

// Microseconds of each stage, for the result's header. modules: of those of node/audio/modules.h, by their place there.
enum { KT_STAGE_MODULES = 8 };
typedef struct kt_stage_us {
    int64_t resample, spectral, chroma, modules[KT_STAGE_MODULES];
} kt_stage_us_t;

KT_MUST_USE kt_err_t kt_analysis_new(kt_analysis_t **self_p, const kt_analysis_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                 kt_analysis_destroy(kt_analysis_t **self_p);
// Interleaved samples. NaN and Inf are taken as 0 and counted. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_analysis_push(kt_analysis_t *self, const float *pcm, size_t frames);
// The stream's end: no push follows, finish does. *pending: rows are on their way, and done is called once when finish
// need not wait for them (kt_device_watch); another thread may call finish then, even before this returns. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_analysis_end(kt_analysis_t *self, kt_device_done_fn *done, void *context, bool *pending);
// After the last push, once: features and statistics into the document. A stream without samples gives nulls with a
// reason.
KT_MUST_USE kt_err_t kt_analysis_finish(kt_analysis_t *self, kt_document_t *document);
// KT_EINVAL: a range that does not begin the stream, or more was pushed than it needs: merge first.

// The frames of the source that an analysis with these options is to be pushed.
void kt_analysis_range(const kt_analysis_t *self, kt_segment_range_t *out);
// *next_p continues where self ends: self becomes the analysis of both and may be pushed on from the end of *next_p (if
// that was the last one), merged and finished; *next_p is destroyed. KT_EINVAL (both as before): they do not adjoin,
// differ in their options, self was pushed less than it needs, or *next_p nothing of its own (then the stream ended
// before it, and self is all). KT_ENOMEM: both can only be destroyed.
//
// The results of finish, compared with one analysis of the whole on the same machine:
// - Where the file has the analysis rate, values differ by 1e-9 or less (relative), so that the message with its nine
//   digits is the same text. Modules that use segments only (spectral, key, rhythm, perceptual, similarity) get the
//   same segments: equal to the last bit with one segment per range; with more, sums of doubles are taken in another
//   order. Of loudness and quality the counts are equal; sums are taken in
//   another order, and filters began half a minute before: the K-weighting has decayed by then, that of the offset
//   of the low band (rumble, hum) is e^-15 of itself.
//   A model with states (BeatNet) begins anew before each segment (models/steps.h), so that its rows are the same ones.
// - At other rates the resampler, which works in blocks, rounds differently (libsoxr, 20 bits: 1e-6 of full scale per
//   sample), so spectral values, and values derived from them, differ by some 1e-6, except where a decision was a tie.
// - clipping_ratio: tops of two ranges whose peaks differ, but by less than 1e-4 of the peak, count together.
// - thd: where no one pitch is the most frequent in all ranges, the frames of the other pitches are left out.
KT_MUST_USE kt_err_t kt_analysis_merge(kt_analysis_t *self, kt_analysis_t **next_p);

void kt_analysis_stages(const kt_analysis_t *self, kt_stage_us_t *out);
// Peak memory that a file of this length needs here, for admission; seconds 0: unknown, so the most.
uint64_t kt_analysis_bytes(const kt_frontend_opts_t *opts, uint32_t segment_s, double seconds);
// Seconds of a full segment of a file's sound: KT_SEGMENT_SECONDS, of a film that is longer or of unknown length
// KT_SEGMENT_SHORT_SECONDS. A film of up to ten minutes and all sound without pictures have the values of one segment.
// The sound of a film of two hours has memory beside that of the pictures and of the container's index.
uint32_t kt_audio_segment_seconds(const kt_media_info_t *info);
