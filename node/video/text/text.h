// kt_texts -- text in sampled pictures: lines found by the model ppocr_det and read by ppocr_rec. A line counts when
// the recogniser reads two letters or digits with a mean confidence of at least .5, and more where it has few: the
// detector alone finds text in faces, hands and leaves, and the recogniser reads "111" in a fence. visual.text_regions.
// One thread.
#pragma once

#include "models/catalogue/model_set.h"
#include "node/video/models/picture_model.h"
#include "node/video/models/sampled.h"
#include "proto/document.h"

typedef struct kt_texts kt_texts_t;

// *self_p stays NULL, and why says why, where a model cannot be used. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_texts_new(kt_texts_t **self_p, const kt_model_set_t *set, char why[KT_PICTURE_WHY]);
void                 kt_texts_destroy(kt_texts_t **self_p);
// As kt_faces_find.
KT_MUST_USE kt_err_t kt_texts_find(kt_texts_t *self, const kt_picture_t *picture, uint32_t factor, uint32_t sample);
KT_MUST_USE kt_err_t kt_texts_write(const kt_texts_t *self, const kt_sampled_t *samples, kt_document_t *document);
// Upper bound of its memory for pictures of this size.
uint64_t kt_texts_bytes(uint32_t width, uint32_t height);
