// kt_record -- movements of a film over time: totals, seconds, shots. A movement waits until the detector of shots has
// decided whether it leads across a change of shot; then it counts in its shot, or not at all. Bounded: the longest
// films get steps of several seconds. One instance per thread.
#pragma once

#include "common/err.h"
#include "common/json.h"
#include "node/video/shots.h"

enum { KT_DIRECTIONS = 8, KT_RECORD_QUEUE = 1024, KT_RECORD_SHOTS = 20000, KT_RECORD_BINS = 20000 };

// Movement of the content between two pictures, in percent of the width of the picture as shown; signs as shown.
typedef struct kt_step {
    double begin_s, end_s;
    float  distance;           // mean of the textured area
    float  to[KT_DIRECTIONS];  // distance by direction, from the right counter-clockwise; the sum is `distance`
    float  pan, tilt, zoom;    // of the camera: to the right, up; growth of the picture in percent
    float  moving;             // share of the textured area that moves clearly
    bool   has_camera, by_codec;
} kt_step_t;

typedef struct kt_motion_sum {
    double time_s, distance, static_s;
    double camera_s, pan, tilt, zoom;
} kt_motion_sum_t;

typedef struct kt_record {
    const kt_shots_t *shots;
    kt_step_t         queue[KT_RECORD_QUEUE];  // from `head`, `waiting` of them
    size_t            head, waiting;
    size_t            shot;   // of the last step that was counted
    kt_step_t         still;  // without movement; its length: time for which the next may wait
    bool              has_still;
    kt_motion_sum_t   all;  // pan, tilt, zoom: absolute
    double            codec_s, to[KT_DIRECTIONS];
    kt_motion_sum_t  *of_shot;
    size_t            shots_room;
    double           *bins;  // pairs: distance, time
    size_t            bins_n, bins_room;
    double            start_s, bin_s;
} kt_record_t;

void     kt_record_init(kt_record_t *self, const kt_shots_t *shots, double start_s);
void     kt_record_fini(kt_record_t *self);
kt_err_t kt_record_push(kt_record_t *self, const kt_step_t *step);  // in the order of time. KT_ENOMEM
kt_err_t kt_record_close(kt_record_t *self);                        // counts what waits. KT_ENOMEM
// Mean speed of each step of bin_s from start_s to end_s: at most `most` values. Where nothing was measured the value
// before it stands, or the one after it at the beginning.
size_t kt_record_speeds(const kt_record_t *self, double end_s, double *out, size_t most);
// [{begin, end, motion, pan, tilt, zoom, static}], the longest `most` shots in the order of time. NULL: out of memory.
json_t *kt_record_shots_json(const kt_record_t *self, double end_s, size_t most);
