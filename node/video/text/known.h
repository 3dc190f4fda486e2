// kt_known -- lines that were read in the picture before: one at the same place that looks the same is not
// read again. Reading takes 15 to 40 ms a line, and slides, titles and logos remain for many samples. One thread.
//
// Two crops look the same when no mean of a part of them, half as wide as the line is high and an eighth as high,
// differs by more than ALIKE: another digit changes several parts by far more, noise of compression changes none by as
// much.
#pragma once

#include "models/input/image_input.h"
#include "node/video/text/boxes.h"
#include "node/video/text/ctc.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_KNOWN_ROWS = 8, KT_KNOWN_COLUMNS = 160 };

typedef struct kt_known_line {
    kt_point_t   corner[4];
    uint32_t     columns;
    uint8_t      means[KT_KNOWN_ROWS * KT_KNOWN_COLUMNS * 3];
    kt_reading_t reading;
} kt_known_line_t;

typedef struct kt_known {
    kt_known_line_t *before, *now;  // [KT_TEXT_BOXES] of the sample before and of this one
    size_t           n_before, n_now;
} kt_known_t;

KT_MUST_USE kt_err_t kt_known_init(kt_known_t *self);  // KT_ENOMEM
void                 kt_known_fini(kt_known_t *self);
void                 kt_known_begin(kt_known_t *self);  // a sample
// Where the reading of this crop is kept: the caller fills it, unless it is that of the sample before (*read true).
// NULL: this sample has KT_TEXT_BOXES lines already. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_known_line(kt_known_t *self, const kt_point_t corner[4], const kt_picture_t *crop,
                                   kt_reading_t **reading, bool *read);
