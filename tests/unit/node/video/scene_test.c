#include "node/video/scene/scene.h"
#include "node/video/shots.h"
#include "tests/unit/node/video/picture_models.h"
#include "tests/unit/node/video/reel.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(scene_model, .init = mo_make, .fini = mo_remove);
TestSuite(scene_shots, .init = mo_make, .fini = mo_remove);

// --- the model on pictures

enum { SIDE = 8, MOST = 200 };

static uint8_t        pixels[SIDE * SIDE * 3];
static kt_scene_row_t got[MOST];
static size_t         n_got;

static kt_picture_t
picture_of(uint8_t left_red, uint8_t right_red, uint8_t blue)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        pixels[3 * i]     = i % SIDE < SIDE / 2 ? left_red : right_red;
        pixels[3 * i + 2] = blue;
    }
    return (kt_picture_t){pixels, SIDE, SIDE, 3 * SIDE};
}

static void
take(const kt_scene_row_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        got[n_got++] = rows[i];
}

// Pictures whose left half is of this red up to `change`, and brighter by 10 from it on.
static void
run_model(uint32_t rotation, size_t n, size_t change, bool on_the_right)
{
    kt_model_set_t       *set   = pm_open_scene();
    kt_scene_model_t     *model = NULL;
    const kt_scene_row_t *rows;
    char                  why[KT_PICTURE_WHY];
    size_t                ready = 1;
    n_got                       = 0;
    cr_assert_eq(kt_scene_model_new(&model, set, rotation, why), KT_OK);
    cr_assert(model, "%s", why);
    for (size_t i = 0; i < n; i++) {
        const uint8_t      red     = i < change ? 60 : 70;
        const kt_picture_t picture = picture_of(on_the_right ? 0 : red, on_the_right ? red : 0, i % 2 ? 255 : 0);
        cr_assert_eq(kt_scene_model_push(model, &picture, false, i, (double)i / 25, &rows, &ready), KT_OK);
        take(rows, ready);
    }
    for (ready = 1; ready > 0; take(rows, ready))
        cr_assert_eq(kt_scene_model_close(model, &rows, &ready), KT_OK);
    cr_assert_eq(n_got, n);
    kt_scene_model_destroy(&model);
    kt_model_set_release(&set);
}

Test(scene_model, every_picture_has_one_row_in_order_wherever_blocks_end)
{
    for (size_t n = 1; n < 40; n++)
        for (size_t change = 1; change < n; change += 5) {
            run_model(0, n, change, false);
            for (size_t i = 0; i < n; i++) {
                cr_expect_eq(got[i].index, i);
                cr_expect_float_eq(got[i].time_s, (double)i / 25, 1e-9);
                cr_expect_float_eq(got[i].last, i + 1 == change ? 1 : 0, 1e-5, "%zu of %zu", i, n);
                cr_expect_float_eq(got[i].between, i % 2, 1e-5);
            }
        }
}

Test(scene_model, pictures_are_turned_as_they_are_shown)
{
    run_model(0, 12, 6, true);
    cr_expect_float_eq(got[5].last, 0, 1e-5);
    run_model(180, 12, 6, true);
    cr_expect_float_eq(got[5].last, 1, 1e-5);
    run_model(90, 12, 6, true);  // the right half is shown below: half of the left half is of it
    cr_expect_float_eq(got[5].last, 0.5, 1e-5);
}

Test(scene_model, a_repeated_picture_is_the_one_before)
{
    kt_model_set_t       *set   = pm_open_scene();
    kt_scene_model_t     *model = NULL;
    const kt_scene_row_t *rows;
    char                  why[KT_PICTURE_WHY];
    size_t                ready = 1;
    cr_assert_eq(kt_scene_model_new(&model, set, 0, why), KT_OK);
    kt_picture_t picture = picture_of(60, 60, 0);
    cr_assert_eq(kt_scene_model_push(model, &picture, false, 0, 0, &rows, &ready), KT_OK);
    picture = picture_of(200, 200, 0);
    cr_assert_eq(kt_scene_model_push(model, &picture, true, 1, 0.04, &rows, &ready), KT_OK);
    cr_assert_eq(kt_scene_model_close(model, &rows, &ready), KT_OK);
    cr_assert_eq(ready, 2);
    cr_expect_float_eq(rows[0].last, 0, 1e-5);
    kt_scene_model_destroy(&model);
    kt_model_set_release(&set);
}

Test(scene_model, what_cannot_be_used_is_named)
{
    kt_scene_model_t *model = NULL;
    char              why[KT_PICTURE_WHY];
    kt_model_set_t   *set = pm_open(NULL);
    cr_assert_eq(kt_scene_model_new(&model, set, 0, why), KT_OK);
    cr_expect(!model);
    cr_expect_str_eq(why, "model scene_detector is not installed: ops/models fetch");
    kt_model_set_release(&set);
    set = pm_open_scene_swapped();
    cr_assert_eq(kt_scene_model_new(&model, set, 0, why), KT_OK);
    cr_expect(!model);
    cr_expect_str_eq(why, "model scene_detector: it is no model of consecutive pictures");
    kt_model_set_release(&set);
}

// --- the rule

static kt_scene_join_t join;
static kt_shot_list_t  detected;

// 100 pictures, 25 per second; a probability of .9 that a shot ends with each of `last` (behind the last one: 0), .1 of
// the pictures beside them.
static void
rule_begin(const size_t *last)
{
    kt_scene_row_t rows[100];
    kt_scene_join_init(&join);
    memset(&detected, 0, sizeof detected);
    cr_assert_eq(kt_shot_list_add(&detected, &(kt_shot_t){0, 0, 0, KT_CUT}), KT_OK);
    for (size_t i = 0; i < 100; i++)
        rows[i] = (kt_scene_row_t){.index = i, .time_s = (double)i / 25};
    for (; *last; last++) {
        rows[*last].last     = 0.9F;
        rows[*last].between  = 0.9F;
        rows[*last - 1].last = rows[*last + 1].last = 0.1F;
    }
    cr_assert_eq(kt_scene_join_add(&join, rows, 100, &detected, 0), KT_OK);
}

static void
detect(uint64_t index, uint64_t from, kt_transition_t kind)
{
    cr_assert_eq(kt_shot_list_add(&detected, &(kt_shot_t){index, (double)index / 25, (double)from / 25, kind}), KT_OK);
}

static void
expect(size_t n, const uint64_t *index, size_t both, size_t detector, size_t model, size_t refused)
{
    cr_assert_eq(kt_scene_join_until(&join, &detected, detected.count, INFINITY), KT_OK);
    cr_assert_eq(join.list.count, n, "%zu", join.list.count);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(join.list.shot[i].index, index[i], "%zu: %llu", i, (unsigned long long)join.list.shot[i].index);
    cr_expect(join.counts.both == both && join.counts.detector == detector && join.counts.model == model &&
                  join.counts.refused == refused,
              "%zu %zu %zu %zu", join.counts.both, join.counts.detector, join.counts.model, join.counts.refused);
    kt_scene_join_fini(&join);
    kt_shot_list_fini(&detected);
}

Test(scene_join, what_both_say_begins_at_the_picture_of_the_detector)
{
    rule_begin((size_t[]){40, 60, 0});
    detect(41, 41, KT_CUT);
    detect(62, 62, KT_CUT);
    expect(3, (uint64_t[]){0, 41, 62}, 2, 0, 0, 0);
}

Test(scene_join, a_cut_that_the_model_does_not_see_at_all_is_refused)
{
    rule_begin((size_t[]){40, 0});
    detect(41, 41, KT_CUT);
    detect(70, 70, KT_CUT);
    expect(2, (uint64_t[]){0, 41}, 1, 0, 0, 1);
}

Test(scene_join, a_doubtful_cut_of_the_detector_stands)
{
    rule_begin((size_t[]){0});
    join.rows[69].last = 0.1F;
    detect(70, 70, KT_CUT);
    expect(2, (uint64_t[]){0, 70}, 0, 1, 0, 0);
}

Test(scene_join, a_gradual_change_of_the_detector_stands_and_takes_what_the_model_says_of_it)
{
    rule_begin((size_t[]){50, 0});
    detect(30, 20, KT_FADE);
    detect(55, 45, KT_WIPE);
    expect(3, (uint64_t[]){0, 30, 55}, 1, 1, 0, 0);
}

Test(scene_join, what_the_model_alone_sees_is_added)
{
    rule_begin((size_t[]){20, 80, 0});
    for (int i = 45; i < 56; i++)
        join.rows[i].between = 0.9F;
    join.rows[50].last = 0.9F;
    detect(81, 81, KT_CUT);
    cr_assert_eq(kt_scene_join_until(&join, &detected, detected.count, INFINITY), KT_OK);
    cr_assert_eq(join.list.count, 4);
    cr_expect_eq(join.list.shot[1].transition, KT_CUT);
    cr_expect_eq(join.list.shot[2].transition, KT_DISSOLVE);
    cr_expect_float_eq(join.list.shot[2].from_s, 45.0 / 25, 1e-9);
    expect(4, (uint64_t[]){0, 21, 56, 81}, 1, 0, 2, 0);
}

Test(scene_join, a_change_at_the_last_picture_begins_no_shot)
{
    rule_begin((size_t[]){0});
    join.rows[99].last = 0.9F;
    expect(1, (uint64_t[]){0}, 0, 0, 0, 0);
}

Test(scene_join, without_probabilities_the_detector_decides)
{
    rule_begin((size_t[]){0});
    for (int i = 0; i < 100; i++)
        join.rows[i].last = join.rows[i].between = NAN;
    detect(41, 41, KT_CUT);
    expect(2, (uint64_t[]){0, 41}, 0, 1, 0, 0);
}

Test(scene_join, a_shot_is_joined_when_both_are_decided_and_then_stays)
{
    rule_begin((size_t[]){40, 0});
    detect(41, 41, KT_CUT);
    cr_assert_eq(kt_scene_join_until(&join, &detected, 1, 1.0), KT_OK);
    cr_expect_eq(join.list.count, 1);
    cr_expect_leq(kt_scene_join_decided_s(&join), 1.0 - KT_SCENE_SLACK_S + 0.04);
    cr_assert_eq(kt_scene_join_until(&join, &detected, 2, 3.0), KT_OK);
    cr_expect_eq(join.list.count, 2);
    cr_expect_geq(kt_scene_join_decided_s(&join), 2.0);
    detect(90, 90, KT_CUT);
    expect(2, (uint64_t[]){0, 41}, 1, 0, 0, 1);
}

Test(scene_join, a_ring_that_is_full_is_joined_with_what_is_known)
{
    kt_scene_join_init(&join);
    memset(&detected, 0, sizeof detected);
    detect(0, 0, KT_CUT);
    for (uint64_t i = 0; i < 3 * KT_SCENE_ROWS; i++) {
        const kt_scene_row_t row = {
            .index = i, .time_s = (double)i / 25, .last = i == 5 ? 0.9F : 0, .between = i > 9000};
        cr_assert_eq(kt_scene_join_add(&join, &row, 1, &detected, 1), KT_OK);
        cr_assert_eq(kt_scene_join_until(&join, &detected, 1, 0), KT_OK);
    }
    expect(2, (uint64_t[]){0, 6}, 0, 0, 1, 0);
}

// --- in the list of shots

static const json_t *
shots_message(json_t **message)
{
    static const kt_job_t job      = {.message_id = "m", .file_path = "/f", .options = KT_OPTION_ALL};
    kt_document_t        *document = NULL;
    char                  why[KT_DOCUMENT_WHY];
    kt_buf_t              text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_document_bool(document, KT_FEATURE_TECHNICAL_has_video, true);
    kt_shots_write(reel_shots, document);
    cr_assert_eq(kt_document_finish(document, &(kt_stamp_t){0}, &text, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, KT_DOCUMENT_MAX_BYTES, message, why), KT_OK);
    kt_buf_fini(&text);
    kt_document_destroy(&document);
    return kt_json_get(kt_json_get(*message, "features"), "visual");
}

static void
show(int n, int scene, int from, uint8_t v)
{
    reel_picture_t picture;
    for (int i = from; i < from + n; i++) {
        reel_paint(&picture, scene, i, 30, 120, 60);
        memset(picture.u, 110, sizeof picture.u);
        memset(picture.v, v, sizeof picture.v);
        reel_show(&picture, 0);
    }
}

static kt_video_stream_t
stream_of(kt_model_set_t *set, const char *setting)
{
    return (kt_video_stream_t){.models = set, .options = KT_OPTION_ALL, .mode = "full", .scene_model = setting};
}

// A cut that both see (other content, more red), a step of red of the same content, and a cut to less red.
static void
show_three(void)
{
    show(40, 1, 0, 128);
    show(40, 2, 0, 160);
    show(40, 2, 40, 168);
    show(40, 3, 0, 128);
}

Test(scene_shots, the_list_is_that_of_both_and_says_who_decided)
{
    kt_model_set_t         *set    = pm_open_scene();
    const kt_video_stream_t stream = stream_of(set, "on");
    json_t                 *message;
    reel_begin_with(&stream);
    show_three();
    reel_expect(3, (uint64_t[]){0, 40, 80});
    const json_t *counts = kt_json_get(shots_message(&message), "scene_decisions");
    cr_expect_float_eq(kt_json_f64(counts, "both", -1), 1, 1e-9);
    cr_expect_float_eq(kt_json_f64(counts, "detector", -1), 0, 1e-9);
    cr_expect_float_eq(kt_json_f64(counts, "model", -1), 1, 1e-9);
    cr_expect_float_eq(kt_json_f64(counts, "refused", -1), 1, 1e-9);
    cr_expect_str_eq(kt_json_str(kt_json_get(message, "methods"), "scene_changes", ""),
                     "signal, model:scene_detector 1.0.0: both 1, detector 0, model 1, refused 1");
    cr_expect_str_eq(kt_json_str(kt_json_get(message, "model_versions"), "scene_detector", ""), "1.0.0");
    kt_json_free(&message);
    reel_end();
    kt_model_set_release(&set);
}

Test(scene_shots, a_shot_in_the_list_stays_as_it_is)
{
    kt_model_set_t         *set    = pm_open_scene();
    const kt_video_stream_t stream = stream_of(set, "on");
    kt_shot_t               seen[8];
    size_t                  known = 0;
    reel_begin_with(&stream);
    for (int i = 0; i < 12; i++) {
        show(11 + i, 1 + i % 3, 0, (uint8_t)(128 + 40 * (i % 2)));
        for (size_t s = 0; s < known; s++)
            cr_assert_eq(kt_shots_at(reel_shots, s)->index, seen[s].index);
        for (; known < kt_shots_count(reel_shots) && known < 8; known++) {
            seen[known] = *kt_shots_at(reel_shots, known);
            cr_expect_geq(seen[known].begin_s + 1e-9, known ? seen[known - 1].begin_s : 0);
        }
    }
    cr_expect_gt(known, 2);
    reel_end();
    kt_model_set_release(&set);
}

static void
expect_absent(const char *setting, const char *mode, kt_model_set_t *set, uint32_t options, const char *reason)
{
    kt_video_stream_t stream = stream_of(set, setting);
    json_t           *message;
    stream.mode          = mode;
    stream.options       = options;
    stream.models_absent = "no models are deployed";
    reel_begin_with(&stream);
    show_three();
    reel_expect(3, (uint64_t[]){0, 40, 120});
    cr_expect(kt_json_is_null(kt_json_get(shots_message(&message), "scene_decisions")));
    cr_expect_str_eq(kt_json_str(kt_json_get(message, "reasons"), "scene_decisions", ""), reason);
    kt_json_free(&message);
    reel_end();
}

Test(scene_shots, without_the_model_the_detector_decides_and_the_reason_is_named)
{
    kt_model_set_t *set = pm_open_scene();
    expect_absent("off", "full", set, KT_OPTION_ALL, "not asked for");
    expect_absent("auto", "full", set, KT_OPTION_ALL, "not asked for");
    expect_absent("on", "keyframes", set, KT_OPTION_ALL, "ANALYZER_VIDEO_MODE leaves pictures out");
    expect_absent("on", "full", set, KT_OPTION_ALL & ~(uint32_t)KT_OPTION_MODELS, "use_models is false");
    expect_absent("on", "full", NULL, KT_OPTION_ALL, "no models are deployed");
    kt_model_set_release(&set);
    set = pm_open(NULL);
    expect_absent("on", "full", set, KT_OPTION_ALL, "model scene_detector is not installed: ops/models fetch");
    kt_model_set_release(&set);
}
