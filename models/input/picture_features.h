// kt_picture_features -- what a model of statistics reads of a picture, as its file names it: members of "input" with
// kind "picture_features":
//   features: "brisque": 36 numbers of the luma (Mittal, Moorthy, Bovik 2012; as the package brisque 0.2.0 computes
//     them, but of luma in place of skimage's grey), at two scales. Per scale the fits of an asymmetric generalised
//     Gaussian: of the locally normalised brightness the shape and the mean of both variances; of its products with the
//     neighbours to the right, below, below right and above right each the shape, the mean, and the variances below and
//     above 0. The second scale is half as large (OpenCV's bicubic, without smoothing).
// tests/oracle/brisque.py compares them with the package's formulas. One instance per thread.
#pragma once

#include "common/err.h"
#include "kernels/isa.h"
#include "models/format/ktm.h"

enum { KT_BRISQUE_FEATURES = 36, KT_BRISQUE_LEAST_SIDE = 16 };

typedef enum kt_picture_features_kind { KT_FEATURES_BRISQUE } kt_picture_features_kind_t;
// KT_EMODEL: why names the member.
KT_MUST_USE kt_err_t kt_picture_features_read(kt_picture_features_kind_t *out, const kt_ktm_t *file,
                                              char why[KT_KTM_WHY]);

// 8-bit luma; black and gain bring it to 0 .. 255: (y - black) * gain.
typedef struct kt_luma {
    const uint8_t *y;
    uint32_t       width, height;
    size_t         stride;
    float          black, gain;
} kt_luma_t;

typedef struct kt_brisque kt_brisque_t;

KT_MUST_USE kt_err_t kt_brisque_new(kt_brisque_t **self_p, const kt_isa_t *isa);  // KT_ENOMEM
void                 kt_brisque_destroy(kt_brisque_t **self_p);
// Memory of pictures of this size.
size_t kt_brisque_bytes(uint32_t width, uint32_t height);
// KT_EINVAL: a side is below KT_BRISQUE_LEAST_SIDE, or the picture has no such statistics, as a uniform one. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_brisque_compute(kt_brisque_t *self, const kt_luma_t *luma, float out[KT_BRISQUE_FEATURES]);
