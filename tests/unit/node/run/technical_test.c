// The technical group: which source each value is of, what is warned of, and that no wild value costs the message.
#include "common/json.h"
#include "node/run/technical.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_media_info_t   info;
static kt_media_counts_t counts;
static kt_technical_t    facts;
static json_t           *message;

// A film of 10 s: 250 pictures, sound of 9.9 s.
static void
begin(void)
{
    info   = (kt_media_info_t){.container          = "mp4",
                               .duration_s         = 10,
                               .streams            = 3,
                               .has_audio          = true,
                               .has_video          = true,
                               .audio_codec        = "aac",
                               .video_codec        = "h264",
                               .rate_hz            = 48000,
                               .channels           = 2,
                               .width              = 640,
                               .height             = 360,
                               .frame_rate_hz      = 24.8,
                               .aspect_ratio       = 16. / 9,
                               .pixel_aspect_ratio = 1,
                               .from_picture       = true,
                               .stream_count       = 3,
                               .stream             = {{.kind = "video", .codec = "h264"},
                                                      {.kind = "audio", .codec = "aac", .language = "deu", .is_default = true},
                                                      {.kind = "subtitle", .codec = "subrip", .id = UINT32_MAX}}};
    counts = (kt_media_counts_t){
        .audio = {.packets = 470, .bytes = 160000, .decoded = 475200, .begin_s = .1, .end_s = 10, .coded_s = 10},
        .video = {.packets = 250, .bytes = 1000000, .decoded = 250, .begin_s = 0, .end_s = 10},
        .every_picture       = true,
        .frames              = 250,
        .key_frames          = 10,
        .key_interval_mean_s = 1,
        .key_interval_max_s  = 1,
        .frame_min_s         = .04,
        .frame_mean_s        = .04,
        .frame_max_s         = .04,
        .regular_hz          = 25};
    facts = (kt_technical_t){
        .info = &info, .counts = &counts, .size_bytes = 1200000, .sound_wanted = true, .pictures_wanted = true};
}

// The technical group, read back from the finished message.
static const json_t *
technical(void)
{
    static const kt_job_t job                  = {.message_id = "m", .file_path = "a.mp4"};
    char                  why[KT_DOCUMENT_WHY] = "";
    kt_document_t        *document             = NULL;
    kt_buf_t              text;
    kt_stamp_t            stamp = {0};
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_json_free(&message);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    kt_technical_write(document, &facts);
    cr_assert_eq(kt_document_finish(document, &stamp, &text, why), KT_OK, "%s", why);
    cr_assert_eq(kt_json_parse(text.bytes, text.length, KT_DOCUMENT_MAX_BYTES, &message, why), KT_OK, "%s", why);
    kt_buf_fini(&text);
    kt_document_destroy(&document);
    return kt_json_get(kt_json_get(message, "features"), "technical");
}

static const char *
method(const char *name)
{
    return kt_json_str(kt_json_get(message, "methods"), name, "");
}

static void
expect_warning(const char *code, size_t of)
{
    const json_t *list = kt_json_get(technical(), "warnings");
    size_t        seen = 0;
    cr_expect_eq(kt_json_count(list), of, "%zu warnings", kt_json_count(list));
    for (size_t i = 0; i < kt_json_count(list); i++)
        seen += !strcmp(kt_json_str(kt_json_at(list, i), "code", ""), code);
    cr_expect_eq(seen, 1, "%s", code);
}

TestSuite(technical, .init = begin);

Test(technical, what_was_counted_comes_before_what_the_header_states)
{
    const json_t *t = technical();
    cr_expect_float_eq(kt_json_f64(t, "frame_rate", 0), 25, 1e-9);
    cr_expect_str_eq(method("frame_rate"), "time stamps");
    cr_expect_eq(kt_json_i64(t, "bit_rate", 0), 800000);
    cr_expect_str_eq(method("bit_rate"), "packets");
    cr_expect_eq(kt_json_i64(t, "audio_bit_rate", 0), 128000);
    cr_expect_float_eq(kt_json_f64(t, "duration", 0), 10, 1e-9);
    cr_expect_float_eq(kt_json_f64(t, "audio_duration", 0), 9.9, 1e-9);
    cr_expect_str_eq(method("duration"), "decoded");
    cr_expect_str_eq(method("resolution"), "decoded");
    cr_expect_eq(kt_json_i64(t, "frames", 0), 250);
    cr_expect_not(kt_json_flag(t, "variable_frame_rate", true));
    cr_expect_float_eq(kt_json_f64(t, "decoded_share", 0), 1, 1e-9);
    cr_expect_eq(kt_json_count(kt_json_get(t, "warnings")), 0);
}

Test(technical, what_was_not_counted_is_the_headers)
{
    counts                  = (kt_media_counts_t){0};
    info.video_bit_rate_bps = 700000;
    info.from_picture       = false;
    const json_t *t         = technical();
    cr_expect_float_eq(kt_json_f64(t, "frame_rate", 0), 24.8, 1e-9);
    cr_expect_str_eq(method("frame_rate"), "header");
    cr_expect_eq(kt_json_i64(t, "bit_rate", 0), 700000);
    cr_expect_str_eq(method("bit_rate"), "header");
    cr_expect_float_eq(kt_json_f64(t, "duration", 0), 10, 1e-9);
    cr_expect_str_eq(method("duration"), "header");
    cr_expect_str_eq(method("resolution"), "header");
    cr_expect(kt_json_is_null(kt_json_get(t, "decoded_share")));
    cr_expect(kt_json_is_null(kt_json_get(t, "variable_frame_rate")));
}

Test(technical, a_variable_rate_is_its_mean_and_says_its_bounds)
{
    counts.regular_hz  = 0;
    counts.frame_max_s = .1;
    counts.frame_min_s = .02;
    const json_t *t = technical(), *rates = kt_json_get(t, "frame_rates");
    cr_expect_float_eq(kt_json_f64(t, "frame_rate", 0), 25, 1e-9);
    cr_expect(kt_json_flag(t, "variable_frame_rate", false));
    cr_expect_float_eq(kt_json_f64(rates, "nominal", 0), 24.8, 1e-9);
    cr_expect_float_eq(kt_json_f64(rates, "min", 0), 10, 1e-9);
    cr_expect_float_eq(kt_json_f64(rates, "max", 0), 50, 1e-9);
}

Test(technical, a_rate_says_when_it_is_not_that_of_the_time_stamps)
{
    counts.pulldown = true;
    (void)technical();
    cr_expect_not_null(strstr(method("frame_rate"), "fields"));
    counts.pulldown = false;
    counts.untimed  = 249;
    expect_warning("times_missing", 1);
    cr_expect_not_null(strstr(method("frame_rate"), "header"));
    info.frame_rate_hz = 0;
    (void)technical();
    cr_expect_not_null(strstr(method("frame_rate"), "guessed"));
    counts.untimed = 2;  // some pictures of a stream that has few time stamps
    cr_expect_eq(kt_json_count(kt_json_get(technical(), "warnings")), 0);
    cr_expect_str_eq(method("frame_rate"), "time stamps");
}

Test(technical, a_file_lasts_from_its_first_stream_to_the_end_of_both)
{
    counts.audio.begin_s = 4;
    counts.audio.end_s   = 13;
    cr_expect_float_eq(kt_json_f64(technical(), "duration", 0), 13, 1e-9);
    counts.audio.begin_s = 1000;  // after the picture: no time that can be trusted
    counts.audio.end_s   = 1012;
    cr_expect_float_eq(kt_json_f64(technical(), "duration", 0), 12, 1e-9);
}

Test(technical, the_begin_of_sound_is_counted_as_the_times_of_pictures)
{
    cr_expect_float_eq(kt_json_f64(technical(), "audio_start_time", 0), .1, 1e-9);
    cr_expect_str_eq(method("audio_start_time"), "decoded");
    info.start_s         = 1.4;
    counts.audio.begin_s = 4.4;
    counts.audio.decoded = 0;
    cr_expect_float_eq(kt_json_f64(technical(), "audio_start_time", 0), 3, 1e-9);
    cr_expect_str_eq(method("audio_start_time"), "packets");
    info.start_s         = 1000;
    counts.audio.begin_s = 0;  // no time stamps
    cr_expect(kt_json_is_null(kt_json_get(technical(), "audio_start_time")));
    info.has_audio = false;
    cr_expect(kt_json_is_null(kt_json_get(technical(), "audio_start_time")));
}

Test(technical, sound_that_is_not_read_is_not_believed_beyond_the_declared_length)
{
    counts.audio.decoded = 0;
    counts.audio.end_s   = 3600;
    const json_t *t      = technical();
    cr_expect_float_eq(kt_json_f64(t, "duration", 0), 10, 1e-9);
    cr_expect(kt_json_is_null(kt_json_get(t, "audio_duration")));
}

Test(technical, sound_alone_has_the_bit_rate_of_its_packets)
{
    info.has_video     = false;
    counts.video       = (kt_stream_counts_t){0};
    info.bit_rate_bps  = 4000000;  // of the file, with its cover
    info.has_cover_art = true;
    const json_t *t    = technical();
    cr_expect_eq(kt_json_i64(t, "bit_rate", 0), 128000);
    cr_expect(kt_json_is_null(kt_json_get(t, "frame_rate")));
    cr_expect_float_eq(kt_json_f64(t, "duration", 0), 9.9, 1e-9);
}

Test(technical, streams_are_listed_with_their_languages)
{
    const json_t *list = kt_json_get(technical(), "stream_list");
    cr_assert_eq(kt_json_count(list), 3);
    cr_expect_str_eq(kt_json_str(kt_json_at(list, 1), "language", ""), "deu");
    cr_expect(kt_json_flag(kt_json_at(list, 1), "default", false));
    cr_expect(kt_json_is_null(kt_json_get(kt_json_at(list, 0), "language")));
    cr_expect_eq(kt_json_i64(kt_json_at(list, 2), "id", 0), UINT32_MAX);
    const json_t *languages =
        kt_json_get(kt_json_get(kt_json_get(message, "features"), "technical"), "subtitle_languages");
    cr_expect_str_eq(kt_json_string(kt_json_at(languages, 0)), "und");
}

Test(technical, each_kind_of_interlacing_has_its_name)
{
    static const struct {
        uint64_t    interlaced, top_first;
        const char *name;
    } rows[] = {{0, 0, "progressive"}, {250, 250, "top"}, {250, 0, "bottom"}, {100, 100, "mixed"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        counts.interlaced = rows[i].interlaced;
        counts.top_first  = rows[i].top_first;
        cr_expect_str_eq(kt_json_str(technical(), "interlacing", ""), rows[i].name);
    }
}

Test(technical, hdr_has_its_numbers_and_none_is_said)
{
    cr_expect_str_eq(kt_json_str(technical(), "hdr", ""), "none");
    (void)snprintf(info.hdr, sizeof info.hdr, "hdr10");
    info.mastering_max_nits = 1000;
    const json_t *t         = technical();
    cr_expect_str_eq(kt_json_str(t, "hdr", ""), "hdr10");
    cr_expect_float_eq(kt_json_f64(kt_json_get(t, "hdr_metadata"), "mastering_max_luminance", 0), 1000, 1e-9);
}

Test(technical, damage_and_an_early_end_are_warned_of)
{
    counts.video.damaged = 5;
    expect_warning("damaged_packets", 1);
    counts.damaged_pictures = 7;
    expect_warning("damaged_pictures", 2);
    counts.broken_off = true;
    expect_warning("broken_off", 3);
    info.duration_s = 20;
    expect_warning("ends_early", 4);
    const json_t *t = technical();
    cr_expect_eq(kt_json_i64(t, "damaged_packets", 0), 5);
    cr_expect_float_eq(kt_json_f64(t, "decoded_share", 0), .98 * .5, 1e-9);
}

Test(technical, a_stream_that_is_not_decoded_is_warned_of_when_it_was_asked_for)
{
    (void)snprintf(info.audio_why, sizeof info.audio_why, "no decoder for the codec truehd");
    counts.audio.decoded = 0;
    expect_warning("sound_not_decoded", 1);
    counts.video.decoded = 0;
    expect_warning("picture_not_decoded", 2);
    facts.pictures_wanted = false;
    expect_warning("sound_not_decoded", 1);
}

Test(technical, wild_values_cost_themselves_and_not_the_message)
{
    memset(&counts, 0x7f, sizeof counts);
    counts.every_picture = counts.broken_off = true;
    counts.audio = counts.video = (kt_stream_counts_t){.packets    = UINT64_MAX,
                                                       .bytes      = UINT64_MAX,
                                                       .damaged    = UINT64_MAX,
                                                       .decoded    = UINT64_MAX,
                                                       .begin_s    = -1e9,
                                                       .end_s      = 1e9,
                                                       .coded_s    = 1e9,
                                                       .lost_s     = 1e9,
                                                       .lost_parts = UINT64_MAX};
    counts.frame_min_s = counts.frame_mean_s = counts.frame_max_s = 1e-9;
    counts.key_interval_mean_s = counts.key_interval_max_s = counts.regular_hz = 1e9;
    info.width = info.height = info.streams = info.bit_depth = info.bits_per_sample = UINT32_MAX;
    info.duration_s = info.frame_rate_hz = info.aspect_ratio = info.pixel_aspect_ratio = info.mastering_max_nits = 1e9;
    info.dolby_vision_profile = UINT32_MAX;
    cr_expect(kt_json_is_null(kt_json_get(technical(), "frame_rate")));
    counts.audio.bytes = counts.video.bytes = UINT64_MAX;
    counts.video.end_s                      = -1e9 + 1e-6;
    cr_expect(kt_json_is_null(kt_json_get(technical(), "bit_rate")));
}
