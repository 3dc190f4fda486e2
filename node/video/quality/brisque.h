// kt_quality_model -- the model quality_assessor (BRISQUE) on one picture at a time: its features (picture_features.h)
// and the regression of its file. One thread.
#pragma once

#include "node/video/modules.h"
#include "node/video/quality/measures.h"

typedef struct kt_quality_model kt_quality_model_t;

enum { KT_QUALITY_WHY = 200 };

// *self_p stays NULL, and why says why, where the model is not asked for, not installed, or another one. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_quality_model_new(kt_quality_model_t **self_p, const kt_video_stream_t *stream,
                                          char why[KT_QUALITY_WHY]);
void                 kt_quality_model_destroy(kt_quality_model_t **self_p);
// About 0 (good) to 100; NAN: the picture has no such statistics. KT_ENOMEM, KT_EDEVICE.
KT_MUST_USE kt_err_t    kt_quality_model_run(kt_quality_model_t *self, const kt_plane_t *plane, double *out);
const kt_model_entry_t *kt_quality_model_entry(const kt_quality_model_t *self);
// Memory for pictures of this size, besides the model file.
uint64_t kt_quality_model_bytes(uint32_t width, uint32_t height);
