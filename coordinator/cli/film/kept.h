// kt_kept -- pictures of a film that is being read, few enough for any length: all of the last KT_KEPT_RECENT_S, and
// older ones the further apart the older they are. One thread.
//
// After the pictures up to `now`, two neighbours of age a are at most about (a - KT_KEPT_RECENT_S) / KT_KEPT_DENSITY
// apart: the picture nearest to the middle of a shot that has just ended is within 1 / (4 KT_KEPT_DENSITY) of the
// shot's length.
#pragma once

#include "coordinator/cli/film/still.h"

#include <stddef.h>

enum { KT_KEPT_MOST = 720, KT_KEPT_DENSITY = 8 };
#define KT_KEPT_RECENT_S 9.0  // longer than shots take to be decided: KT_SHOTS_DELAY_S

typedef struct kt_kept_picture {
    double      time_s;
    kt_planes_t planes;
} kt_kept_picture_t;

typedef struct kt_kept {
    uint32_t          side;  // longer side of what is kept, at most
    size_t            n;
    kt_kept_picture_t at[KT_KEPT_MOST];  // in the order of time
} kt_kept_t;

// Copies the picture; drops what is too close together. Pictures from begin_s on are needed: of older ones none is
// kept.
KT_MUST_USE kt_err_t kt_kept_add(kt_kept_t *self, double time_s, const kt_yuv_t *yuv, double begin_s);  // KT_ENOMEM
// The one nearest to time_s in [begin_s, end_s); NULL: there is none.
const kt_kept_picture_t *kt_kept_nearest(const kt_kept_t *self, double time_s, double begin_s, double end_s);
void                     kt_kept_fini(kt_kept_t *self);
