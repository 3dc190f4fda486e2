// Pictures of whole files: planes to the byte, sampled pictures, flags, vectors, and what one stream's failure leaves.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pictures, .init = fx_open, .fini = fx_close);

#define SOURCE(size, rate, seconds) "-f lavfi -i testsrc2=size=" size ":rate=" rate ":duration=" seconds " "
#define TONE(seconds) "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=" seconds " "

typedef struct format {
    char     name[16];
    unsigned x_shift, y_shift, depth;  // x_shift 9: no chroma
} format_t;

// A sample of a plane in FFmpeg's raw output.
static unsigned
sample(const uint8_t *plane, unsigned depth, size_t i)
{
    return depth > 8 ? plane[2 * i] | (unsigned)plane[2 * i + 1] << 8 : plane[i];
}

// The mean of a block, rounded to 8 bits; less of it at the edges.
static unsigned
mean_of_block(const uint8_t *plane, unsigned depth, size_t width, size_t height, size_t x, size_t y, size_t w, size_t h)
{
    unsigned long sum = 0, n = 0;
    for (size_t row = y; row < y + h && row < height; row++)
        for (size_t column = x; column < x + w && column < width; column++, n++)
            sum += sample(plane, depth, row * width + column);
    const unsigned long by = n << (depth - 8), mean = (sum + by / 2) / by;
    return mean < 255 ? (unsigned)mean : 255;
}

static void
expect_plane(const uint8_t *got, size_t width, size_t height, const uint8_t *plane, const format_t *f, size_t p_width,
             size_t p_height, size_t x_step, size_t y_step, const char *what)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            unsigned mean = mean_of_block(plane, f->depth, p_width, p_height, x * x_step, y * y_step, x_step, y_step);
            cr_assert_eq(got[y * width + x], mean, "%s %s at %zu, %zu: %u, not %u", f->name, what, x, y,
                         got[y * width + x], mean);
        }
}

// The only picture of a film, whole and reduced.
static void
expect_planes(const fx_film_t *film, const uint8_t *raw, const format_t *f, size_t w, size_t h, size_t factor)
{
    const size_t c_w = (w + (1u << f->x_shift) - 1) >> f->x_shift, c_h = (h + (1u << f->y_shift) - 1) >> f->y_shift;
    const size_t bytes = f->depth > 8 ? 2 : 1;
    const size_t sw = w / factor, sh = h / factor, x_step = 2 * factor >> f->x_shift, y_step = 2 * factor >> f->y_shift;
    expect_plane(film->small, sw, sh, raw, f, w, h, factor, factor, "Y");
    expect_plane(film->whole, w, h, raw, f, w, h, 1, 1, "whole Y");
    if (f->x_shift == 9) {
        for (size_t i = sw * sh; i < film->small_bytes; i++)
            cr_assert_eq(film->small[i], 128);
        return;
    }
    const uint8_t *u = raw + w * h * bytes, *v = u + c_w * c_h * bytes, *su = film->small + sw * sh;
    const size_t   sc_w = (sw + 1) / 2, sc_h = (sh + 1) / 2;
    expect_plane(su, sc_w, sc_h, u, f, c_w, c_h, x_step, y_step, "U");
    expect_plane(su + sc_w * sc_h, sc_w, sc_h, v, f, c_w, c_h, x_step, y_step, "V");
}

ParameterizedTestParameters(pictures, reduced_planes_are_the_rounded_means_of_blocks)
{
    static format_t rows[] = {
        {"yuv420p", 1, 1, 8},      {"yuv422p", 1, 0, 8},      {"yuv444p", 0, 0, 8},      {"yuv440p", 0, 1, 8},
        {"yuv420p10le", 1, 1, 10}, {"yuv422p10le", 1, 0, 10}, {"yuv444p12le", 0, 0, 12}, {"yuv444p16le", 0, 0, 16},
        {"gray", 9, 9, 8},         {"gray10le", 9, 9, 10},
    };
    return cr_make_param_array(format_t, rows, sizeof rows / sizeof *rows);
}

// 641 x 363: odd sizes, of which a last column and row fill no block of two; 964 x 542: blocks of three.
ParameterizedTest(format_t *f, pictures, reduced_planes_are_the_rounded_means_of_blocks)
{
    static const size_t sizes[][3] = {{641, 363, 2}, {964, 542, 3}, {1282, 362, 4}, {2101, 365, 6}};
    static uint8_t      raw[2 * 3 * 2120 * 600];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char         arguments[400];
        const size_t w = sizes[i][0], h = sizes[i][1];
        snprintf(arguments, sizeof arguments,
                 "-f lavfi -i testsrc2=size=2120x600:rate=1:duration=1 -vf format=yuv444p,crop=%zu:%zu:8:8:exact=1,"
                 "format=%s -c:v ffv1 -level 3",
                 w, h, f->name);
        fx_ffmpeg(arguments, "a.mkv");
        snprintf(arguments, sizeof arguments, "-i a.mkv -pix_fmt %s -f rawvideo", f->name);
        fx_ffmpeg(arguments, "a.raw");
        cr_assert_geq(fx_read("a.raw", raw, sizeof raw), w * h);
        fx_film_t *film = fx_film("a.mkv", &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s: %s", f->name, film->why);
        cr_assert_eq(film->pictures, 1);
        cr_assert_eq(film->wholes, 1);
        cr_assert_eq(film->picture[0].whole_factor, 1);
        cr_assert_eq(film->picture[0].small.width, w / sizes[i][2]);
        expect_planes(film, raw, f, w, h, sizes[i][2]);
        fx_film_free(film);
    }
}

Test(pictures, rgb_and_palettes_become_bt_601_of_full_range)
{
    static const char *const formats[] = {"rgb24", "bgra", "rgb555le", "pal8", "gbrp", "rgb48le"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char arguments[300];
        bool avi = !strcmp(formats[i], "rgb555le"), planar = !strcmp(formats[i], "gbrp");
        snprintf(arguments, sizeof arguments, "-f lavfi -i color=red:size=320x240:rate=5:duration=1,format=rgb24 %s%s",
                 planar ? "-c:v utvideo -pix_fmt "
                 : avi  ? "-c:v rawvideo -pix_fmt "
                        : "-c:v png -pix_fmt ",
                 !strcmp(formats[i], "rgb48le") ? "rgb48be"
                 : !strcmp(formats[i], "bgra")  ? "rgba"
                                                : formats[i]);
        fx_ffmpeg(arguments, avi || planar ? "a.avi" : "a.mov");
        fx_film_t *film = fx_film(avi || planar ? "a.avi" : "a.mov", &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s: %s", formats[i], film->why);
        cr_assert_eq(film->pictures, 5, "%s: %zu", formats[i], film->pictures);
        cr_expect(film->media_info.full_range, "%s", formats[i]);
        cr_expect_str_eq(film->media_info.color_space, "gbr", "%s", formats[i]);
        cr_expect_leq(abs(film->small[100] - 76), 1, "%s: %u", formats[i], film->small[100]);
        cr_expect_leq(abs(film->small[320 * 240 + 10] - 85), 1, "%s", formats[i]);
        cr_expect_geq(film->small[320 * 240 + 160 * 120 + 10], 254, "%s", formats[i]);
        fx_film_free(film);
    }
}

// Luma is 16 + the picture's number.
#define NUMBERED(rate, seconds)                                                                                        \
    "-f lavfi -i color=black:size=64x48:rate=" rate ":duration=" seconds ",geq=lum=16+N:cb=128:cr=128 "

Test(pictures, those_are_sampled_that_are_shown_in_the_middle_of_intervals)
{
    fx_ffmpeg(NUMBERED("10", "4") "-c:v ffv1", "a.mkv");
    fx_film_t *film = fx_film("a.mkv", &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK);
    cr_assert_eq(film->pictures, 40);
    cr_assert_eq(film->wholes, 4);
    for (size_t i = 0, n = 0; i < film->pictures; i++) {
        const kt_video_frame_t *p = &film->picture[i];
        cr_expect_eq(p->index, i);
        cr_expect_float_eq(p->time_s, .1 * (double)i, 1e-9);
        cr_expect_eq(film->small[i * film->small_bytes], 16 + i);
        cr_expect_eq((p->flags & KT_FRAME_SAMPLED) != 0, i % 10 == 5, "%zu", i);
        if (p->flags & KT_FRAME_SAMPLED)
            cr_expect_eq(film->whole[n++ * film->whole_bytes], 16 + i);
    }
    fx_film_free(film);
}

Test(pictures, a_long_film_is_sampled_at_longer_intervals)
{
    kt_decode_want_t want = FX_FILM;
    want.sample_max       = 8;
    fx_ffmpeg(NUMBERED("5", "40") "-c:v ffv1", "a.mkv");
    fx_ffmpeg("-i a.mkv -c copy -f matroska -live 1", "live.mkv");  // no length is declared
    fx_film_t *film = fx_film("a.mkv", &want, &FX_LIMITS);
    cr_assert_eq(film->pictures, 200);
    cr_expect_eq(film->wholes, 8);
    for (size_t i = 0; i < film->pictures; i++)  // middles of intervals of 5 s
        cr_expect_eq((film->picture[i].flags & KT_FRAME_SAMPLED) != 0, i % 25 == 12, "%zu", i);
    fx_film_free(film);
    film = fx_film("live.mkv", &want, &FX_LIMITS);
    cr_expect_eq(film->media_info.duration_s, 0);
    cr_expect(film->wholes > 16 && film->wholes <= 24, "%zu", film->wholes);
    fx_film_free(film);
}

Test(pictures, a_film_that_is_shorter_than_half_an_interval_gives_one)
{
    fx_ffmpeg(NUMBERED("25", "0.2") "-c:v ffv1", "a.mkv");
    fx_film_t *film = fx_film("a.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->pictures, 5);
    cr_expect_eq(film->wholes, 1);
    fx_film_free(film);
}

Test(pictures, key_intra_interlaced_and_repeated_pictures_are_marked)
{
    fx_ffmpeg(SOURCE("320x240", "25", "1") "-c:v mpeg2video -g 10 -bf 0 -flags +ilme+ildct -top 1", "a.mpg");
    fx_film_t *film = fx_film("a.mpg", &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->pictures, 25);
    for (size_t i = 0; i < 25; i++) {
        const uint32_t flags = film->picture[i].flags;
        cr_expect_eq((flags & KT_FRAME_KEY) != 0, i % 10 == 0, "%zu", i);
        cr_expect_eq((flags & KT_FRAME_INTRA) != 0, i % 10 == 0, "%zu", i);
        cr_expect_neq(flags & KT_FRAME_INTERLACED, 0u);
        cr_expect_neq(flags & KT_FRAME_TOP_FIRST, 0u);
        cr_expect_eq(flags & KT_FRAME_DAMAGED, 0u);
    }
    cr_expect_eq(film->counts.video.decoded, 25);
    fx_film_free(film);
    fx_ffmpeg(SOURCE("320x240", "5", "1") "-vf fps=10 -vsync cfr -c:v ffv1", "b.mkv");
    film = fx_film("b.mkv", &FX_FILM, &FX_LIMITS);
    for (size_t i = 1; i < film->pictures; i++)
        cr_expect_eq((film->picture[i].flags & KT_FRAME_REPEATED) != 0, i % 2 == 1, "%zu", i);
    fx_film_free(film);
}

// The picture moves 4 pixels to the left per frame: its parts lay to the right before.
Test(pictures, vectors_of_codecs_that_export_them_point_to_where_the_content_was)
{
    static const char *const coded[][2] = {{"-c:v libx264 -bf 0", "a.mp4"},
                                           {"-c:v mpeg4 -bf 0", "b.mp4"},
                                           {"-c:v mpeg2video -bf 0 -b:v 4M", "c.mpg"},
                                           {"-c:v libvpx -b:v 1M", "d.webm"}};
    fx_ffmpeg("-f lavfi -i mandelbrot=size=960x240:rate=1:start_scale=1 -frames:v 1", "a.png");
    for (size_t i = 0; i < 4; i++) {
        char arguments[300];
        snprintf(arguments, sizeof arguments,
                 "-loop 1 -framerate 25 -t 1 -i a.png -vf crop=320:240:100+4*n:0 -g 100 %s", coded[i][0]);
        fx_ffmpeg(arguments, coded[i][1]);
        fx_film_t *film = fx_film(coded[i][1], &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->pictures, 25);
        for (size_t p = 5; p < 24; p++) {  // MPEG-2 exports none of the last one
            cr_expect_eq(film->has_vectors[p], i < 3, "%s", coded[i][1]);
            if (i < 3)
                cr_expect_float_eq(film->mean_dx[p], 4, 1.5, "%s %zu: %g", coded[i][1], p, film->mean_dx[p]);
        }
        fx_film_free(film);
    }
}

Test(pictures, of_mpeg4_a_picture_predicted_from_both_sides_says_so_and_gives_no_vectors)
{
    fx_ffmpeg(SOURCE("320x240", "25", "1") "-c:v mpeg4 -bf 2", "a.mp4");
    fx_film_t *film    = fx_film("a.mp4", &FX_FILM, &FX_LIMITS);
    size_t     between = 0, many = 0;
    for (size_t p = 0; p < film->pictures; p++) {
        const kt_video_frame_t *picture = &film->picture[p];
        const bool              is      = (picture->flags & KT_FRAME_BETWEEN) != 0;
        between += is;
        many += picture->n_vectors > 1;
        cr_expect(!is || picture->n_vectors == 0, "%zu", p);
        cr_expect(is || picture->flags & KT_FRAME_INTRA || picture->n_vectors > 1 || p + 1 == film->pictures, "%zu", p);
    }
    cr_expect_eq(film->pictures, 25u);
    cr_expect_geq(between, 12, "%zu", between);
    cr_expect_geq(many, 5, "%zu", many);
    fx_film_free(film);
}

Test(pictures, of_a_picture_that_is_predicted_from_a_later_one_too_a_single_vector_is_given)
{
    fx_ffmpeg(SOURCE("320x240", "25", "1") "-c:v libx264 -preset veryfast -bf 2 -b_strategy 0", "a.mp4");
    fx_film_t *film = fx_film("a.mp4", &FX_FILM, &FX_LIMITS);
    size_t     one = 0, many = 0;
    for (size_t p = 0; p < film->pictures; p++) {
        one += film->picture[p].n_vectors == 1;
        many += film->picture[p].n_vectors > 1;
        cr_expect(film->picture[p].n_vectors != 1 || film->mean_dx[p] == 0, "it points forward");
    }
    cr_expect_geq(one, 12, "%zu", one);
    cr_expect_geq(many, 5, "%zu", many);
    fx_film_free(film);
}

Test(pictures, a_stream_that_cannot_be_decoded_leaves_the_other)
{
    fx_ffmpeg(SOURCE("320x240", "25", "1") TONE("1") "-c:v mpeg4 -ac 2 -c:a truehd -strict -2", "sound.mkv");
    fx_ffmpeg(SOURCE("320x240", "25", "1") TONE("1") "-c:v gif -c:a flac", "picture.mkv");
    fx_ffmpeg(SOURCE("320x240", "25", "1") TONE("1") "-c:v gif -ac 2 -c:a truehd -strict -2", "both.mkv");
    fx_film_t *film = fx_film("sound.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s", film->why);
    cr_expect_eq(film->pictures, 25);
    cr_expect_eq(film->frames, 0);
    cr_expect(film->media_info.has_audio);
    cr_expect(strstr(film->media_info.audio_why, "truehd"), "%s", film->media_info.audio_why);
    cr_expect_str_eq(film->media_info.video_why, "");
    cr_expect_gt(film->counts.audio.packets, 0, "they are counted");
    fx_film_free(film);
    film = fx_film("picture.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s", film->why);
    cr_expect_eq(film->pictures, 0);
    cr_expect_gt(film->frames, 40000);
    cr_expect(strstr(film->media_info.video_why, "gif"), "%s", film->media_info.video_why);
    cr_expect_eq(film->counts.video.packets, 25, "they are counted");
    fx_film_free(film);
    film = fx_film("both.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->media_info_err, KT_OK);
    cr_expect_eq(film->err, KT_ECODEC);
    fx_film_free(film);
}

Test(pictures, cover_art_is_no_film)
{
    fx_ffmpeg("-f lavfi -i color=red:size=64x64:rate=1:duration=1 " TONE(
                  "1") "-map 0 -map 1 -c:v png -disposition:v attached_pic",
              "a.mp3");
    fx_film_t *film = fx_film("a.mp3", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK);
    cr_expect_eq(film->pictures, 0);
    cr_expect(film->media_info.has_cover_art && !film->media_info.has_video);
    fx_film_free(film);
}

Test(pictures, streams_that_are_not_wanted_are_counted)
{
    kt_decode_want_t sound = {.sound = 1}, neither = {0}, pictures = FX_FILM;
    pictures.sound = 0;
    fx_ffmpeg(SOURCE("320x240", "25", "1") TONE("1") "-c:v mpeg4 -c:a flac", "a.mkv");
    fx_film_t *film = fx_film("a.mkv", &sound, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK);
    cr_expect_eq(film->pictures, 0);
    cr_expect_eq(film->frames, 44100);
    cr_expect_eq(film->counts.video.packets, 25);
    cr_expect_float_eq(film->counts.regular_hz, 25, 1e-6);
    fx_film_free(film);
    film = fx_film("a.mkv", &pictures, &FX_LIMITS);
    cr_expect_eq(film->pictures, 25);
    cr_expect_eq(film->frames, 0);
    cr_expect_gt(film->counts.audio.bytes, 1000);
    fx_film_free(film);
    film = fx_film("a.mkv", &neither, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK);
    cr_expect_eq(film->counts.video.packets, 25);
    fx_film_free(film);
}

Test(pictures, mode_sampled_gives_the_same_sampled_pictures_and_leaves_others_out)
{
    kt_decode_want_t all = FX_FILM, sampled = FX_FILM, keys = FX_FILM;
    all.sample_hz = sampled.sample_hz = keys.sample_hz = .2;
    sampled.mode                                       = KT_PICTURES_SAMPLED;
    keys.mode                                          = KT_PICTURES_KEYFRAMES;
    fx_ffmpeg(SOURCE("320x240", "25", "30") "-c:v libx264 -preset veryfast -g 25 -bf 2", "a.mp4");
    fx_film_t *full = fx_film("a.mp4", &all, &FX_LIMITS), *some = fx_film("a.mp4", &sampled, &FX_LIMITS);
    cr_assert_eq(full->pictures, 750);
    cr_expect_eq(full->wholes, 6);
    cr_expect_eq(some->wholes, 6);
    cr_expect_lt(some->pictures, 300);
    cr_expect_eq(memcmp(full->whole, some->whole, full->wholes * full->whole_bytes), 0);
    cr_expect_eq(some->counts.frames, 750, "packets are counted");
    fx_film_free(some);
    some = fx_film("a.mp4", &keys, &FX_LIMITS);
    cr_expect_eq(some->pictures, 30);
    cr_expect_eq(some->wholes, 6);
    for (size_t i = 0; i < some->pictures; i++)
        cr_expect_float_eq(some->picture[i].time_s, (double)i, 1e-6);
    fx_film_free(some);
    fx_film_free(full);
}

Test(pictures, sound_that_fragments_have_twice_is_told)
{
    static const char *const FLAGS[] = {"frag_keyframe+empty_moov", "frag_every_frame"};
    for (int overlap = 0; overlap < 2; overlap++) {
        char make[400];
        (void)snprintf(make, sizeof make,
                       SOURCE("192x128", "25", "4")
                           TONE("4") "-c:v libx264 -preset ultrafast -bf 2 -c:a aac -movflags %s",
                       FLAGS[overlap]);
        fx_ffmpeg(make, "a.mp4");
        fx_film_t *film = fx_film("a.mp4", &FX_FILM, &FX_LIMITS);
        cr_assert_eq(film->err, KT_OK, "%s", film->why);
        const double given_s = (double)film->frames / 44100, lost_s = film->counts.audio.lost_s;
        cr_expect_float_eq(given_s + lost_s, 4, .05, "%s: %g + %g", FLAGS[overlap], given_s, lost_s);
        cr_expect(overlap ? lost_s > .1 && film->counts.audio.lost_parts > 2 : lost_s <= 0, "%g", lost_s);
        fx_film_free(film);
    }
}
