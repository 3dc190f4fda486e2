// kt_scene_join -- one list of shots from two opinions: the shots that the detector of signals found (shots.h), and the
// probabilities of the model scene_detector. The rule:
//   - A cut of the detector stands unless the model gives all pictures around it less than KT_SCENE_REFUSED.
//   - A gradual change of the detector stands.
//   - Consecutive pictures of which one is a shot's last one with KT_SCENE_ADDED or more begin a shot that the detector
//     does not have near: a cut, or a dissolve where they are more than KT_SCENE_CUT_ROWS.
// Near is KT_SCENE_NEAR pictures of a cut, KT_SCENE_SLACK_S of a gradual change. Where the model gave no probability
// the detector's shots stand. Shots are joined in the order of time, when both are decided. One thread.
#pragma once

#include "node/video/scene/scene_model.h"
#include "node/video/shots/list.h"

#define KT_SCENE_REFUSED 0.001F
#define KT_SCENE_ADDED 0.8F
#define KT_SCENE_BETWEEN 0.5F  // of a picture within a gradual change
#define KT_SCENE_SLACK_S 0.5

enum { KT_SCENE_NEAR = 3, KT_SCENE_CUT_ROWS = 3, KT_SCENE_ROWS = 8192 };

typedef struct kt_scene_counts {
    size_t both, detector, model;  // shots that begin by both, by one alone
    size_t refused;                // cuts of the detector that the model refused
} kt_scene_counts_t;

typedef struct kt_scene_join {
    kt_shot_list_t    list;                 // joined
    kt_scene_counts_t counts;               // of list
    kt_scene_row_t    rows[KT_SCENE_ROWS];  // a ring
    uint64_t          begin, next, end;     // serial numbers: the oldest row, the first not yet joined, behind the last
    uint64_t          run;                  // serial number of the first row of the present run; next: there is none
    float             best;                 // the highest probability of the run
    size_t            taken;                // shots of the detector that are joined
} kt_scene_join_t;

void kt_scene_join_init(kt_scene_join_t *self);
void kt_scene_join_fini(kt_scene_join_t *self);
// The next probabilities of the model, in the order of pictures. detected: as of kt_scene_join_until: where there is no
// room, the oldest rows are joined with what is known. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scene_join_add(kt_scene_join_t *self, const kt_scene_row_t *rows, size_t n,
                                       const kt_shot_list_t *detected, size_t settled);
// Joins what is decided: the first `settled` shots of the detector's list, which has all shots that begin before
// settled_s (INFINITY: all of the film, and there are no more rows). KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scene_join_until(kt_scene_join_t *self, const kt_shot_list_t *detected, size_t settled,
                                         double settled_s);
// All shots that begin before this time are in the list.
double kt_scene_join_decided_s(const kt_scene_join_t *self);
