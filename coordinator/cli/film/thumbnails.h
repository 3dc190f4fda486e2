// kt_thumbnails -- writes one picture of each shot while a film is analysed: the sampled picture nearest to the middle
// of the shot, of a shot without one the reduced picture. As shown: turned, with square pixels; the longer side is at
// most KT_THUMBNAIL_SIDE, of reduced pictures KT_SMALL_MOST. Memory does not grow with the film (kept.h).
// DIR/NAME-0001-12.480s.png: the number of the shot, the time of the picture. One thread.
#pragma once

#include "coordinator/cli/film/kept.h"

enum { KT_THUMBNAIL_SIDE = 960 };

typedef struct kt_thumbnails {
    const char      *dir, *name;  // name: of the media file
    size_t           written;     // pictures
    kt_err_t         err;         // the first failure, and about what
    char             what[512];
    bool             begun;
    double           begin_s;  // of the shot that has not ended
    size_t           shots;    // that have ended
    kt_still_shape_t shape;
    kt_kept_t        samples, small;
} kt_thumbnails_t;

// dir and name are borrowed. NULL: out of memory; free() it after kt_thumbnails_fini.
kt_thumbnails_t *kt_thumbnails_new(const char *dir, const char *name);
void             kt_thumbnails_fini(kt_thumbnails_t *self);  // frees the pictures; what was written stays
// Of a kt_tap_fn and a kt_shot_fn.
void kt_thumbnails_picture(kt_thumbnails_t *self, const kt_media_info_t *media_info, const kt_video_frame_t *frame);
void kt_thumbnails_shot(kt_thumbnails_t *self, double begin_s, double end_s);
