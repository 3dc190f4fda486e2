// kt_track -- one kind of content of a file. A source gives chunks, each of one track; a track turns its chunks into
// features. run/file.c loops over its table of tracks for admission, push, finish and stage times, and uses nothing
// else of them. A new kind is a row of that table and a member of kt_chunk_t. A track belongs to one thread.
#pragma once

#include "kernels/device.h"
#include "models/catalogue/model_set.h"
#include "node/decode/media_info.h"
#include "node/decode/video_frame.h"
#include "proto/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_track_kind { KT_TRACK_AUDIO, KT_TRACK_VIDEO, KT_TRACKS } kt_track_kind_t;

// Decoded content, valid until the next read.
typedef struct kt_chunk {
    kt_track_kind_t track;
    double          end_s;  // content of the stream up to the end of this chunk
    union {
        struct {
            const float *pcm;  // interleaved, at the file's own rate and channels
            size_t       frames;
        } audio;
        const kt_video_frame_t *picture;
    };
} kt_chunk_t;

// Per-frame matrices, row-major [frames][width]: of the one segment of a file of up to ten minutes (for --frames),
// called in finish; or of each segment when it is complete (for plots).
typedef void kt_frames_fn(void *context, const char *feature, const float *rows, size_t frames, size_t width);

// A shot has ended: its first picture, the first one behind it or of the change that leads to the next shot. In the
// order of shots, while chunks are pushed, the last one in finish.
typedef void kt_shot_fn(void *context, double begin_s, double end_s);

typedef struct kt_track_opts {
    const kt_plan_t       *plan;        // shared, constant
    kt_device_t           *device;      // this thread's
    const kt_media_info_t *media_info;  // needed by `new` alone
    uint32_t               options;     // kt_option_t bits of the job
    kt_model_set_t        *models;      // borrowed; NULL: none, models_absent says why
    const char            *models_absent;
    size_t                 patches;      // ANALYZER_MODEL_PATCHES
    size_t                 pictures;     // ANALYZER_VIDEO_PICTURES
    const char            *video_mode;   // ANALYZER_VIDEO_MODE; valid as long as the track
    const char            *scene_model;  // ANALYZER_VIDEO_SCENE_MODEL; likewise
    double                 sample_hz;    // frame_sample_rate of models.yml
    size_t                 sample_max;   // max_frames of models.yml
    kt_frames_fn          *frames;       // NULL: none
    kt_shot_fn            *shot;         // NULL: none
    bool                   each_segment;
    void                  *context;  // of frames and shot
    char                  *why;      // KT_TRACK_WHY bytes for a sentence part where `new` fails; NULL: not asked for
} kt_track_opts_t;

enum { KT_TRACK_WHY = 160 };

// Any of these options requests pictures.
enum { KT_VIDEO_OPTIONS = KT_OPTION_VISUAL | KT_OPTION_QUALITY };

typedef void kt_stage_fn(void *context, const char *name, int64_t us);

typedef struct kt_track_ops {
    const char *name;
    bool        snapshot;  // finish may run in a forked copy of a process with one thread and the processor as device;
                           // streams do without a track that cannot
    // Whether the job's options request features of this track. Of a file without its content it writes why they are
    // null.
    bool (*wanted)(uint32_t options, const kt_media_info_t *media_info);
    // Peak memory of a file of this length, for admission; seconds 0: unknown, so the most. Of opts without `device`.
    uint64_t (*bytes)(const kt_track_opts_t *opts, double seconds);
    kt_err_t (*new)(void **self_p, const kt_track_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
    kt_err_t (*push)(void *self, const kt_chunk_t *chunk);        // in order; the cut into chunks changes no feature
    // After the last push, at most once, before finish. *pending: the device has work of it, and done is called once
    // when finish need not wait; another thread may go on then, even before this returns. NULL: nothing to begin.
    kt_err_t (*end)(void *self, kt_device_done_fn *done, void *context, bool *pending);
    kt_err_t (*finish)(void *self, kt_document_t *document);  // once, after the last push
    // *next_p continues where self ends: self becomes the track of both, *next_p is destroyed.
    kt_err_t (*merge)(void *self, void **next_p);
    void (*stages)(const void *self, kt_stage_fn *add, void *context);  // microseconds per stage so far
    void (*destroy)(void **self_p);
} kt_track_ops_t;

extern const kt_track_ops_t kt_audio_track;  // node/audio/track_ops.c
extern const kt_track_ops_t kt_video_track;  // node/video/track.c
