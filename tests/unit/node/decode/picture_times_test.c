// Times of pictures: those that ffprobe shows, for files whose time stamps are made in each way that is known to
// differ.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(picture_times, .init = fx_open, .fini = fx_close);

#define SOURCE "-f lavfi -i testsrc2=size=192x128:rate=25:duration=4 "
#define TONE "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=4 "
#define H264 "-c:v libx264 -preset veryfast -bf 3 -g 25 "

typedef struct made {
    char   name[24];
    char   first[256], second[256];  // of ffmpeg; second: of "in" FILE, "": none
    double begins_s;                 // NAN: not checked
} made_t;

ParameterizedTestParameters(picture_times, are_those_of_ffprobe)
{
    static made_t rows[] = {
        {"reordered.mp4", SOURCE H264, "", 0},
        {"reordered.mkv", SOURCE TONE H264 "-c:a aac", "", NAN},
        {"reordered.mpg", SOURCE "-c:v mpeg2video -bf 2", "", NAN},
        {"reordered.m2v", SOURCE "-c:v mpeg2video -bf 2", "", NAN},
        {"reordered.ts", SOURCE TONE H264 "-c:a aac", "", NAN},
        {"vp9.webm", SOURCE "-c:v libvpx-vp9 -deadline realtime -cpu-used 8", "", 0},
        {"theora.ogv", SOURCE "-c:v libtheora", "", 0},
        {"cut_by_edit_list.mp4", SOURCE H264 "in.mp4", "-ss 1.3 -i in.mp4 -c copy", NAN},
        {"delayed.mov", SOURCE H264 "in.mp4", "-itsoffset 2.5 -i in.mp4 -c copy", 2.5},
        {"negative.mp4", SOURCE H264 "in.mkv", "-i in.mkv -c copy -output_ts_offset -1.5 -avoid_negative_ts disabled",
         NAN},
        {"wraps.ts", SOURCE H264 "in.mp4", "-i in.mp4 -c copy -output_ts_offset 95442 -muxdelay 0", NAN},
        {"variable.mkv", SOURCE "-vf 'select=not(mod(n\\,3))+gt(n\\,60)' -vsync vfr " H264, "", 0},
        {"variable.mp4", SOURCE "-vf 'select=not(mod(n\\,3))+gt(n\\,60)' -vsync vfr " H264, "", 0},
        {"gap.mkv", SOURCE "-vf 'select=lt(n\\,20)+gt(n\\,70)' -vsync vfr " H264, "", 0},
        {"broadcast.ts", "-f lavfi -i testsrc2=size=192x128:rate=30000/1001:duration=4 -c:v mpeg2video -bf 2", "", NAN},
    };
    return cr_make_param_array(made_t, rows, sizeof rows / sizeof *rows);
}

// Where the file begins, as ffprobe shows it; 0 where that is unknown, or before zero and not that of an MPEG stream.
static double
probe_start(const char *name)
{
    char command[512], line[64] = "";
    snprintf(command, sizeof command, "ffprobe -v error -show_entries format=start_time -of csv=p=0 '%s'",
             fx_path(name));
    FILE *f = popen(command, "r");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(line, sizeof line, f));
    pclose(f);
    return strstr(name, ".ts") ? atof(line) : fmax(0, atof(line));
}

// The times that ffprobe shows: of each picture its own, or else the best guess. Returns their number.
static size_t
probe_times(const char *name, double *times, size_t capacity)
{
    char   command[512], line[256];
    size_t n = 0;
    snprintf(command, sizeof command,
             "ffprobe -v error -threads 1 -select_streams v:0 -show_entries frame=pts_time,best_effort_timestamp_time "
             "-of compact=p=0 '%s'",
             fx_path(name));
    FILE *f = popen(command, "r");
    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f)) {
        const char *own = strstr(line, "pts_time="), *best = strstr(line, "best_effort_timestamp_time=");
        if (!own || !best)
            continue;
        own += strlen("pts_time=");
        best += strlen("best_effort_timestamp_time=");
        cr_assert_lt(n, capacity);
        times[n++] = strncmp(own, "N/A", 3) ? atof(own) : strncmp(best, "N/A", 3) ? atof(best) : NAN;
    }
    pclose(f);
    return n;
}

ParameterizedTest(made_t *row, picture_times, are_those_of_ffprobe)
{
    static double times[FX_PICTURES];
    char          first[256];
    snprintf(first, sizeof first, "%s", row->first);
    char *in = row->second[0] ? strrchr(first, ' ') : NULL;
    if (in)
        *in = '\0';
    fx_ffmpeg(first, in ? in + 1 : row->name);
    if (in)
        fx_ffmpeg(row->second, row->name);
    fx_film_t *film = fx_film(row->name, &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK, "%s: %s", row->name, film->why);
    const size_t n       = probe_times(row->name, times, FX_PICTURES);
    const double start_s = probe_start(row->name);
    cr_assert_eq(film->pictures, n, "%s: %zu, ffprobe %zu", row->name, film->pictures, n);
    cr_assert_gt(n, 20);
    for (size_t i = 0; i < n; i++) {
        const kt_video_frame_t *p = &film->picture[i];
        cr_expect(isnan(times[i]) || fabs(p->time_s + start_s - times[i]) < 1.5e-6, "%s %zu: %.6f, ffprobe %.6f",
                  row->name, i, p->time_s + start_s, times[i]);
        cr_expect_eq((p->flags & KT_FRAME_NO_TIME) != 0, isnan(times[i]), "%s %zu", row->name, i);
        cr_expect(i == 0 || p->time_s >= film->picture[i - 1].time_s);
    }
    if (!isnan(row->begins_s))
        cr_expect_float_eq(film->picture[0].time_s + start_s, row->begins_s, .001, "%s: %g", row->name,
                           film->picture[0].time_s);
    fx_film_free(film);
}

Test(picture_times, of_a_stream_that_begins_anew_continue)
{
    fx_ffmpeg(SOURCE "-c:v mpeg2video -bf 2 -muxdelay 0", "a.ts");
    char command[300];
    snprintf(command, sizeof command, "cd '%s' && cat a.ts a.ts a.ts >b.ts", fx_folder);
    cr_assert_eq(system(command), 0);
    fx_film_t *film = fx_film("b.ts", &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK);
    cr_assert_geq(film->pictures, 290);
    for (size_t i = 1; i < film->pictures; i++)
        cr_expect(film->picture[i].time_s >= film->picture[i - 1].time_s &&
                      film->picture[i].time_s < film->picture[i - 1].time_s + .5,
                  "%zu: %g after %g", i, film->picture[i].time_s, film->picture[i - 1].time_s);
    fx_film_free(film);
}

Test(picture_times, of_a_film_without_any_come_from_its_rate)
{
    fx_ffmpeg(SOURCE "-c:v mpeg4 -bf 0 -f m4v", "in.m4v");
    fx_ffmpeg("-framerate 25 -i in.m4v -c copy", "a.avi");
    fx_film_t *film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK);
    cr_assert_eq(film->pictures, 100);
    for (size_t i = 1; i < film->pictures; i++)
        cr_expect_float_eq(film->picture[i].time_s - film->picture[i - 1].time_s, .04, 1e-6, "%zu", i);
    fx_film_free(film);
}

// Marks pictures of an elementary stream of MPEG-2 as those of a film in turns of three fields and two: in each picture
// coding extension (ISO/IEC 13818-2 6.2.3.1) top_field_first, repeat_first_field and progressive_frame.
static void
repeat_fields(const char *name)
{
    static uint8_t bytes[4 << 20];
    size_t         n       = fx_read(name, bytes, sizeof bytes);
    int            picture = 0;
    bool           top     = true;
    // In the order of display, which is that of decoding: there are no B-pictures.
    for (size_t i = 0; i + 9 < n; i++) {
        if (bytes[i] || bytes[i + 1] || bytes[i + 2] != 1 || bytes[i + 3] != 0xb5 || bytes[i + 4] >> 4 != 8)
            continue;
        const bool repeat = picture++ % 2 == 0;
        bytes[i + 7]      = (uint8_t)((bytes[i + 7] & ~0x82) | (top ? 0x80 : 0) | (repeat ? 2 : 0));
        bytes[i + 8] |= 0x80;
        top = top != repeat;
    }
    cr_assert_eq(picture, 100);
    fx_write(name, bytes, n);
}

Test(picture_times, of_a_film_that_repeats_fields_are_those_of_ffprobe_and_its_rate_is_the_films)
{
    static const char *const NAMES[] = {"film.mpg", "film.ts", "film.mkv"};
    static double            times[FX_PICTURES];
    fx_ffmpeg("-f lavfi -i testsrc2=size=192x128:rate=30000/1001 -frames:v 100 -c:v mpeg2video -bf 0 -g 12 "
              "-flags +ildct -f mpeg2video",
              "film.m2v");
    repeat_fields("film.m2v");
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        fx_ffmpeg("-fflags +genpts -i film.m2v -c copy -frames:v 99", NAMES[i]);  // the last one's time would be wrong
        fx_film_t *film = fx_film(NAMES[i], &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s", film->why);
        cr_assert_eq(probe_times(NAMES[i], times, FX_PICTURES), film->pictures);
        for (size_t p = 1; p < film->pictures; p++) {
            const double from = film->picture[p].time_s - film->picture[0].time_s;
            cr_expect(isnan(times[p]) || fabs(from - (times[p] - times[0])) < 2e-6, "%s %zu: %g, %g", NAMES[i], p, from,
                      times[p] - times[0]);
            cr_expect(fabs(from - (double)p / (24000. / 1001)) < .0095, "%s %zu: %g", NAMES[i], p, from);
        }
        cr_expect_eq(film->counts.regular_hz, 24000. / 1001, "%s: %g", NAMES[i], film->counts.regular_hz);
        cr_expect(film->counts.pulldown, "%s", NAMES[i]);
        cr_expect_eq(film->counts.interlaced, 0, "%s", NAMES[i]);
        fx_film_free(film);
    }
}

Test(picture_times, of_a_film_whose_stamps_stay_come_from_its_rate)
{
    static const char *const MADE[][2] = {{"a.mkv", SOURCE H264}, {"a.webm", SOURCE "-c:v libvpx -deadline realtime"}};
    for (size_t m = 0; m < 2; m++) {
        char again[128];
        fx_ffmpeg(MADE[m][1], MADE[m][0]);
        (void)snprintf(again, sizeof again, "-i %s -c copy -bsf:v setts=ts=0", MADE[m][0]);
        fx_ffmpeg(again, m ? "b.webm" : "b.mkv");
        fx_film_t *film = fx_film(m ? "b.webm" : "b.mkv", &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s", film->why);
        cr_assert_eq(film->pictures, 100);
        for (size_t i = 1; i < film->pictures; i++)
            cr_expect_float_eq(film->picture[i].time_s - film->picture[i - 1].time_s, .04, 1e-6, "%zu %zu", m, i);
        cr_expect_eq(film->counts.untimed, 99);
        cr_expect_eq(film->counts.regular_hz, 25);
        fx_film_free(film);
    }
}

// RFC 3533 6: over a page with zeros in its place.
static uint32_t
ogg_checksum(const uint8_t *page, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum ^= (uint32_t)(i >= 22 && i < 26 ? 0 : page[i]) << 24;
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 0x80000000 ? sum << 1 ^ 0x04c11db7 : sum << 1;
    }
    return sum;
}

Test(picture_times, the_last_picture_of_an_ogg_is_shown_to_the_end_that_the_last_page_states)
{
    enum { MORE = 30 };  // pictures; the granule counts from the last key frame
    static uint8_t bytes[1 << 20];
    fx_ffmpeg(SOURCE "-c:v libtheora -g 32", "a.ogv");
    const size_t n    = fx_read("a.ogv", bytes, sizeof bytes);
    size_t       last = n;
    while (last-- > 0 && memcmp(bytes + last, "OggS", 4) != 0)
        ;
    cr_assert_lt(last, n);
    bytes[last + 6]    = (uint8_t)(bytes[last + 6] + MORE);
    const uint32_t sum = ogg_checksum(bytes + last, n - last);
    for (int i = 0; i < 4; i++)
        bytes[last + 22 + (size_t)i] = (uint8_t)(sum >> 8 * i);
    fx_write("b.ogv", bytes, n);
    fx_write("cut.ogv", bytes, last);  // then nothing is stated
    const struct {
        const char *name;
        double      end_s;
    } rows[] = {{"a.ogv", 4}, {"b.ogv", 4 + MORE / 25.}};
    for (size_t i = 0; i < 2; i++) {
        fx_film_t *film = fx_film(rows[i].name, &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s", film->why);
        cr_expect_eq(film->pictures, 100);
        cr_expect_float_eq(film->counts.video.end_s, rows[i].end_s, 1e-6, "%s: %g", rows[i].name,
                           film->counts.video.end_s);
        fx_film_free(film);
    }
    fx_film_t *film = fx_film("cut.ogv", &FX_FILM, &FX_LIMITS);
    cr_expect_lt(film->counts.video.end_s, 4);
    fx_film_free(film);
}

// AVI states an order and no presentation times: the first picture is shown in the first place.
ParameterizedTestParameters(picture_times, of_an_avi_are_the_places_of_its_pictures)
{
    static made_t rows[] = {
        {"mpeg4.avi", "-c:v mpeg4 -bf 0", "", 0},
        {"mpeg4_b.avi", "-c:v mpeg4 -bf 2 -vtag DX50", "", 0},
        {"h264.avi", "-c:v libx264 -bf 0", "", 0},
        {"h264_b.avi", "-c:v libx264 -preset veryfast -bf 3 -g 25", "", 0},
        {"h264_pyramid.avi", "-c:v libx264 -preset medium -bf 8 -b-pyramid normal -refs 6", "", 0},
        {"mpeg2_b.avi", "-c:v mpeg2video -bf 2", "", 0},
        {"mjpeg.avi", "-c:v mjpeg", "", 0},
    };
    return cr_make_param_array(made_t, rows, sizeof rows / sizeof *rows);
}

static uint8_t
first_pixel(const fx_film_t *film, size_t picture)
{
    return film->small[picture * film->small_bytes];
}

ParameterizedTest(made_t *row, picture_times, of_an_avi_are_the_places_of_its_pictures)
{
    char make[512];
    (void)snprintf(make, sizeof make,
                   "-f lavfi -i color=black:size=192x128:rate=25:duration=1.6 -f lavfi -i "
                   "color=white:size=192x128:rate=25:duration=2.4 -filter_complex concat %s",
                   row->first);
    fx_ffmpeg(make, row->name);
    fx_film_t *film = fx_film(row->name, &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK, "%s: %s", row->name, film->why);
    cr_expect_eq(film->counts.regular_hz, 25, "%s", row->name);
    cr_expect_float_eq(film->counts.video.end_s, film->pictures / 25., 1e-9, "%s", row->name);
    cr_assert_geq(film->pictures, 98);
    for (size_t i = 0; i < film->pictures; i++) {
        cr_expect_float_eq(film->picture[i].time_s, (double)i / 25, 1e-9, "%s %zu: %g", row->name, i,
                           film->picture[i].time_s);
        cr_expect_not(film->picture[i].flags & KT_FRAME_NO_TIME, "%s %zu", row->name, i);
    }
    cr_expect_lt(first_pixel(film, 39), 60, "%s", row->name);
    cr_expect_gt(first_pixel(film, 40), 190, "%s", row->name);
    fx_film_free(film);
}

Test(picture_times, of_an_avi_keep_the_places_that_are_empty)
{
    static const char *const CODECS[] = {"-c:v mpeg4 -bf 0", "-c:v mpeg4 -bf 2"};
    for (size_t c = 0; c < 2; c++) {
        char make[400];
        (void)snprintf(make, sizeof make, SOURCE "-vf 'select=lt(n\\,40)+gt(n\\,59)' -vsync vfr %s", CODECS[c]);
        fx_ffmpeg(make, "a.avi");
        fx_film_t *film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s", film->why);
        cr_assert_eq(film->pictures, 80, "%zu", film->pictures);
        cr_expect_eq(film->counts.video.damaged, 0);
        for (size_t i = 0; i < film->pictures; i++)
            cr_expect(i == 39 || i == 40 ||  // next to the gap encoders differ
                          fabs(film->picture[i].time_s - (double)(i < 40 ? i : i + 20) / 25) < 1e-9,
                      "%zu: %zu: %g", c, i, film->picture[i].time_s);
        fx_film_free(film);
    }
}

Test(picture_times, a_longer_film_than_is_permitted_is_refused)
{
    kt_decode_limits_t limits = FX_LIMITS;
    limits.max_duration_s     = 2;
    fx_ffmpeg(SOURCE H264, "a.mp4");
    fx_film_t *film = fx_film("a.mp4", &FX_FILM, &limits);
    cr_expect_eq(film->err, KT_ETOOLONG);
    cr_expect(*film->why);
    fx_film_free(film);
}
