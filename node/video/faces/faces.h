// kt_faces -- faces in sampled pictures by the model centerface: visual.faces and visual.faces_detected. One thread.
#pragma once

#include "models/catalogue/model_set.h"
#include "node/video/models/picture_model.h"
#include "node/video/models/sampled.h"
#include "proto/document.h"

typedef struct kt_faces kt_faces_t;

// *self_p stays NULL, and why says why, where the model cannot be used. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_faces_new(kt_faces_t **self_p, const kt_model_set_t *set, char why[KT_PICTURE_WHY]);
void                 kt_faces_destroy(kt_faces_t **self_p);
// picture: as shown; factor: coded pixels per pixel of it; sample: its number, rising from 0. A picture that the model
// cannot be run on makes the features null. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_faces_find(kt_faces_t *self, const kt_picture_t *picture, uint32_t factor, uint32_t sample);
// samples: all that were looked at, with their shots. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_faces_write(kt_faces_t *self, const kt_sampled_t *samples, kt_document_t *document);
// The features, null for this reason.
void kt_faces_null(kt_document_t *document, const char *reason);
// Upper bound of its memory for pictures of this size.
uint64_t kt_faces_bytes(uint32_t width, uint32_t height);
