#include "coordinator/cli/film/thumbnails.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

kt_thumbnails_t *
kt_thumbnails_new(const char *dir, const char *name)
{
    kt_thumbnails_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->dir          = dir;
    self->name         = name;
    self->samples.side = KT_THUMBNAIL_SIDE;
    self->small.side   = KT_SMALL_MOST;
    return self;
}

void
kt_thumbnails_fini(kt_thumbnails_t *self)
{
    kt_kept_fini(&self->samples);
    kt_kept_fini(&self->small);
}

void
kt_thumbnails_picture(kt_thumbnails_t *self, const kt_media_info_t *media_info, const kt_video_frame_t *frame)
{
    if (self->err)
        return;
    if (!self->begun) {
        self->shape   = kt_still_shape(media_info);
        self->begin_s = frame->time_s;
        self->begun   = true;
    }
    if (frame->whole.width > 0)
        self->err = kt_kept_add(&self->samples, frame->time_s, &frame->whole, self->begin_s);
    if (!self->err && frame->small.width > 0)
        self->err = kt_kept_add(&self->small, frame->time_s, &frame->small, self->begin_s);
    if (self->err)
        snprintf(self->what, sizeof self->what, "pictures");
}

void
kt_thumbnails_shot(kt_thumbnails_t *self, double begin_s, double end_s)
{
    const double             middle = (begin_s + end_s) / 2;
    const kt_kept_picture_t *kept   = kt_kept_nearest(&self->samples, middle, begin_s, end_s);
    char                     path[4096];
    kt_still_t               picture = {0};
    if (self->err)
        return;
    self->shots++;
    self->begin_s = fmax(self->begin_s, end_s);
    if (!kept)
        kept = kt_kept_nearest(&self->small, middle, begin_s, end_s);
    if (!kept)
        return;
    const int n =
        snprintf(path, sizeof path, "%s/%s-%04zu-%.3fs.png", self->dir, self->name, self->shots, kept->time_s);
    self->err = n < 0 || (size_t)n >= sizeof path
                    ? KT_EINVAL
                    : kt_still_make(&picture, &self->shape, &kept->planes.yuv, KT_THUMBNAIL_SIDE, KT_THUMBNAIL_SIDE);
    if (!self->err)
        self->err = kt_still_write(&picture, path);
    if (self->err)
        snprintf(self->what, sizeof self->what, "%.*s", (int)sizeof self->what - 1, path);
    else
        self->written++;
    kt_still_fini(&picture);
}
