#include "node/video/shots.h"

#include <stdlib.h>

struct kt_shots {
    kt_shot_t first;
    size_t    count;
};

kt_err_t
kt_shots_new(kt_shots_t **self_p, const kt_video_stream_t *stream)
{
    (void)stream;
    *self_p = calloc(1, sizeof **self_p);
    return *self_p ? KT_OK : KT_ENOMEM;
}

void
kt_shots_destroy(kt_shots_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

kt_err_t
kt_shots_push(kt_shots_t *self, const kt_video_picture_t *picture)
{
    if (self->count == 0)
        self->first = (kt_shot_t){picture->frame->index, picture->frame->time_s, picture->frame->time_s, KT_CUT};
    self->count = 1;
    return KT_OK;
}

void
kt_shots_close(kt_shots_t *self)
{
    (void)self;
}

void
kt_shots_write(const kt_shots_t *self, kt_document_t *document)
{
    (void)self, (void)document;
}

size_t
kt_shots_count(const kt_shots_t *self)
{
    return self->count;
}

const kt_shot_t *
kt_shots_at(const kt_shots_t *self, size_t i)
{
    (void)i;
    return &self->first;
}

size_t
kt_shots_find(const kt_shots_t *self, double time_s)
{
    (void)self, (void)time_s;
    return 0;
}
