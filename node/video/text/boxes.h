// kt_text_boxes -- boxes around lines of text from the probability map of PP-OCR's detector, as its post-processing
// makes them (Liao et al. 2020, differentiable binarization; RapidOCR's parameters): points above MASK, dilated by a
// block of 2 x 2; of each connected component the rectangle of least area; kept where the mean probability in it is at
// least SCORE; grown by area x GROW / perimeter on each side, because the detector is trained on shrunk regions. Holes
// of a component are no boxes of their own. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

enum { KT_TEXT_BOXES = 96 };  // of one picture: the largest

typedef struct kt_point {
    float x, y;
} kt_point_t;

typedef struct kt_text_box {
    kt_point_t corner[4];  // clockwise from the upper left one, in points of the map; may lie outside of it
    float      score;
} kt_text_box_t;

// map: [rows][cols], probabilities. The largest first. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_text_boxes(const float *map, size_t rows, size_t cols, kt_text_box_t out[KT_TEXT_BOXES],
                                   size_t *n);
