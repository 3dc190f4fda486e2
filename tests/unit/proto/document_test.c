#include "proto/document.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const kt_stamp_t STAMP = {12.34, 1704110412000};

static kt_job_t       job;
static kt_document_t *doc;
static kt_buf_t       out;
static char           why[KT_DOCUMENT_WHY];
static json_t        *tree;

static void
open_document(void)
{
    job = (kt_job_t){.message_id = "m1", .media_id = "d1", .file_path = "/a.mp3", .options = KT_OPTION_ALL};
    kt_buf_init(&out, 4 << 20);
    cr_assert_eq(kt_document_new(&doc, &job), KT_OK);
}

static void
close_document(void)
{
    kt_document_destroy(&doc);
    kt_document_destroy(&doc);  // idempotent
    kt_buf_fini(&out);
    kt_json_free(&tree);
}

TestSuite(document, .init = open_document, .fini = close_document);

static kt_err_t
finish(void)
{
    *why = '\0';
    kt_buf_clear(&out);
    kt_json_free(&tree);
    kt_err_t err = kt_document_finish(doc, &STAMP, &out, why);
    if (err)
        return err;
    cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(out.bytes, out.length, KT_DOCUMENT_MAX_BYTES, &tree, why), KT_OK, "%s", why);
    return KT_OK;
}

// A member by its path: "features.spectral.mfcc".
static const json_t *
at(const char *path)
{
    char          name[64];
    const json_t *value = tree;
    while (value && *path) {
        size_t n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        value = kt_json_get(value, name);
        path += n + (path[n] == '.');
    }
    return value;
}

static bool
is_null(const char *path)
{
    kt_buf_t text;
    kt_buf_init(&text, 4096);
    if (at(path))
        kt_json_write(at(path), &text);
    bool null = at(path) && !text.err && !strcmp(text.bytes, "null");
    kt_buf_fini(&text);
    return null;
}

static void
fill(void)
{
    kt_statistic_t one     = {1000.5, 10, 900, 1100, 1001};
    kt_statistic_t many[3] = {{-1, 1, -2, 0, -1}, {2, 1, 1, 3, 2}, {0.1, 0, 0.1, 0.1, 0.1}};
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_spectral_centroid, &one, 1);
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_mfcc, many, 3);
    kt_document_reals(doc, KT_FEATURE_TECHNICAL_resolution, (double[]){1920, 1080}, 2);
    kt_document_text(doc, KT_FEATURE_TECHNICAL_codec, "mp3");
    kt_document_int(doc, KT_FEATURE_TECHNICAL_sample_rate, 44100);
    kt_document_bool(doc, KT_FEATURE_TECHNICAL_has_audio, true);
    kt_document_bool(doc, KT_FEATURE_TECHNICAL_has_video, false);
    kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, "title", "Song");
    kt_document_pair(doc, KT_FEATURE_MIR_genre_probabilities, "rock", 0.75);
    kt_document_real(doc, KT_FEATURE_QUALITY_dynamic_range, 12.5);
    kt_document_model(doc, "msd_musicnn", "1.2.0");
}

Test(document, values_are_where_the_specification_has_them)
{
    fill();
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_str_eq(kt_json_str(tree, "message_id", ""), "m1");
    cr_assert_str_eq(kt_json_str(tree, "media_id", ""), "d1");
    cr_assert_str_eq(kt_json_str(tree, "file_path", ""), "/a.mp3");
    cr_assert_str_eq(kt_json_str(tree, "analysis_version", ""), KT_ANALYSIS_VERSION);
    cr_assert_float_eq(kt_json_f64(tree, "processing_time", 0), 12.34, 0);
    cr_assert(kt_json_flag(tree, "success", false));
    cr_assert_eq(strncmp(kt_json_str(tree, "timestamp", ""), "2024-01-01T12:00:12", 19), 0);
    cr_assert_float_eq(kt_json_f64(at("features.spectral"), "spectral_centroid", 0), 1000.5, 0);
    cr_assert_eq(kt_json_count(at("features.spectral.mfcc")), 3);
    cr_assert_float_eq(kt_json_f64(at("features.statistics.spectral_centroid"), "median", 0), 1001, 0);
    cr_assert_eq(kt_json_count(at("features.statistics.mfcc.std")), 3);
    cr_assert_eq(kt_json_i64(at("features.technical"), "sample_rate", 0), 44100);
    cr_assert_str_eq(kt_json_str(at("features.technical.tags"), "title", ""), "Song");
    cr_assert_float_eq(kt_json_f64(at("features.mir.genre_probabilities"), "rock", 0), 0.75, 0);
    cr_assert_float_eq(kt_json_f64(at("quality_metrics"), "dynamic_range", 0), 12.5, 0);
    cr_assert_str_eq(kt_json_str(at("model_versions"), "msd_musicnn", ""), "1.2.0");
    cr_assert_null(at("error"));
}

Test(document, members_keep_the_specifications_order)
{
    static const char *const order[] = {"\"message_id\"",
                                        "\"media_id\"",
                                        "\"file_path\"",
                                        "\"analysis_version\"",
                                        "\"processing_time\"",
                                        "\"success\"",
                                        "\"features\":{\"spectral\"",
                                        "\"mir\"",
                                        "\"perceptual\"",
                                        "\"technical\"",
                                        "\"visual\"",
                                        "\"mood\"",
                                        "\"instruments\"",
                                        "\"statistics\"",
                                        "\"quality_metrics\"",
                                        "\"similarity_vectors\"",
                                        "\"methods\"",
                                        "\"reasons\"",
                                        "\"model_versions\"",
                                        "\"timestamp\""};
    cr_assert_eq(finish(), KT_OK, "%s", why);
    const char *last = out.bytes;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        last = strstr(last, order[i]);
        cr_assert_not_null(last, "%s", order[i]);
    }
}

Test(document, every_feature_of_the_table_is_present_even_when_nothing_was_set)
{
    kt_document_bool(doc, KT_FEATURE_TECHNICAL_has_video, true);
    cr_assert_eq(finish(), KT_OK, "%s", why);
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)i);
        char                     path[128];
        snprintf(path, sizeof path, "%s.%s", kt_group_path(desc->group), desc->name);
        cr_assert_not_null(at(path), "%s", path);
    }
    cr_assert_str_eq(kt_json_str(at("reasons"), "visual", ""), "not computed by this version");
}

Test(document, a_file_without_picture_has_no_visual_object)
{
    fill();
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert(is_null("features.visual"));
    cr_assert_str_eq(kt_json_str(at("reasons"), "visual", ""), "no video");
    cr_assert_str_eq(kt_json_str(at("reasons"), "frame_rate", ""), "no video");
    cr_assert(is_null("features.mood.arousal"));
}

Test(document, reasons_are_given_once_for_a_whole_group)
{
    fill();
    kt_document_null(doc, KT_FEATURE_SPECTRAL_rms, "silence");
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_str_eq(kt_json_str(at("reasons"), "perceptual", ""), "not computed by this version");
    cr_assert_null(kt_json_get(at("reasons"), "energy"));
    cr_assert_str_eq(kt_json_str(at("reasons"), "rms", ""), "silence");
    cr_assert_str_eq(kt_json_str(at("reasons"), "tonnetz", ""), "not computed by this version");
    cr_assert_null(kt_json_get(at("reasons"), "mfcc"));
}

Test(document, what_was_not_requested_has_the_reason)
{
    kt_document_destroy(&doc);
    job.options = KT_OPTION_SPECTRAL;
    cr_assert_eq(kt_document_new(&doc, &job), KT_OK);
    cr_assert_eq(finish(), KT_OK, "%s", why);
    static const char *const groups[] = {"mir", "perceptual", "quality", "vectors"};
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(kt_json_str(at("reasons"), groups[i], ""), "not asked for", "%s", groups[i]);
    cr_assert_str_eq(kt_json_str(at("reasons"), "spectral", ""), "not computed by this version");
}

Test(document, methods_name_only_estimated_values_that_are_there)
{
    fill();
    kt_document_method(doc, KT_FEATURE_MIR_genre_probabilities, "musicnn");
    kt_document_method(doc, KT_FEATURE_MIR_tempo, "model");
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_str_eq(kt_json_str(at("methods"), "genre_probabilities", ""), "musicnn");
    cr_assert_str_eq(kt_json_str(at("methods"), "spectral_centroid", ""), "stft");
    cr_assert_eq(strcmp(kt_json_str(kt_json_get(tree, "methods"), "quality.dynamic_range", ""), "r128"), 0);
    cr_assert_null(kt_json_get(at("methods"), "tempo"));  // null has no method
    cr_assert_null(kt_json_get(at("methods"), "codec"));  // a fact has none either
}

Test(document, a_number_that_is_not_finite_is_null_with_a_reason)
{
    kt_statistic_t bad  = {NAN, 0, 0, 0, 0};
    kt_statistic_t half = {1, NAN, 1, 1, INFINITY};
    kt_document_real(doc, KT_FEATURE_SPECTRAL_rms, NAN);
    kt_document_reals(doc, KT_FEATURE_SPECTRAL_chroma, (double[]){0.5, -INFINITY}, 2);
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_spectral_rolloff, &bad, 1);
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_spectral_bandwidth, &half, 1);
    kt_document_pair(doc, KT_FEATURE_INSTRUMENTS_probabilities, "flute", 0.5);
    kt_document_pair(doc, KT_FEATURE_INSTRUMENTS_probabilities, "oboe", NAN);
    kt_document_pair(doc, KT_FEATURE_INSTRUMENTS_probabilities, "drums", 0.5);
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert(is_null("features.spectral.rms"));
    cr_assert(is_null("features.spectral.chroma"));
    cr_assert(is_null("features.spectral.spectral_rolloff"));
    cr_assert(is_null("features.instruments.probabilities"));
    cr_assert_str_eq(kt_json_str(at("reasons"), "rms", ""), "not finite");
    cr_assert_str_eq(kt_json_str(at("reasons"), "chroma", ""), "not finite");
    cr_assert_null(at("features.statistics.spectral_rolloff"));
    cr_assert(is_null("features.statistics.spectral_bandwidth.std"));
    cr_assert_float_eq(kt_json_f64(at("features.statistics.spectral_bandwidth"), "min", 0), 1, 0);
}

static void
expect_refusal(const char *named)
{
    cr_assert_eq(finish(), KT_EDOCUMENT, "%s was taken", named);
    cr_assert_not_null(strstr(why, named), "%s: %s", named, why);
    cr_assert_eq(out.length, 0);
    kt_document_destroy(&doc);
    cr_assert_eq(kt_document_new(&doc, &job), KT_OK);
}

Test(document, what_breaks_the_table_is_refused)
{
    double many[129] = {0};
    kt_document_real(doc, KT_FEATURE_PERCEPTUAL_energy, 1.01);
    expect_refusal("features.perceptual.energy");
    kt_document_reals(doc, KT_FEATURE_VECTORS_mir_vector, (double[]){0, -1.5}, 2);
    expect_refusal("similarity_vectors.mir_vector");
    kt_document_int(doc, KT_FEATURE_MIR_time_signature, 1);
    expect_refusal("features.mir.time_signature");
    kt_document_text(doc, KT_FEATURE_MIR_key, "much too long");
    expect_refusal("features.mir.key");
    kt_document_reals(doc, KT_FEATURE_SPECTRAL_mfcc, many, 129);
    expect_refusal("features.spectral.mfcc");
    kt_document_pair(doc, KT_FEATURE_MIR_genre_probabilities, "rock", 2);
    expect_refusal("features.mir.genre_probabilities");
    kt_document_int(doc, KT_FEATURE_SPECTRAL_rms, 1);
    expect_refusal("features.spectral.rms");
    kt_statistic_t stats[2] = {{1, 0, 1, 1, 1}, {1, 0, 1, 1, 1}};
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_rms, stats, 2);
    expect_refusal("features.spectral.rms");
    kt_document_statistics(doc, KT_FEATURE_TECHNICAL_codec, stats, 1);
    expect_refusal("features.technical.codec");
    stats[0].std = -1;
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_rms, stats, 1);
    expect_refusal("features.statistics.rms.std");
}

Test(document, tags_of_a_file_never_fail_it)
{
    char key[80], *lyrics = malloc(200001);
    memset(lyrics, 'a', 200000);
    lyrics[200000] = '\0';
    kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, "lyrics", lyrics);
    kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, "lyrics", "again");
    kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, "bad\xff", "not \xff UTF-8");
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "a rather long key of seventy characters for a tag, as files have %d", i);
        kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, key + (i < 60 ? 50 : 0), "value");
    }
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_leq(kt_json_count(at("features.technical.tags")), 64);
    cr_assert_eq(strlen(kt_json_str(at("features.technical.tags"), "lyrics", "")), KT_DOCUMENT_TAG - 1);
    cr_assert_str_eq(kt_json_str(at("features.technical.tags"), "bad\xef\xbf\xbd", ""), "not \xef\xbf\xbd UTF-8");
    free(lyrics);
}

Test(document, a_document_that_is_too_large_is_refused)
{
    enum { N = 20000 };
    static char filler[1000];
    memset(filler, 'a', sizeof filler - 1);
    double *times = malloc(N * sizeof *times);
    for (int i = 0; i < N; i++)
        times[i] = i * 1.2345678;
    kt_document_bool(doc, KT_FEATURE_TECHNICAL_has_video, true);
    kt_document_reals(doc, KT_FEATURE_VISUAL_scene_changes, times, N);
    kt_document_reals(doc, KT_FEATURE_VISUAL_motion_vectors, times, N);
    kt_buf_t list;
    json_t  *texts;
    kt_buf_init(&list, 2 << 20);
    for (int i = 0; i < 1000; i++)
        kt_buf_fmt(&list, "%s{\"text\":\"%s\"}", i ? "," : "{\"list\":[", filler);
    kt_buf_str(&list, "]}");
    cr_assert_eq(kt_json_parse(list.bytes, list.length, 2 << 20, &texts, why), KT_OK);
    kt_buf_fini(&list);
    kt_document_objects(doc, KT_FEATURE_VISUAL_text_regions, json_incref(json_object_get(texts, "list")));
    json_decref(texts);
    cr_assert_eq(finish(), KT_EDOCUMENT);
    cr_assert_not_null(strstr(why, "larger"), "%s", why);
    cr_assert_eq(out.length, 0);
    free(times);
}

Test(document, the_same_values_are_the_same_bytes_in_any_order_of_calls)
{
    fill();
    cr_assert_eq(finish(), KT_OK);
    char *first = strdup(out.bytes);
    cr_assert_eq(finish(), KT_OK);  // finishing changes nothing
    cr_assert_str_eq(first, out.bytes);
    kt_document_destroy(&doc);
    cr_assert_eq(kt_document_new(&doc, &job), KT_OK);
    kt_document_real(doc, KT_FEATURE_QUALITY_dynamic_range, 1);
    kt_document_null(doc, KT_FEATURE_TECHNICAL_codec, "a later value wins");
    fill();
    cr_assert_eq(finish(), KT_OK);
    cr_assert_str_eq(first, out.bytes);
    free(first);
}

Test(document, reals_have_nine_digits)
{
    kt_document_real(doc, KT_FEATURE_SPECTRAL_rms, 1.0 / 3);
    cr_assert_eq(finish(), KT_OK);
    cr_assert_not_null(strstr(out.bytes, "\"rms\":0.333333333,"));
}

// One change to a valid document's text, which then must be refused with these words.
static void
expect_change_refused(const char *old, const char *new, const char *named)
{
    kt_buf_t    changed;
    const char *place = strstr(out.bytes, old);
    cr_assert_not_null(place, "%s", old);
    kt_buf_init(&changed, KT_DOCUMENT_MAX_BYTES);
    kt_buf_add(&changed, out.bytes, (size_t)(place - out.bytes));
    kt_buf_str(&changed, new);
    kt_buf_str(&changed, place + strlen(old));
    cr_assert_eq(kt_document_check(changed.bytes, changed.length, why), KT_EDOCUMENT, "%s", new);
    cr_assert_not_null(strstr(why, named), "%s: %s", new, why);
    kt_buf_fini(&changed);
}

Test(document, a_failure_has_its_error_and_detail)
{
    cr_assert_eq(kt_document_failure(&job, KT_ENOFILE, "/a.mp3", &STAMP, &out), KT_OK);
    cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(out.bytes, out.length, KT_DOCUMENT_MAX_BYTES, &tree, why), KT_OK);
    cr_assert_not(kt_json_flag(tree, "success", true));
    cr_assert(is_null("features"));
    cr_assert(is_null("quality_metrics"));
    cr_assert(is_null("similarity_vectors"));
    cr_assert_str_eq(kt_json_str(at("error"), "code", ""), "ENOFILE");
    cr_assert_eq(kt_json_i64(at("error"), "number", 0), -40);
    cr_assert_str_eq(kt_json_str(at("error"), "text", ""), "no such file");
    cr_assert_str_eq(kt_json_str(at("error"), "detail", ""), "/a.mp3");
}

Test(document, a_failure_may_keep_the_features_of_the_part_that_was_read)
{
    fill();
    kt_document_fail(doc, KT_ETRUNCATED, "the end is \xff missing");
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(out.bytes, out.length, KT_DOCUMENT_MAX_BYTES, &tree, why), KT_OK);
    cr_assert_not(kt_json_flag(tree, "success", true));
    cr_assert_str_eq(kt_json_str(at("error"), "code", ""), "ETRUNCATED");
    cr_assert_eq(kt_json_i64(at("error"), "number", 0), KT_ETRUNCATED);
    cr_assert_str_eq(kt_json_str(at("error"), "detail", ""), "the end is \xef\xbf\xbd missing");
    cr_assert_not(is_null("features.spectral.spectral_centroid"));
    expect_change_refused("\"quality_metrics\":{", "\"quality_metrics\":null,\"x\":{", "quality_metrics is null");
    expect_change_refused("1000.5", "96001", "features.spectral.spectral_centroid");
}

Test(document, a_failure_of_any_code_with_any_detail_is_valid)
{
    static const kt_err_t errs[] = {
#define KT_ERR(name, value, verdict, scope, text, action) KT_##name,
#include "common/err.def"
#undef KT_ERR
    };
    static char detail[4000];
    memset(detail, '\xfe', sizeof detail - 1);
    memset(job.file_path, '"', sizeof job.file_path - 1);
    *job.media_id = '\0';
    for (size_t i = 1; i < sizeof errs / sizeof *errs; i++) {
        kt_buf_clear(&out);
        cr_assert_eq(kt_document_failure(&job, errs[i], i % 2 ? detail : NULL, &(kt_stamp_t){NAN, 0}, &out), KT_OK);
        cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
    }
}

Test(document, the_check_finds_what_is_wrong_in_a_success)
{
    fill();
    cr_assert_eq(finish(), KT_OK);
    expect_change_refused("\"message_id\":\"m1\"", "\"message_id\":1", "message_id");
    expect_change_refused("\"message_id\":\"m1\"", "\"message_id\":\"\"", "message_id");
    expect_change_refused("\"media_id\"", "\"media\"", "media_id");
    expect_change_refused("12.34", "-1", "processing_time");
    expect_change_refused("1000.5", "NaN", "line");
    expect_change_refused("1000.5", "96001", "features.spectral.spectral_centroid");
    expect_change_refused("1000.5", "\"1\"", "features.spectral.spectral_centroid");
    expect_change_refused("1000.5", "null", "null without a reason");
    expect_change_refused("\"mfcc\":[", "\"mfcc\":[[],", "features.spectral.mfcc");
    expect_change_refused("\"mfcc\":[", "\"mfce\":[", "features.spectral.mfcc");
    expect_change_refused("\"spectral\":{", "\"spectral\":{\"more\":1,", "features.spectral.more");
    expect_change_refused("\"sample_rate\":44100", "\"sample_rate\":44100.5", "features.technical.sample_rate");
    expect_change_refused("\"has_audio\":true", "\"has_audio\":1", "features.technical.has_audio");
    expect_change_refused("\"title\":\"Song\"", "\"title\":1", "features.technical.tags");
    expect_change_refused("\"rock\":0.75", "\"rock\":7.5", "features.mir.genre_probabilities");
    expect_change_refused("\"statistics\":{", "\"statistics\":{\"x\":{},", "features.statistics.x");
    expect_change_refused("\"median\":1001.0", "\"median\":-1001", "features.statistics.spectral_centroid.median");
    expect_change_refused("\"success\":true", "\"success\":false", "error is missing in a failure");
    expect_change_refused("\"methods\":{", "\"error\":{},\"methods\":{", "error");
    expect_change_refused("\"methods\":{", "\"methods\":{\"a\":1,", "methods.a");
}

Test(document, the_check_finds_what_is_wrong_in_a_failure)
{
    cr_assert_eq(kt_document_failure(&job, KT_ENOFILE, "", &STAMP, &out), KT_OK);
    expect_change_refused("\"features\":null", "\"features\":{}", "features");
    expect_change_refused("\"error\":", "\"err\":", "error");
    expect_change_refused("\"number\":-40", "\"number\":40", "error.number");
    expect_change_refused("\"code\":\"ENOFILE\"", "\"code\":-40", "error.code");
    expect_change_refused("{\"message_id\"", "[{\"message_id\"", "line");
}

Test(document, text_regions_are_checked_by_their_numbers)
{
    kt_document_bool(doc, KT_FEATURE_TECHNICAL_has_video, true);
    cr_assert_eq(finish(), KT_OK);
    expect_change_refused("\"text_regions\":null", "\"text_regions\":[{\"x\":-1e9}]", "features.visual.text_regions");
    expect_change_refused("\"text_regions\":null", "\"text_regions\":[7]", "features.visual.text_regions");
    expect_change_refused("\"text_regions\":null", "\"text_regions\":{}", "features.visual.text_regions");
}

Test(document, a_snapshot_is_marked_and_a_final_message_is_not)
{
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_null(strstr(out.bytes, "snapshot"));
    kt_document_snapshot(doc);
    cr_assert_eq(finish(), KT_OK, "%s", why);
    cr_assert_not_null(strstr(out.bytes, "\"success\":true,\"snapshot\":true,\"features\""));
    cr_assert_eq(kt_document_check(out.bytes, out.length, why), KT_OK, "%s", why);
}
