// kt_graphics -- graphics (a title, a strip, a panel) that appear over the picture or go. Such a change keeps parts of
// the picture. Where those move, it is a graphic at once. Over a picture at rest it may be another slide of the same
// kind as well: there it is one when the picture from before comes back. One thread.
#pragma once

#include "kernels/image/blocks.h"
#include "node/video/shots/history.h"

#include <stdbool.h>

enum { KT_GRAPHICS = 4 };  // changes whose pictures from before are kept
// A graphic over a picture at rest is found when it lasts no longer than the first; the change with which it appeared
// may be taken back for as long as the second, because the one with which it goes is decided later.
#define KT_GRAPHIC_LASTS_S 7.0
#define KT_GRAPHIC_OPEN_S (KT_GRAPHIC_LASTS_S + 1)

typedef struct kt_graphics {
    const kt_block_ops_t *ops;
    kt_shot_size_t        size;
    size_t                n;
    kt_shot_picture_t
             before[KT_GRAPHICS];  // pictures from before the last n changes that keep parts, the last one first
    double   time_s[KT_GRAPHICS];  // of those changes
    uint8_t *memory;
} kt_graphics_t;

typedef enum kt_change {
    KT_CHANGE_CUT,      // by all that is known
    KT_CHANGE_GRAPHIC,  // a graphic appears or goes
    KT_CHANGE_RETURN,   // a graphic goes that was a cut by what was known when it appeared
} kt_change_t;

KT_MUST_USE kt_err_t kt_graphics_init(kt_graphics_t *self, const kt_block_ops_t *ops);  // KT_ENOMEM
void                 kt_graphics_fini(kt_graphics_t *self);
// What the change from the picture before `serial`, which is at least 1, is, if it may be a cut. since_s: of
// KT_CHANGE_RETURN, the time of the change with which the graphic appeared.
kt_change_t kt_graphics_change(kt_graphics_t *self, const kt_shot_history_t *history, uint64_t serial, double *since_s);
// The earliest change that may still be taken back at now_s; now_s: there is none.
double kt_graphics_open_s(const kt_graphics_t *self, double now_s);
