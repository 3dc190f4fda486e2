#include "tests/unit/node/video/film.h"

#include "node/video/shots.h"

#include <criterion/criterion.h>
#include <string.h>

static void
begin(film_t *self, const kt_video_module_t *module, const kt_media_info_t *info, kt_model_set_t *models)
{
    memset(self, 0, sizeof *self);
    self->module = module;
    self->info   = *info;
    cr_assert_eq(kt_device_cpu(&self->device, NULL), KT_OK);
    self->stream = (kt_video_stream_t){.media_info = &self->info,
                                       .rotation   = info->rotation,
                                       .full_range = info->full_range,
                                       .options    = KT_OPTION_ALL,
                                       .device     = self->device,
                                       .models     = models};
    cr_assert_eq(kt_shots_new(&self->shots, &self->stream), KT_OK);
    self->stream.shots = self->shots;
    cr_assert_eq(module->new (&self->state, &self->stream), KT_OK);
    memset(self->u, 128, sizeof self->u);
    memset(self->v, 128, sizeof self->v);
}

void
film_begin_with(film_t *self, const kt_video_module_t *module, const kt_media_info_t *info)
{
    begin(self, module, info, NULL);
}

void
film_begin_models(film_t *self, const kt_video_module_t *module, kt_model_set_t *models)
{
    begin(self, module, &(kt_media_info_t){.width = 1280, .height = 720, .pixel_aspect_ratio = 1}, models);
}

void
film_begin(film_t *self, const kt_video_module_t *module)
{
    film_begin_models(self, module, NULL);
}

void
film_picture(film_t *self, double time_s)
{
    kt_video_frame_t *frame = &self->frame;
    uint8_t          *rgb   = self->rgb;
    kt_rgb_t          matrix;
    frame->time_s = time_s;
    frame->small  = (kt_yuv_t){FILM_WIDTH, FILM_HEIGHT, self->y[0], self->u[0], self->v[0], FILM_WIDTH, FILM_WIDTH / 2};
    kt_rgb_init(&matrix, "", self->info.height, self->info.full_range);
    kt_rgb_half(&matrix, &kt_rgb_ops_ref, &frame->small, rgb);
    const uint32_t     width = FILM_WIDTH / 2, height = FILM_HEIGHT / 2;
    kt_video_picture_t picture = {.frame = frame, .rgb = rgb, .width = width, .height = height, .stats = &self->stats};
    kt_image_ops_ref.stats(rgb, NULL, width, height, &self->stats);
    kt_image_measure(&self->stats, width, height, &picture.measures);
    cr_assert_eq(kt_shots_push(self->shots, &picture), KT_OK);
    cr_assert_eq(self->module->push(self->state, &picture), KT_OK);
    frame->index++;
    frame->flags     = 0;
    frame->whole     = (kt_yuv_t){0};
    frame->vectors   = NULL;
    frame->n_vectors = 0;
}

void
film_end(film_t *self, double end_s)
{
    static const kt_job_t job      = {.message_id = "m", .file_path = "/f", .options = KT_OPTION_ALL};
    kt_document_t        *document = NULL;
    char                  why[KT_DOCUMENT_WHY];
    kt_buf_t              text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_shots_close(self->shots);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_document_bool(document, KT_FEATURE_TECHNICAL_has_video, true);
    cr_assert_eq(self->module->finish(self->state, end_s, document), KT_OK);
    cr_assert_eq(kt_document_finish(document, &(kt_stamp_t){0}, &text, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, KT_DOCUMENT_MAX_BYTES, &self->message, why), KT_OK);
    const json_t *features = kt_json_get(self->message, "features");
    self->visual           = kt_json_get(features, "visual");
    self->technical        = kt_json_get(features, "technical");
    self->methods          = kt_json_get(self->message, "methods");
    kt_buf_fini(&text);
    kt_document_destroy(&document);
}

void
film_free(film_t *self)
{
    if (self->message)
        kt_json_free(&self->message);
    self->module->destroy(&self->state);
    kt_shots_destroy(&self->shots);
    kt_device_destroy(&self->device);
}
