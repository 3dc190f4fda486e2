#include "coordinator/cli/analyze/edit_list.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char why[KT_EDIT_WHY];

static json_t *
parse_text(const char *text)
{
    char    reason[KT_JSON_WHY];
    json_t *document = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), 1 << 20, &document, reason), KT_OK, "%s", reason);
    return document;
}

// A message of a film; technical and visual are members, each with a comma in front.
static json_t *
film(const char *technical, const char *visual)
{
    char text[8192];
    snprintf(text, sizeof text,
             "{\"file_path\":\"/films/a b.mp4\",\"features\":{\"technical\":{\"has_video\":true%s},"
             "\"visual\":{%s}}}",
             technical, visual);
    return parse_text(text);
}

static kt_edit_list_t
list_of(const char *technical, const char *visual)
{
    kt_edit_list_t list;
    json_t        *document = film(technical, visual);
    cr_assert_eq(kt_edit_list_init(&list, document, why), KT_OK, "%s", why);
    kt_json_free(&document);
    return list;
}

#define AT_25 ",\"frame_rate\":25.0,\"video_duration\":10.0"

Test(edit_list, cuts_become_whole_pictures_counted_from_the_first_picture)
{
    kt_edit_list_t list =
        list_of(AT_25, "\"scene_changes\":[2.48,7.1],\"transitions\":[],\"shots\":[{\"begin\":0.08}]");
    cr_assert_eq(list.n, 3);
    cr_assert_eq(list.edits[0].begin, 0);
    cr_assert_eq(list.edits[0].end, 60);
    cr_assert_eq(list.edits[1].begin, 60);
    cr_assert_eq(list.edits[2].begin, 176);
    cr_assert_eq(list.edits[2].end, 250);
    kt_edit_list_fini(&list);
}

Test(edit_list, a_gradual_change_is_an_edit_in_its_middle_with_a_remark)
{
    kt_edit_list_t list =
        list_of(AT_25, "\"scene_changes\":[3.0,8.0],\"transitions\":[{\"kind\":\"dissolve\",\"from\":2.0,"
                       "\"to\":3.0}],\"shots\":[]");
    cr_assert_eq(list.n, 3);
    cr_assert_eq(list.edits[1].begin, 63);  // 62.5, rounded
    cr_assert_str_eq(list.edits[1].change, "dissolve");
    cr_assert_eq(list.edits[1].from, 50);
    cr_assert_eq(list.edits[1].to, 75);
    cr_assert_str_eq(list.edits[2].change, "");
    kt_edit_list_fini(&list);
}

Test(edit_list, a_change_outside_the_film_or_twice_at_one_picture_is_no_edit)
{
    kt_edit_list_t list = list_of(AT_25, "\"scene_changes\":[-1.0,0.0,4.0,4.001,10.0,99.0],\"transitions\":[]");
    cr_assert_eq(list.n, 2);
    cr_assert_eq(list.edits[1].begin, 100);
    cr_assert_eq(list.edits[1].end, 250);
    kt_edit_list_fini(&list);
}

Test(edit_list, a_film_without_a_change_is_one_edit)
{
    kt_edit_list_t list = list_of(AT_25, "\"scene_changes\":[],\"transitions\":[]");
    cr_assert_eq(list.n, 1);
    cr_assert_eq(list.edits[0].end, 250);
    kt_edit_list_fini(&list);
}

static void
expect_timecode(const kt_edit_list_t *list, int64_t picture, const char *expected)
{
    char out[KT_TIMECODE];
    cr_expect_str_eq(kt_edit_timecode(list, picture, out), expected, "picture %lld: %s", (long long)picture, out);
}

// The values are those of SMPTE ST 12-1: 17,982 pictures in ten minutes, 107,892 in an hour.
Test(edit_list, drop_frame_timecodes_follow_the_clock)
{
    kt_edit_list_t list = list_of(",\"frame_rate\":29.9700300,\"video_duration\":10.0", "\"scene_changes\":[]");
    cr_assert(list.drop_frame);
    cr_assert_float_eq(list.rate_hz, 30000 / 1001.0, 1e-9);
    expect_timecode(&list, 0, "00:00:00;00");
    expect_timecode(&list, 1799, "00:00:59;29");
    expect_timecode(&list, 1800, "00:01:00;02");
    expect_timecode(&list, 3597, "00:01:59;29");
    expect_timecode(&list, 3598, "00:02:00;02");
    expect_timecode(&list, 17981, "00:09:59;29");
    expect_timecode(&list, 17982, "00:10:00;00");
    expect_timecode(&list, 107892, "01:00:00;00");
    expect_timecode(&list, 24 * 107892, "00:00:00;00");
    kt_edit_list_fini(&list);
    list = list_of(",\"frame_rate\":59.94,\"video_duration\":10.0", "\"scene_changes\":[]");
    cr_assert(list.drop_frame);
    expect_timecode(&list, 3599, "00:00:59;59");
    expect_timecode(&list, 3600, "00:01:00;04");
    expect_timecode(&list, 35964, "00:10:00;00");
    kt_edit_list_fini(&list);
}

Test(edit_list, other_rates_count_every_number)
{
    static const struct {
        const char *technical;
        double      rate;
        int64_t     base;
    } ROWS[] = {{",\"frame_rate\":23.976", 24000 / 1001.0, 24},
                {",\"frame_rate\":24.0", 24, 24},
                {",\"frame_rate\":25.0002", 25, 25},
                {",\"frame_rate\":30.0", 30, 30},
                {",\"frame_rate\":14.985", 15000 / 1001.0, 15},
                {",\"frame_rate\":11.94", 11.94, 12},
                {",\"frame_rate\":28.3,\"variable_frame_rate\":true,\"frame_rates\":{\"nominal\":30.0}", 30, 30},
                {",\"frame_rate\":28.3,\"variable_frame_rate\":true,\"frame_rates\":{\"nominal\":1000.0}", 30, 30}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        kt_edit_list_t list = list_of(ROWS[i].technical, "\"scene_changes\":[]");
        cr_expect_float_eq(list.rate_hz, ROWS[i].rate, 1e-9, "%s: %g", ROWS[i].technical, list.rate_hz);
        cr_expect_eq(list.base, ROWS[i].base, "%s", ROWS[i].technical);
        cr_expect_not(list.drop_frame, "%s", ROWS[i].technical);
        kt_edit_list_fini(&list);
    }
}

Test(edit_list, the_films_own_timecode_is_where_it_begins)
{
    kt_edit_list_t list = list_of(AT_25 ",\"tags\":{\"timecode\":\"10:00:01:05\"}", "\"scene_changes\":[]");
    expect_timecode(&list, 0, "10:00:01:05");
    expect_timecode(&list, 20, "10:00:02:00");
    kt_edit_list_fini(&list);
    list = list_of(",\"frame_rate\":29.97,\"tags\":{\"timecode\":\"01:00:00;00\"}", "\"scene_changes\":[]");
    cr_assert_eq(list.start, 107892);
    expect_timecode(&list, 1800, "01:01:00;02");
    kt_edit_list_fini(&list);
    list = list_of(",\"frame_rate\":29.97,\"tags\":{\"timecode\":\"01:00:00:00\"}", "\"scene_changes\":[]");
    cr_assert_not(list.drop_frame);
    expect_timecode(&list, 1800, "01:01:00:00");
    kt_edit_list_fini(&list);
    list = list_of(AT_25 ",\"tags\":{\"timecode\":\"10:99:01:05\"}", "\"scene_changes\":[]");
    cr_assert_eq(list.start, 0);
    kt_edit_list_fini(&list);
}

Test(edit_list, a_file_without_pictures_or_shots_is_a_named_error)
{
    kt_edit_list_t list;
    json_t        *sound   = parse_text("{\"features\":{\"technical\":{\"has_video\":false}}}");
    json_t        *unasked = parse_text("{\"features\":{\"technical\":{\"has_video\":true},\"visual\":"
                                               "{\"scene_changes\":null}},\"reasons\":{\"visual\":\"not asked for\"}}");
    cr_assert_eq(kt_edit_list_init(&list, sound, why), KT_ENOVIDEO);
    cr_assert_eq(kt_edit_list_init(&list, unasked, why), KT_ENOTFOUND);
    cr_assert_str_eq(why, "no shots: not asked for");
    kt_json_free(&sound);
    kt_json_free(&unasked);
}

Test(edit_list, an_edl_has_an_event_per_shot)
{
    json_t *document =
        film(",\"frame_rate\":29.97,\"video_duration\":10.0",
             "\"scene_changes\":[2.002,6.0],\"transitions\":[{\"kind\":\"fade\",\"from\":5.0,\"to\":6.0}]");
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    cr_assert_eq(kt_format_edl(document, &out, why), KT_OK, "%s", why);
    cr_assert_str_eq(out.bytes, "TITLE: a b.mp4\nFCM: DROP FRAME\n\n"
                                "001  AX       V     C        00:00:00;00 00:00:02;00 00:00:00;00 00:00:02;00\n"
                                "* FROM CLIP NAME: a b.mp4\n"
                                "* COMMENT: 29.97 PICTURES PER SECOND, 30 NUMBERS PER SECOND OF TIMECODE\n"
                                "002  AX       V     C        00:00:02;00 00:00:05;15 00:00:02;00 00:00:05;15\n"
                                "* FROM CLIP NAME: a b.mp4\n"
                                "003  AX       V     C        00:00:05;15 00:00:10;00 00:00:05;15 00:00:10;00\n"
                                "* FROM CLIP NAME: a b.mp4\n"
                                "* COMMENT: fade FROM 00:00:05;00 TO 00:00:06;00\n");
    kt_buf_fini(&out);
    kt_json_free(&document);
}

Test(edit_list, numbers_of_events_go_on_after_999)
{
    enum { CUTS = 1500, BYTES = 1 << 20 };
    char  *text = malloc(BYTES);
    size_t used = (size_t)snprintf(text, BYTES,
                                   "{\"file_path\":\"a.mp4\",\"features\":{\"technical\":{\"has_video\":true,"
                                   "\"frame_rate\":25.0,\"video_duration\":%d.0},\"visual\":{\"shots\":[],"
                                   "\"transitions\":[],\"scene_changes\":[",
                                   CUTS + 1);
    for (int i = 1; i <= CUTS; i++)
        used += (size_t)snprintf(text + used, BYTES - used, "%s%d.0", i > 1 ? "," : "", i);
    snprintf(text + used, BYTES - used, "]}}}");
    json_t  *document = parse_text(text);
    kt_buf_t out;
    kt_buf_init(&out, BYTES);
    cr_assert_eq(kt_format_edl(document, &out, why), KT_OK, "%s", why);
    cr_assert(strstr(out.bytes, "\n999  AX       V     C        00:16:38:00 00:16:39:00 00:16:38:00 00:16:39:00\n"));
    cr_assert(strstr(out.bytes, "\n1000  AX       V     C        00:16:39:00 00:16:40:00 00:16:39:00 00:16:40:00\n"));
    cr_assert(strstr(out.bytes, "\n1501  AX       V     C        00:25:00:00 00:25:01:00 00:25:00:00 00:25:01:00\n"));
    cr_assert(strstr(out.bytes, "\n* COMMENT: 1501 EVENTS, MORE THAN THE 999 OF CMX 3600\n"));
    kt_buf_fini(&out);
    kt_json_free(&document);
    free(text);
}

Test(edit_list, timecodes_of_more_than_two_digits_are_refused)
{
    json_t  *document = film(",\"frame_rate\":120.0,\"video_duration\":1.0", "\"scene_changes\":[]");
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    cr_assert_eq(kt_format_edl(document, &out, why), KT_EINVAL);
    cr_assert_not_null(strstr(why, "120 pictures per second"));
    cr_assert_eq(kt_format_otio(document, &out, why), KT_OK);
    kt_buf_fini(&out);
    kt_json_free(&document);
}

Test(edit_list, a_timeline_has_a_clip_per_shot_that_names_the_file)
{
    json_t *document =
        film(AT_25, "\"scene_changes\":[2.0],\"transitions\":[{\"kind\":\"wipe\",\"from\":5.0,\"to\":6.0}]");
    json_t  *timeline = NULL;
    char     reason[KT_JSON_WHY];
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    cr_assert_eq(kt_format_otio(document, &out, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(out.bytes, out.length, 1 << 16, &timeline, reason), KT_OK, "%s", reason);
    cr_assert_str_eq(kt_json_str(timeline, "OTIO_SCHEMA", ""), "Timeline.1");
    const json_t *track = kt_json_at(kt_json_get(kt_json_get(timeline, "tracks"), "children"), 0);
    const json_t *clip  = kt_json_at(kt_json_get(track, "children"), 1);
    cr_assert_eq(kt_json_count(kt_json_get(track, "children")), 3);
    cr_assert_eq(kt_json_count(kt_json_get(track, "markers")), 1);
    cr_assert_str_eq(kt_json_str(clip, "OTIO_SCHEMA", ""), "Clip.2");
    const json_t *range = kt_json_get(clip, "source_range");
    cr_assert_eq(kt_json_f64(kt_json_get(range, "start_time"), "value", 0), 50);
    cr_assert_eq(kt_json_f64(kt_json_get(range, "duration"), "value", 0), 88);
    const json_t *media = kt_json_get(kt_json_get(clip, "media_references"), "DEFAULT_MEDIA");
    cr_assert_str_eq(kt_json_str(media, "target_url", ""), "file:///films/a%20b.mp4");
    kt_json_free(&timeline);
    kt_buf_fini(&out);
    kt_json_free(&document);
}
