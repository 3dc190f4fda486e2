// kt_text_regions -- lines of text that were read in several samples, as one region each: the same place (overlap of at
// least SAME_PLACE) and nearly the same letters in consecutive samples of one shot. Its box and text are those of the
// most confident reading. Pure; any thread.
//
// A region is a caption (laid over the picture) if it is horizontal and rich in contrast, and either stays exactly
// where it is while the picture around it changes, or lies in the lower third of a picture; else it is part of the
// scene.
#pragma once

#include "common/err.h"
#include "node/video/models/sampled.h"
#include "node/video/text/ctc.h"

#include <stdbool.h>

typedef struct kt_text_line {
    float    x, y, width, height;  // upright box in pixels of the picture as shown
    float    slope;                // of its longer side against the horizontal: sine, 0 to 1
    float    contrast;             // between its dark and its light points, 0 to 1
    float    confidence;
    uint32_t sample;
    char    *text;
} kt_text_line_t;

typedef struct kt_text_region {
    const kt_text_line_t *best;
    uint32_t              first, last;  // samples that showed it
    bool                  caption;
    // while it is built
    const kt_text_line_t *latest;
    bool                  stayed;  // over every sample so far
    float                 change;  // largest change of the picture between two of its samples, 0 to 1
} kt_text_region_t;

// lines in the order of samples. *regions: in the order of their first samples; free it; borrows lines. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_text_regions(const kt_text_line_t *lines, size_t n, const kt_sampled_t *samples,
                                     kt_text_region_t **regions, size_t *count);
