// kt_shot_bars -- the part of the pictures in which shots are looked for: without black bars at the edges (letterbox,
// pillarbox). Bars never move, their outlines are stronger than most of the picture, and they make a part of each
// picture the same: a film would have other shots with bars than without.
//
// Bars are lines that are black on two opposite sides to about the same height, before lines that are bright in half of
// their length. They are left out as soon as they are seen, in a stream that has shown something there only after they
// have been black for ten seconds, and end with the picture that is bright where they were. Text and logos do not end
// them: they cover less of a line. The part depends on the pictures up to now alone. One thread.
#pragma once

#include "node/video/shots/edge_lines.h"

typedef struct kt_shot_bars_axis {
    double   since_s;    // begin of the time in which `black` and `sharp` hold
    bool     refuted;    // a picture of the stream had no bars here
    uint32_t black[2];   // black lines in all pictures since then: top and bottom, or left and right
    bool     sharp[2];   // the line behind them was bright
    uint32_t margin[2];  // lines that are left out; 0: no bars
} kt_shot_bars_axis_t;

typedef struct kt_shot_bars {
    const kt_block_ops_t *ops;
    uint8_t               limit;  // of black, in Y
    bool                  started;
    kt_shot_bars_axis_t   axis[2];  // rows, columns
} kt_shot_bars_t;

void kt_shot_bars_init(kt_shot_bars_t *self, const kt_block_ops_t *ops, bool full_range);
// Takes the reduced planes of the next picture. Returns whether the margins have changed.
bool kt_shot_bars_add(kt_shot_bars_t *self, const kt_yuv_t *yuv, double time_s);
// The planes between the margins; *left, *top: where they begin, even.
kt_yuv_t kt_shot_bars_part(const kt_shot_bars_t *self, const kt_yuv_t *yuv, uint32_t *left, uint32_t *top);
