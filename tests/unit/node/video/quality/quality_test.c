#include "common/file.h"
#include "node/video/quality/score.h"
#include "tests/unit/models/ktm_build.h"
#include "tests/unit/node/video/film.h"
#include "tests/unit/node/video/quality/scene.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static film_t  film;
static scene_t scene;

static void
show(double time_s)
{
    film.frame.flags        = KT_FRAME_SAMPLED;
    film.frame.whole_factor = 1;
    film.frame.whole =
        (kt_yuv_t){SCENE_WIDTH, SCENE_HEIGHT, scene.at[0], scene.at[0], scene.at[0], SCENE_WIDTH, SCENE_WIDTH};
    film_picture(&film, time_s);
}

static double
member(const char *map, const char *name)
{
    return kt_json_f64(kt_json_get(film.visual, map), name, -1);
}

Test(picture_quality, the_score_is_the_product_of_its_parts)
{
    film_begin(&film, &kt_video_quality);
    scene_paint(&scene);
    scene_noise(&scene, 6);
    show(0.5);
    film_picture(&film, 0.54);  // not sampled
    show(1.5);
    film_end(&film, 2);
    double product = 1;
    for (int i = 0; i < KT_DEFECTS; i++) {
        const double part = member("picture_quality_parts", kt_defect_names[i]);
        if (part >= 0)
            product *= part;
    }
    cr_expect_float_eq(kt_json_f64(film.technical, "quality_score", -1), product, 1e-6);
    cr_expect_float_eq(member("picture_quality", "noise"), 6 * 255.0 / 219, 0.5);
    cr_expect_float_eq(member("picture_quality_parts", "resolution"), 1 - exp(-SCENE_HEIGHT / 240.0) / 2, 1e-6);
    cr_expect_eq(member("picture_quality", "brisque"), -1);
    cr_expect_float_eq(kt_json_f64(film.visual, "interlaced_share", -1), 0, 1e-9);
    film_free(&film);
}

Test(picture_quality, a_value_is_the_median_over_the_pictures)
{
    film_begin(&film, &kt_video_quality);
    for (int i = 0; i < 5; i++) {
        scene_paint(&scene);
        scene_noise(&scene, i == 4 ? 30 : 1 + i);
        show(i);
    }
    film_end(&film, 5);
    cr_expect_float_eq(member("picture_quality", "noise"), 3 * 255.0 / 219, 0.3);
    film_free(&film);
}

Test(picture_quality, uniform_pictures_are_left_out_and_alone_give_a_reason)
{
    film_begin(&film, &kt_video_quality);
    memset(&scene, 16, sizeof scene);
    show(0.5);
    film_end(&film, 1);
    cr_expect(kt_json_is_null(kt_json_get(film.visual, "picture_quality")));
    cr_expect(kt_json_is_null(kt_json_get(film.technical, "quality_score")));
    film_free(&film);

    film_begin(&film, &kt_video_quality);
    show(0.5);
    scene_paint(&scene);
    show(1.5);
    film_end(&film, 2);
    cr_expect_float_eq(member("picture_quality", "blur"), 1, 0.1);
    film_free(&film);
}

Test(picture_quality, the_share_of_pictures_with_two_fields_is_given)
{
    film_begin(&film, &kt_video_quality);
    for (int i = 0; i < 4; i++) {
        scene_paint(&scene);
        if (i)
            scene_comb(&scene, 5);
        show(i);
    }
    film_end(&film, 4);
    cr_expect_float_eq(kt_json_f64(film.visual, "interlaced_share", -1), 0.75, 1e-9);
    film_free(&film);
}

Test(picture_quality, two_fields_do_not_look_sharp)
{
    film_begin(&film, &kt_video_quality);
    scene_paint(&scene);
    scene_blur(&scene, 2);
    scene_comb(&scene, 6);
    show(0);
    film_end(&film, 1);
    cr_expect_float_eq(kt_json_f64(film.visual, "interlaced_share", -1), 1, 1e-9);
    cr_expect_float_eq(member("picture_quality", "blur"), 2 * sqrt(2 * M_PI), 1);
    film_free(&film);
}

Test(picture_quality, every_part_falls_as_its_defect_grows_and_the_resolution_rises)
{
    for (int d = 0; d < KT_DEFECTS; d++) {
        double before = kt_defect_part((kt_defect_t)d, 0, 720);
        cr_expect_eq(kt_defect_part((kt_defect_t)d, NAN, 720), 1);
        for (int i = 1; i < 200; i++) {
            const double part = kt_defect_part((kt_defect_t)d, i * 0.5, 720);
            cr_expect(part > 0 && part <= 1);
            cr_expect(d == KT_DEFECT_RESOLUTION ? part >= before : part <= before);
            before = part;
        }
    }
    cr_expect_gt(kt_defect_part(KT_DEFECT_BLUR, 3, 2160), kt_defect_part(KT_DEFECT_BLUR, 3, 1080));
    cr_expect_lt(kt_defect_part(KT_DEFECT_BRISQUE, -5, 720), 1.0001);
}

// A set with quality_assessor, whose score is the sum of what it reads; text: of its file.
static kt_model_set_t *
open_set(const ktm_text_t *text)
{
    static const char YML[]    = "models:\n  video:\n    quality_assessor: {version: \"1.0.0\", path: q.ktm}\n";
    char              folder[] = "/tmp/quality_testXXXXXX", path[64], why[KT_CATALOGUE_WHY];
    size_t            length;
    uint8_t          *bytes = ktm_build(text, &length);
    kt_model_set_t   *set   = NULL;
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/q.ktm", folder);
    cr_assert_eq(kt_file_replace(path, 0600, (const char *)bytes, length), KT_OK);
    (void)snprintf(path, sizeof path, "%s/models.yml", folder);
    cr_assert_eq(kt_file_replace(path, 0600, YML, strlen(YML)), KT_OK);
    cr_assert_eq(kt_model_set_open(&set, folder, NULL, why), KT_OK, "%s", why);
    char command[80];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
    free(bytes);
    return set;
}

static const ktm_text_t SUM = {
    .graph = "{'inputs':[{'name':'x','shape':['N',36]}],'nodes':[{'op':'reduce_sum','in':['x'],'out':['y'],'axes':[1],"
             "'keep':true}],'outputs':['y']}",
    .input = "{'kind':'picture_features','features':'brisque'}",
    .outputs = "[{'name':'score','value':'y','per':'image'}]",
    .name    = "quality_assessor",
    .version = "1.0.0"};

static const char *
method(const char *name)
{
    return kt_json_str(film.methods, name, "");
}

Test(picture_quality, the_model_reads_every_second_picture_and_is_named)
{
    kt_model_set_t *set = open_set(&SUM);
    double          sum = 0;
    film_begin_models(&film, &kt_video_quality, set);
    for (int i = 0; i < 2; i++) {
        scene_paint(&scene);
        scene_noise(&scene, i ? 30 : 3);
        show(i);
    }
    film_end(&film, 2);
    scene_paint(&scene);
    scene_noise(&scene, 3);
    kt_brisque_t *brisque = NULL;
    float         features[KT_BRISQUE_FEATURES];
    cr_assert_eq(kt_brisque_new(&brisque, kt_isa(NULL)), KT_OK);
    const kt_luma_t luma = {scene.at[0], SCENE_WIDTH, SCENE_HEIGHT, SCENE_WIDTH, 16, 255.0F / 219};
    cr_assert_eq(kt_brisque_compute(brisque, &luma, features), KT_OK);
    for (int i = 0; i < KT_BRISQUE_FEATURES; i++)
        sum += (double)features[i];
    kt_brisque_destroy(&brisque);
    cr_expect_float_eq(member("picture_quality", "brisque"), sum, 1e-3);
    cr_expect_gt(member("picture_quality_parts", "brisque"), 0.9);
    cr_expect_str_eq(kt_json_str(kt_json_get(film.message, "model_versions"), "quality_assessor", ""), "1.0.0");
    cr_expect_not_null(strstr(method("technical.quality_score"), "brisque"), "%s", method("technical.quality_score"));
    film_free(&film);
    kt_model_set_release(&set);
}

Test(picture_quality, without_the_model_the_reason_is_said_and_the_parts_that_count_are_named)
{
    film_begin(&film, &kt_video_quality);
    scene_paint(&scene);
    show(0);
    film_end(&film, 1);
    cr_expect_not_null(strstr(method("picture_quality"), "no brisque: no models"), "%s", method("picture_quality"));
    cr_expect_str_eq(method("technical.quality_score"), "product of blur, blockiness, noise, banding, resolution");
    film_free(&film);
}

Test(picture_quality, a_part_that_cannot_be_measured_does_not_count)
{
    film_begin(&film, &kt_video_quality);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            scene.at[y][x] = (uint8_t)(40 + x / 5 + y / 6);
    show(0);
    film_end(&film, 1);
    cr_expect_eq(member("picture_quality", "blur"), -1);
    cr_expect_str_eq(method("technical.quality_score"), "product of blockiness, noise, banding, resolution");
    film_free(&film);
}

Test(picture_quality, another_model_of_that_name_is_refused_with_a_reason)
{
    ktm_text_t other    = SUM;
    other.outputs       = "[{'name':'other','value':'y','per':'image'}]";
    kt_model_set_t *set = open_set(&other);
    film_begin_models(&film, &kt_video_quality, set);
    scene_paint(&scene);
    show(0);
    film_end(&film, 1);
    cr_expect_not_null(strstr(method("picture_quality"), "it gives no score"), "%s", method("picture_quality"));
    cr_expect_eq(member("picture_quality", "brisque"), -1);
    film_free(&film);
    kt_model_set_release(&set);
}
