// kt_video_modules -- the parts that turn pictures into features: one file (or folder) and one row of this table each.
// The track (track.h) prepares each picture once and passes it to every module of the requested options.
#pragma once

#include "kernels/device.h"
#include "models/catalogue/model_set.h"
#include "node/decode/media_info.h"
#include "node/decode/video_frame.h"
#include "proto/document.h"
#include "proto/job.h"

#include <stdbool.h>

typedef struct kt_shots kt_shots_t;  // shots.h

// The stream that is analysed; valid as long as the module. Pointers are borrowed.
typedef struct kt_video_stream {
    const kt_media_info_t *media_info;  // valid in `new` only
    double                 duration_s;  // declared length of the file; 0: unknown
    uint32_t               rotation;    // 0, 90, 180, 270: clockwise, to show the picture
    bool                   mirrored;    // and then left to right
    bool                   full_range;  // of Y, U, V
    uint32_t               options;     // kt_option_t bits that are requested
    kt_device_t           *device;
    kt_model_set_t        *models;  // NULL: none, models_absent says why
    const char            *models_absent;
    const char            *mode;         // ANALYZER_VIDEO_MODE
    const char            *scene_model;  // ANALYZER_VIDEO_SCENE_MODEL
    size_t                 pictures;     // ANALYZER_VIDEO_PICTURES
    double                 sample_hz;    // frame_sample_rate of models.yml
    size_t                 sample_max;   // max_frames of models.yml
    const kt_shots_t      *shots;  // of the same track: decided up to some pictures before the last one that was pushed
} kt_video_stream_t;

// One picture, prepared. Valid during the call.
typedef struct kt_video_picture {
    const kt_video_frame_t *frame;
    // Packed RGB of the reduced planes at the size of their chroma: each pixel from one U, one V and the mean of its
    // (up to) four Y, by the stream's matrix, full range.
    const uint8_t          *rgb;
    uint32_t                width, height;
    const kt_image_stats_t *stats;     // of rgb, without changes against another picture
    kt_image_measures_t     measures;  // of stats
} kt_video_picture_t;

typedef struct kt_video_module {
    const char *name;
    const char *stage;    // name under which its time is reported: "video_..."
    uint32_t    options;  // kt_option_t bits, any of which requests this module
    kt_err_t (*new)(void **state, const kt_video_stream_t *stream);    // KT_ENOMEM
    kt_err_t (*push)(void *state, const kt_video_picture_t *picture);  // in the order of presentation. KT_ENOMEM
    // end_s: end of the last picture. Modules finish in the order of the table; shots are complete before the first.
    // A value that cannot be computed becomes null with a reason.
    kt_err_t (*finish)(void *state, double end_s, kt_document_t *document);
    void (*destroy)(void **state);
    // Upper bound of the module's memory for a film of this length; seconds 0: unknown.
    uint64_t (*bytes)(const kt_media_info_t *media_info, double seconds);
    uint64_t (*model_bytes)(const kt_media_info_t *media_info);  // what its models add, where there are any; NULL: none
    kt_model_kind_t model_kind;                                  // of those models
} kt_video_module_t;

extern const kt_video_module_t kt_video_look;     // look/look.c
extern const kt_video_module_t kt_video_motion;   // motion/motion.c
extern const kt_video_module_t kt_video_quality;  // quality/quality.c
extern const kt_video_module_t kt_video_models;   // models.c

extern const kt_video_module_t *const kt_video_modules[];  // NULL behind the last
