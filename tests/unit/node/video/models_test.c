#include "node/video/models/held.h"
#include "node/video/modules.h"
#include "node/video/rgb.h"
#include "node/video/shots.h"
#include "tests/unit/node/video/picture_models.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(video_models, .init = mo_make, .fini = mo_remove);

// --- held pictures

static kt_video_frame_t
frame_of(uint32_t w, uint32_t h, uint8_t *bytes)
{
    const uint32_t cw = (w + 1) / 2, ch = (h + 1) / 2;
    return (kt_video_frame_t){
        .flags        = KT_FRAME_SAMPLED,
        .whole_factor = 1,
        .whole        = {w, h, bytes, bytes + (size_t)w * h, bytes + (size_t)w * h + (size_t)cw * ch, w, cw}};
}

Test(held, a_picture_is_turned_and_mirrored_as_it_is_shown)
{
    // Y of 4 x 2: 0 1 2 3 / 4 5 6 7, times 30; full range, no colour.
    static const struct {
        uint32_t rotation, width;
        uint8_t  shown[8];
    } TURNS[] = {{0, 4, {0, 1, 2, 3, 4, 5, 6, 7}},
                 {90, 2, {4, 0, 5, 1, 6, 2, 7, 3}},
                 {180, 4, {7, 6, 5, 4, 3, 2, 1, 0}},
                 {270, 2, {3, 7, 2, 6, 1, 5, 0, 4}}};
    uint8_t   bytes[12], rgb[24];
    kt_rgb_t  matrix;
    kt_held_t held = {0};
    for (int i = 0; i < 12; i++)
        bytes[i] = (uint8_t)(i < 8 ? 30 * i : 128);
    const kt_video_frame_t frame = frame_of(4, 2, bytes);
    kt_rgb_init(&matrix, "bt709", 2, true);
    cr_assert_eq(kt_held_set(&held, &frame), KT_OK);
    for (size_t t = 0; t < 4; t++) {
        const uint32_t width   = TURNS[t].width;
        kt_picture_t   picture = kt_held_rgb(&held, &matrix, TURNS[t].rotation, false, rgb);
        cr_expect_eq(picture.width, width);
        for (int i = 0; i < 8; i++)
            cr_expect_eq(rgb[3 * i], 30 * TURNS[t].shown[i], "%u: %d", TURNS[t].rotation, i);
        picture = kt_held_rgb(&held, &matrix, TURNS[t].rotation, true, rgb);
        cr_expect_eq(picture.width, width);
        for (uint32_t i = 0; i < 8; i++)
            cr_expect_eq(rgb[3 * i], 30 * TURNS[t].shown[i / width * width + width - 1 - i % width], "%u, mirrored: %u",
                         TURNS[t].rotation, i);
    }
    kt_held_fini(&held);
}

Test(held, a_large_picture_is_reduced_and_odd_sizes_are_kept)
{
    const uint32_t w = 2 * KT_HELD_SIDE + 7, h = 9;
    uint8_t       *bytes = malloc(kt_yuv_bytes(w, h));
    kt_held_t      held  = {0};
    memset(bytes, 77, kt_yuv_bytes(w, h));
    kt_video_frame_t frame = frame_of(w, h, bytes);
    frame.whole_factor     = 2;
    cr_assert_eq(kt_held_set(&held, &frame), KT_OK);
    cr_expect_eq(held.factor, 6);
    cr_expect(held.yuv.width == (w / 3 & ~1U) && held.yuv.height == 2);
    cr_expect(held.yuv.y[0] == 77 && held.yuv.v[held.yuv.width / 2 - 1] == 77);
    frame = frame_of(5, 3, bytes);
    cr_assert_eq(kt_held_set(&held, &frame), KT_OK);
    cr_expect(held.factor == 1 && held.yuv.width == 5 && held.yuv.height == 3);
    frame = frame_of(KT_HELD_SIDE * 2, 1, bytes);
    cr_expect_eq(kt_held_set(&held, &frame), KT_EINVAL);
    kt_held_fini(&held);
    free(bytes);
}

// --- the module

enum { WIDTH = 640, HEIGHT = 352 };

typedef struct watched {
    kt_media_info_t   info;
    kt_video_stream_t stream;
    kt_shots_t       *shots;
    kt_device_t      *device;
    void             *state;
    kt_model_set_t   *set;
    json_t           *message;
    uint8_t           bytes[WIDTH * HEIGHT * 3 / 2];
    uint64_t          index;
} watched_t;

static watched_t film;

static void
begin(kt_model_set_t *set, size_t pictures, uint32_t options)
{
    memset(&film, 0, sizeof film);
    film.info   = (kt_media_info_t){.width = WIDTH, .height = HEIGHT, .full_range = true, .color_space = "bt709"};
    film.set    = set;
    film.stream = (kt_video_stream_t){.media_info    = &film.info,
                                      .full_range    = true,
                                      .duration_s    = 300,
                                      .options       = options,
                                      .models        = set,
                                      .models_absent = "no models are deployed",
                                      .pictures      = pictures};
    cr_assert_eq(kt_device_cpu(&film.device, NULL), KT_OK);
    film.stream.device = film.device;
    cr_assert_eq(kt_shots_new(&film.shots, &film.stream), KT_OK);
    film.stream.shots = film.shots;
    cr_assert_eq(kt_video_models.new(&film.state, &film.stream), KT_OK);
}

static void
blank(void)
{
    memset(film.bytes, 0, WIDTH * HEIGHT);
    memset(film.bytes + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
}

// A rectangle of one colour, full range BT.709; all numbers even.
static void
paint(int x0, int y0, int w, int h, const uint8_t yuv[3])
{
    for (int y = y0; y < y0 + h; y++)
        memset(film.bytes + y * WIDTH + x0, yuv[0], (size_t)w);
    for (int p = 0; p < 2; p++)
        for (int y = y0 / 2; y < (y0 + h) / 2; y++)
            memset(film.bytes + WIDTH * HEIGHT + p * (WIDTH * HEIGHT / 4) + y * (WIDTH / 2) + x0 / 2, yuv[1 + p],
                   (size_t)w / 2);
}

static const uint8_t RED[3] = {54, 99, 255}, GREEN[3] = {182, 30, 12}, DARK[3] = {69, 91, 84};

static void
show(double time_s, bool sampled)
{
    kt_video_frame_t   frame   = frame_of(WIDTH, HEIGHT, film.bytes);
    kt_video_picture_t picture = {.frame = &frame};
    frame.index                = film.index++;
    frame.time_s               = time_s;
    frame.flags                = sampled ? KT_FRAME_SAMPLED : 0;
    cr_assert_eq(kt_video_models.push(film.state, &picture), KT_OK);
}

static const json_t *
end(void)
{
    static const kt_job_t job      = {.message_id = "m", .file_path = "/f", .options = KT_OPTION_ALL};
    kt_document_t        *document = NULL;
    char                  why[KT_DOCUMENT_WHY];
    kt_buf_t              text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_document_bool(document, KT_FEATURE_TECHNICAL_has_video, true);
    cr_assert_eq(kt_video_models.finish(film.state, 300, document), KT_OK);
    cr_assert_eq(kt_document_finish(document, &(kt_stamp_t){0}, &text, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, KT_DOCUMENT_MAX_BYTES, &film.message, why), KT_OK);
    kt_buf_fini(&text);
    kt_document_destroy(&document);
    kt_video_models.destroy(&film.state);
    kt_shots_destroy(&film.shots);
    kt_device_destroy(&film.device);
    if (film.set)
        kt_model_set_release(&film.set);
    return kt_json_get(kt_json_get(film.message, "features"), "visual");
}

static void
expect_box(const json_t *object, double x, double y, double w, double h)
{
    const json_t *box     = kt_json_get(object, "box");
    const double  want[4] = {x, y, w, h};
    for (size_t i = 0; i < 4; i++) {
        double got = NAN;
        cr_assert(kt_json_number(kt_json_at(box, i), &got));
        cr_expect_float_eq(got, want[i], 2.1, "box[%zu] %g, not %g", i, got, want[i]);
    }
}

Test(video_models, faces_and_text_are_found_at_their_places_and_times)
{
    begin(pm_open(NULL), 0, KT_OPTION_ALL);
    for (int s = 0; s < 3; s++) {
        blank();
        if (s < 2)
            paint(320, 160, 4, 4, RED);
        paint(64, 240, 400, 24, DARK);
        for (int x = 64; x < 464; x += 80)
            paint(x, 240, 40, 24, GREEN);
        show(s + 0.5, true);
    }
    const json_t *visual = end(), *faces = kt_json_get(visual, "faces"), *texts = kt_json_get(visual, "text_regions");
    cr_expect_eq(kt_json_i64(visual, "faces_detected", -1), 1);
    cr_assert_eq(kt_json_count(faces), 2);
    cr_expect_float_eq(kt_json_f64(kt_json_at(faces, 1), "time", -1), 1.5, 1e-9);
    expect_box(kt_json_at(faces, 0), 322 - 8, 162 - 12, 16, 24);
    cr_expect_eq(kt_json_count(kt_json_get(visual, "sampled_times")), 3);
    cr_expect(strstr(kt_json_str(kt_json_get(film.message, "methods"), "sampled_times", ""), "3 pictures of 1 of "));
    cr_assert_geq(kt_json_count(texts), 1);
    const json_t *text = kt_json_at(texts, 0);
    cr_expect_float_eq(kt_json_f64(text, "start", -1), 0.5, 1e-9);
    cr_expect_float_eq(kt_json_f64(text, "end", -1), 2.5, 1e-9);
    cr_expect_str_eq(kt_json_str(text, "text", ""), "aaaaa");
    cr_expect_str_eq(kt_json_str(kt_json_get(film.message, "model_versions"), "centerface", ""), "1.0.0");
    cr_expect_str_eq(kt_json_str(kt_json_get(film.message, "model_versions"), "ppocr_rec", ""), "1.0.0");
    kt_json_free(&film.message);
}

static void
expect_reason(const json_t *message, const char *feature, const char *reason)
{
    cr_expect_str_eq(kt_json_str(kt_json_get(message, "reasons"), feature, "none"), reason, "%s", feature);
}

Test(video_models, what_is_missing_is_named)
{
    begin(pm_open("centerface"), 0, KT_OPTION_ALL);
    blank();
    show(0.5, true);
    const json_t *visual = end();
    cr_expect_eq(kt_json_count(kt_json_get(visual, "text_regions")), 0);
    cr_expect(kt_json_is_null(kt_json_get(visual, "faces")) && !kt_json_is_null(kt_json_get(visual, "text_regions")));
    cr_expect(strstr(kt_json_str(kt_json_get(film.message, "reasons"), "faces", ""), "model centerface: "));
    kt_json_free(&film.message);

    begin(pm_open("ppocr_rec"), 0, KT_OPTION_ALL);
    show(0.5, true);
    visual = end();
    cr_expect(!kt_json_is_null(kt_json_get(visual, "faces")) && kt_json_is_null(kt_json_get(visual, "text_regions")));
    kt_json_free(&film.message);
}

Test(video_models, without_models_the_features_are_null_with_the_reason)
{
    begin(NULL, 0, KT_OPTION_ALL);
    show(0.5, true);
    (void)end();
    expect_reason(film.message, "faces", "no models are deployed");
    expect_reason(film.message, "text_regions", "no models are deployed");
    expect_reason(film.message, "sampled_times", "no models are deployed");
    kt_json_free(&film.message);
    begin(pm_open(NULL), 0, KT_OPTION_ALL & ~(uint32_t)KT_OPTION_MODELS);
    show(0.5, true);
    (void)end();
    expect_reason(film.message, "faces_detected", "use_models is false");
    kt_json_free(&film.message);
}

Test(video_models, a_film_without_sampled_pictures_has_no_counts)
{
    begin(pm_open(NULL), 0, KT_OPTION_ALL);
    show(0.5, false);
    (void)end();
    expect_reason(film.message, "faces_detected", "no picture was sampled");
    expect_reason(film.message, "text_regions", "no picture was sampled");
    kt_json_free(&film.message);
}

Test(video_models, models_with_other_outputs_are_refused)
{
    begin(pm_open_swapped(), 0, KT_OPTION_ALL);
    show(0.5, true);
    (void)end();
    expect_reason(film.message, "faces", "model centerface: it has no output heat");
    expect_reason(film.message, "text_regions", "model ppocr_det: it has no output map");
    kt_json_free(&film.message);
}

Test(video_models, the_setting_bounds_how_many_pictures_are_looked_at)
{
    begin(pm_open(NULL), 10, KT_OPTION_ALL);
    blank();
    for (int i = 0; i < 1200; i++)
        show(i / 4.0, i % 4 == 2);
    const json_t *times = kt_json_get(end(), "sampled_times");
    cr_expect(kt_json_count(times) >= 9 && kt_json_count(times) <= 10, "%zu", kt_json_count(times));
    kt_json_free(&film.message);
}
