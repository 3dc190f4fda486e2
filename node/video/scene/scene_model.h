// kt_scene_model -- the model scene_detector (TransNet V2) on the consecutive pictures of a film: for each picture the
// probability that a shot ends with it. The file states the size of the pictures, how many a run is about, and how many
// around them it needs (models/input/image_input.h); every run has the same size, so that its results do not depend on
// how pictures arrive. Pictures of the last run wait, no others. One thread.
#pragma once

#include "models/catalogue/model_set.h"
#include "node/video/models/picture_model.h"

typedef struct kt_scene_model kt_scene_model_t;

typedef struct kt_scene_row {
    uint64_t index;    // of the picture
    double   time_s;   // of the picture
    float    last;     // probability that it is the last one of a shot
    float    between;  // that it is a part of a gradual change
} kt_scene_row_t;

// *self_p stays NULL, and why says why, where the model of the set cannot be used. rotation: clockwise, to show the
// pictures: 0, 90, 180, 270. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scene_model_new(kt_scene_model_t **self_p, const kt_model_set_t *set, uint32_t rotation,
                                        char why[KT_PICTURE_WHY]);
void                 kt_scene_model_destroy(kt_scene_model_t **self_p);
// The next picture, as coded; repeated: it is the one before. rows: those that are known now, none or those of a run;
// valid until the next call. KT_ENOMEM; KT_EMODEL, KT_EDEVICE: the model cannot be run.
KT_MUST_USE kt_err_t kt_scene_model_push(kt_scene_model_t *self, const kt_picture_t *picture, bool repeated,
                                         uint64_t index, double time_s, const kt_scene_row_t **rows, size_t *n);
// After the last picture, until *n is 0: the rows that are left. Errors as of push.
KT_MUST_USE kt_err_t    kt_scene_model_close(kt_scene_model_t *self, const kt_scene_row_t **rows, size_t *n);
const kt_model_entry_t *kt_scene_model_entry(const kt_scene_model_t *self);

// Upper bound of its memory with the model of the default set.
uint64_t kt_scene_model_bytes(void);
