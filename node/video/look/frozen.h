// kt_frozen -- whether a picture equals the one with which the current part began, but for the noise of coding. One
// instance per thread.
#pragma once

#include "common/err.h"
#include "kernels/image/blocks.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>

typedef struct kt_frozen {
    const kt_block_ops_t *ops;
    uint8_t              *luma;  // [height][width], of the first picture of the part
    uint32_t              width, height;
    double                pulse_s;  // when a still was last coded anew
    uint32_t              pulses;   // without a quiet second between them
} kt_frozen_t;

void kt_frozen_fini(kt_frozen_t *self);
// *same: false for the first picture, and for one that differs; it then begins the next part. KT_ENOMEM.
kt_err_t kt_frozen_push(kt_frozen_t *self, const kt_video_frame_t *frame, bool *same);
