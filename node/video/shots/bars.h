// kt_shot_bars -- the part of the pictures in which shots are looked for: without bars at the edges that are black or
// of another plain level (letterbox, pillarbox). Bars never move, their outlines are stronger than most of the picture,
// and they make a part of each picture the same: a film would have other shots with bars than without.
//
// Bars are lines of one level on two opposite sides to about the same height, before lines that have other levels in
// half of their length. They are left out as soon as they are seen, in a stream that has shown something there only
// after they have been plain for ten seconds, and end with the picture that is not plain where they were; their level
// may change as in a fade. Text and logos do not end them: they cover less of a line. The part depends on the pictures
// up to now alone. One thread.
#pragma once

#include "node/video/shots/edge_lines.h"
#include "node/video/shots/picture.h"

typedef struct kt_shot_bars_axis {
    double         since_s;    // begin of the time in which `plain` and `sharp` hold
    bool           refuted;    // a picture of the stream had no bars here
    kt_edge_band_t level;      // of the bars, or of what may be some
    uint32_t       plain[2];   // lines of that level in all pictures since then: top and bottom, or left and right
    bool           sharp[2];   // the line behind them was not plain
    uint32_t       margin[2];  // lines that are left out; 0: no bars
} kt_shot_bars_axis_t;

typedef struct kt_shot_bars {
    const kt_block_ops_t *ops;
    kt_edge_band_t        black;
    bool                  started;
    kt_shot_bars_axis_t   axis[2];  // rows, columns
    kt_shot_border_t      border;   // the bars as they were last measured
} kt_shot_bars_t;

void kt_shot_bars_init(kt_shot_bars_t *self, const kt_block_ops_t *ops, bool full_range);
// Takes the reduced planes of the next picture and their RGB at the size of chroma (rgb.h). Returns whether the margins
// have changed.
bool kt_shot_bars_add(kt_shot_bars_t *self, const kt_yuv_t *yuv, const uint8_t *rgb, double time_s);
// The planes between the margins; *left, *top: where they begin, even.
kt_yuv_t kt_shot_bars_part(const kt_shot_bars_t *self, const kt_yuv_t *yuv, uint32_t *left, uint32_t *top);
