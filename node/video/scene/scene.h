// kt_scene -- the second opinion about shots: the model scene_detector beside the detector of signals (shots.h), and
// the list of shots of both (scene_join.h). A model that fails while the film is read leaves the rest to the detector.
// One thread.
#pragma once

#include "node/video/scene/scene_join.h"

typedef struct kt_scene kt_scene_t;

// *self_p stays NULL, and why says why, where the model of the set cannot be used. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scene_new(kt_scene_t **self_p, const kt_model_set_t *set, uint32_t rotation,
                                  char why[KT_PICTURE_WHY]);
void                 kt_scene_destroy(kt_scene_t **self_p);
// The next picture of the film, and the detector's shots after it: settled and settled_s as of kt_scene_join_until.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scene_push(kt_scene_t *self, const kt_picture_t *picture, bool repeated, uint64_t index,
                                   double time_s, const kt_shot_list_t *detected, size_t settled, double settled_s);
// The film's end; detected: all shots. KT_ENOMEM.
KT_MUST_USE kt_err_t     kt_scene_close(kt_scene_t *self, const kt_shot_list_t *detected);
const kt_shot_list_t    *kt_scene_list(const kt_scene_t *self);
double                   kt_scene_decided_s(const kt_scene_t *self);  // as kt_scene_join_decided_s
const kt_scene_counts_t *kt_scene_counts(const kt_scene_t *self);
const kt_model_entry_t  *kt_scene_entry(const kt_scene_t *self);
const char              *kt_scene_failed(const kt_scene_t *self);  // why the model stopped; NULL: it has not
// Upper bound of its memory with the model of the default set.
uint64_t kt_scene_bytes(void);
