// kt_modules -- the parts that turn audio into features: one file and one row of this table each. The track
// (kt_analysis) computes exactly the matrices that the modules of the requested options read, and depends on nothing
// else of them.
#pragma once

#include "node/audio/models/models.h"
#include "node/audio/segment.h"
#include "node/audio/segment_range.h"
#include "proto/document.h"
#include "proto/job.h"

#include <stddef.h>
#include <stdint.h>

// The stream that is analysed. channels 0: a file without audio. layout: FFmpeg's name of the speakers, NULL or "":
// unknown; valid in `new` only.
typedef struct kt_stream {
    const kt_plan_t   *plan;
    uint32_t           rate_hz, channels;
    uint32_t           segment_s;  // seconds of a full segment
    const char        *layout;
    uint32_t           options;  // kt_option_t bits that are requested
    kt_device_t       *device;   // borrowed, for rows that the plan does not have; its kt_isa_t is the modules' too
    kt_segment_range_t range;    // the part of the stream that is analysed: all of it, or some of its segments
    kt_audio_models_t *models;   // of the analysis; results after kt_audio_models_close
} kt_stream_t;

typedef struct kt_module {
    const char *name;
    const char *stage;    // name under which its time is reported; several modules may share one
    uint32_t    options;  // kt_option_t bits, any of which requests this module
    uint32_t    reads;    // KT_READS bits of the matrices that it needs
    kt_err_t (*new)(void **state, const kt_stream_t *stream);
    // Interleaved samples at the file's own rate, finite, in chunks of any length, from range.from on. Those before
    // range.own bring filters into their state and are not counted; those after range.end are skipped. NULL: not
    // needed.
    kt_err_t (*push)(void *state, const float *pcm, size_t frames);
    // The segment that closes next, with at least one frame: its samples and the rows of the first pass are there, and
    // nothing derived. Begins what a device computes of them, which `segment` waits for. NULL: not needed.
    kt_err_t (*begin)(void *state, const kt_segment_t *segment);
    // What a device computed of a piece of the stream (kt_device_begin_piece), in order: of such a stream no samples
    // are pushed to this module. NULL: it needs the samples.
    kt_err_t (*piece)(void *state, const kt_source_piece_t *piece);
    // A closed segment with at least one frame, in order. NULL: not needed.
    kt_err_t (*segment)(void *state, const kt_segment_t *segment);
    // Const. A snapshot calls it in a copy of the process (node/run/snapshot.h); no module depends on that. A value
    // that cannot be computed becomes null with a reason. Modules finish in the order of the table; one that needs
    // values of earlier ones reads them from the document.
    kt_err_t (*finish)(const void *state, kt_document_t *document);
    // *state has seen one range, *next the adjoining one: *state becomes that of both and continues where *next
    // stopped; *next can only be destroyed afterwards. KT_ENOMEM.
    kt_err_t (*merge)(void **state, void **next);
    void (*destroy)(void **state);
} kt_module_t;

extern const kt_module_t kt_module_spectral;
extern const kt_module_t kt_module_loudness;
extern const kt_module_t kt_module_rhythm;
extern const kt_module_t kt_module_key;
extern const kt_module_t kt_module_quality;
extern const kt_module_t kt_module_perceptual;
extern const kt_module_t kt_module_models;
extern const kt_module_t kt_module_similarity;

enum { KT_MODULES = 8 };
extern const kt_module_t *const kt_modules[KT_MODULES];

// Matrices that --frames writes, by the names of the feature table.
typedef struct kt_frames_row {
    kt_feature_t feature;
    kt_matrix_t  matrix;
} kt_frames_row_t;
extern const kt_frames_row_t kt_frames_rows[];
extern const size_t          kt_frames_rows_count;
