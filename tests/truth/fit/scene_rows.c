// What the model scene_detector and the detector of shots give for pictures, as text, for scene_fit.py.
//
//     scene_rows MODELS WIDTH HEIGHT <PICTURES
//
// MODELS: a model folder. PICTURES: reduced planes, each picture as a double (seconds) and its Y, U, V. Prints, with
// times in seconds:
//     row TIME LAST BETWEEN            probabilities of a picture: the last one of a shot, within a gradual change
//     shot TIME FROM KIND              of the detector alone
#include "node/video/rgb.h"
#include "node/video/scene/scene_model.h"
#include "node/video/shots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct state {
    uint32_t          width, height;
    kt_rgb_t          matrix;
    kt_shots_t       *shots;
    kt_scene_model_t *model;
    uint8_t          *bytes, *rgb;  // of one picture; bytes: after its time
} state_t;

static void
print_rows(const kt_scene_row_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("row %.6f %.6f %.6f\n", rows[i].time_s, (double)rows[i].last, (double)rows[i].between);
}

static kt_err_t
push(state_t *self, uint64_t index)
{
    const uint32_t        w = (self->width + 1) / 2, h = (self->height + 1) / 2;
    const size_t          luma  = (size_t)self->width * self->height;
    const uint8_t        *y     = self->bytes + sizeof(double);
    const kt_yuv_t        yuv   = {self->width, self->height, y, y + luma, y + luma + (size_t)w * h, self->width, w};
    kt_video_frame_t      frame = {.index = index, .small = yuv};
    kt_image_stats_t      stats;
    const kt_scene_row_t *rows;
    size_t                n = 0;
    memcpy(&frame.time_s, self->bytes, sizeof(double));
    kt_rgb_half(&self->matrix, &kt_rgb_ops_ref, &yuv, self->rgb);
    kt_image_ops_ref.stats(self->rgb, NULL, w, h, &stats);
    kt_err_t err =
        kt_shots_push(self->shots, &(kt_video_picture_t){.frame = &frame, .rgb = self->rgb, .stats = &stats});
    if (!err)
        err = kt_scene_model_push(self->model, &(kt_picture_t){self->rgb, w, h, 3 * (size_t)w}, false, index,
                                  frame.time_s, &rows, &n);
    if (!err)
        print_rows(rows, n);
    return err;
}

static kt_err_t
finish(state_t *self)
{
    const kt_scene_row_t *rows;
    size_t                n   = 1;
    kt_err_t              err = KT_OK;
    while (!err && n > 0)
        if (!(err = kt_scene_model_close(self->model, &rows, &n)))
            print_rows(rows, n);
    kt_shots_close(self->shots);
    for (size_t s = 1; s < kt_shots_count(self->shots); s++) {
        const kt_shot_t *shot = kt_shots_at(self->shots, s);
        printf("shot %.6f %.6f %d\n", shot->begin_s, shot->from_s, (int)shot->transition);
    }
    return err;
}

int
main(int argc, char **argv)
{
    static char     why[KT_CATALOGUE_WHY];
    char            model_why[KT_PICTURE_WHY];
    state_t         self = {0};
    kt_model_set_t *set  = NULL;
    if (argc != 4 || (self.width = (uint32_t)atoi(argv[2])) == 0 || (self.height = (uint32_t)atoi(argv[3])) == 0 ||
        self.width > KT_SMALL_MOST || self.height > KT_SMALL_MOST)
        return 2;
    const size_t bytes = sizeof(double) + kt_yuv_bytes(self.width, self.height);
    self.bytes         = malloc(bytes);
    self.rgb           = malloc(3 * bytes);
    kt_rgb_init(&self.matrix, "", self.height, false);
    kt_err_t err = self.bytes && self.rgb ? KT_OK : KT_ENOMEM;
    if (!err && !(err = kt_model_set_open(&set, argv[1], NULL, why)) &&
        !(err = kt_scene_model_new(&self.model, set, 0, model_why)) && !self.model) {
        fprintf(stderr, "%s\n", model_why);
        err = KT_EMODEL;
    }
    if (!err)
        err = kt_shots_new(&self.shots, &(kt_video_stream_t){.duration_s = 0});
    for (uint64_t index = 0; !err && fread(self.bytes, bytes, 1, stdin) == 1; index++)
        err = push(&self, index);
    if (!err)
        err = finish(&self);
    kt_shots_destroy(&self.shots);
    kt_scene_model_destroy(&self.model);
    if (set)
        kt_model_set_release(&set);
    free(self.bytes);
    free(self.rgb);
    return err ? 1 : 0;
}
