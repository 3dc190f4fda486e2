// kt_match -- block matching on the reduced luma, against a picture that is kept. Coarse search at a quarter of the
// size, in steps of 4, 2, 1 of its pixels; then, block by block, the best of no movement, the coarse one and those of
// the neighbours, and descent from there; last a fraction of a pixel by the derivatives (Lucas and Kanade 1981; without
// the mean of the block, so that a change of brightness is no movement). One instance per thread.
#pragma once

#include "common/err.h"
#include "node/video/motion/camera.h"

typedef struct kt_match {
    const kt_block_ops_t *ops;
    uint32_t              width, height;
    uint8_t              *luma;        // [height][width] of the picture that is kept
    uint8_t              *quarter[2];  // of the picture that is kept, and of the one that is looked at
    bool                  made[2];     // quarter[.] is that of its picture
} kt_match_t;

KT_MUST_USE kt_err_t kt_match_init(kt_match_t *self, const kt_block_ops_t *ops, uint32_t width, uint32_t height);
void                 kt_match_fini(kt_match_t *self);
// The picture to compare with from now on; after kt_match_run the one that it looked at.
void kt_match_keep(kt_match_t *self, const kt_yuv_t *yuv);
// Movement since the picture that is kept. out: of kt_field_init. guess: a movement to try first, reduced pixels.
void kt_match_run(kt_match_t *self, const kt_yuv_t *yuv, const float guess[2], kt_field_t *out);
// Checks the movements of kt_field_from_vectors against both pictures, and improves them by a fraction of a pixel: a
// codec may predict from a picture before the one that is kept, and takes what costs the fewest bits. Returns the share
// of the textured area whose movement is confirmed; the others count a quarter, unless they are few.
float kt_match_confirm(kt_match_t *self, const kt_yuv_t *yuv, kt_field_t *field);
// After either, of the same picture: cells that fit the movement of the camera as well as their own, but for
// noise, get that of the camera. Without a camera: no movement.
void kt_match_settle(const kt_match_t *self, const kt_yuv_t *yuv, const kt_camera_t *camera, kt_field_t *field);
