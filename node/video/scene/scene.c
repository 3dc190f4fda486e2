#include "node/video/scene/scene.h"

#include "common/text.h"

#include <math.h>
#include <stdlib.h>

struct kt_scene {
    kt_scene_model_t *model;
    kt_scene_join_t   join;
    char              failed[KT_PICTURE_WHY];  // "": it has not
};

kt_err_t
kt_scene_new(kt_scene_t **self_p, const kt_model_set_t *set, uint32_t rotation, char why[KT_PICTURE_WHY])
{
    kt_scene_t *self = calloc(1, sizeof *self);
    kt_err_t    err  = KT_ENOMEM;
    if (!self)
        goto fail;
    kt_scene_join_init(&self->join);
    if ((err = kt_scene_model_new(&self->model, set, rotation, why)) || !self->model)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_scene_destroy(&self);
    return err;
}

void
kt_scene_destroy(kt_scene_t **self_p)
{
    kt_scene_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_scene_model_destroy(&self->model);
    kt_scene_join_fini(&self->join);
    free(self);
}

// An error of the model, not of memory, is kept as the reason.
static kt_err_t
check(kt_scene_t *self, kt_err_t err)
{
    if (!err || err == KT_ENOMEM)
        return err;
    (void)kt_text_explain(self->failed, sizeof self->failed, err, "model %s: %s",
                          kt_scene_model_entry(self->model)->name, kt_err_text(err));
    return KT_OK;
}

kt_err_t
kt_scene_push(kt_scene_t *self, const kt_picture_t *picture, bool repeated, uint64_t index, double time_s,
              const kt_shot_list_t *detected, size_t settled, double settled_s)
{
    const kt_scene_row_t  none = {.index = index, .time_s = time_s, .last = NAN, .between = NAN};
    const kt_scene_row_t *rows = &none;
    size_t                n    = 1;
    kt_err_t              err  = KT_OK;
    if (!self->failed[0])
        err = check(self, kt_scene_model_push(self->model, picture, repeated, index, time_s, &rows, &n));
    if (!err)
        err = kt_scene_join_add(&self->join, rows, n, detected, settled);
    return err ? err : kt_scene_join_until(&self->join, detected, settled, settled_s);
}

kt_err_t
kt_scene_close(kt_scene_t *self, const kt_shot_list_t *detected)
{
    const kt_scene_row_t *rows;
    size_t                n   = 1;
    kt_err_t              err = KT_OK;
    while (!err && n > 0 && !self->failed[0]) {
        n   = 0;
        err = check(self, kt_scene_model_close(self->model, &rows, &n));
        if (!err)
            err = kt_scene_join_add(&self->join, rows, n, detected, detected->count);
    }
    return err ? err : kt_scene_join_until(&self->join, detected, detected->count, INFINITY);
}

const kt_shot_list_t *
kt_scene_list(const kt_scene_t *self)
{
    return &self->join.list;
}

double
kt_scene_decided_s(const kt_scene_t *self)
{
    return kt_scene_join_decided_s(&self->join);
}

const kt_scene_counts_t *
kt_scene_counts(const kt_scene_t *self)
{
    return &self->join.counts;
}

const kt_model_entry_t *
kt_scene_entry(const kt_scene_t *self)
{
    return kt_scene_model_entry(self->model);
}

const char *
kt_scene_failed(const kt_scene_t *self)
{
    return self->failed[0] ? self->failed : NULL;
}

uint64_t
kt_scene_bytes(void)
{
    return sizeof(kt_scene_t) + kt_scene_model_bytes() + 2 * KT_SHOT_LIST_MAX * sizeof(kt_shot_t);
}
