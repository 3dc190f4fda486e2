// kt_shots -- where shots begin: cuts, fades, dissolves and wipes, decided while pictures arrive. A shot is entered
// when the pictures that follow its begin have been seen, and then stays as it is: the list ends at most
// KT_SHOTS_DELAY_S before the last picture that was pushed (of films with fewer than five pictures per second, some
// pictures more). One thread; the others read.
//
// Times are presentation times of the first picture of the new shot, from the file's begin; after a gradual
// change of the first one that shows it alone. What is compared, and why, is described at the top of shots.c.
//
// With ANALYZER_VIDEO_SCENE_MODEL the model scene_detector is asked too, and the list is that of both
// (scene/scene_join.h).
#pragma once

#include "node/video/modules.h"
#include "node/video/shots/shot.h"

#define KT_SHOTS_DELAY_S 8.5

KT_MUST_USE kt_err_t kt_shots_new(kt_shots_t **self_p, const kt_video_stream_t *stream);  // KT_ENOMEM
void                 kt_shots_destroy(kt_shots_t **self_p);
KT_MUST_USE kt_err_t kt_shots_push(kt_shots_t *self, const kt_video_picture_t *picture);  // KT_ENOMEM
void                 kt_shots_close(kt_shots_t *self);  // the stream's end: decides what is open
// scene_changes, transitions, scene_decisions.
void kt_shots_write(const kt_shots_t *self, kt_document_t *document);

// Upper bound of its memory, whatever the film; model: with the model scene_detector.
uint64_t kt_shots_bytes(bool model);

size_t           kt_shots_count(const kt_shots_t *self);  // at least 1 after the first push
const kt_shot_t *kt_shots_at(const kt_shots_t *self, size_t i);
// Changes that begin before this time are in the list: KT_SHOTS_DELAY_S before the last picture, or, with the model,
// earlier where its runs take longer.
double kt_shots_decided_s(const kt_shots_t *self);
// The shot of this time among those that are decided so far.
size_t kt_shots_find(const kt_shots_t *self, double time_s);
