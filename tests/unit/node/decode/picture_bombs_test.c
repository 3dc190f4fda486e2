// Films that are broken, hostile or odd: each has its reason, costs its own file alone, and no more than is permitted.
#include "common/clock.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 8 << 20 };

TestSuite(picture_bombs, .init = fx_open, .fini = fx_close);

#define SOURCE(size, seconds) "-f lavfi -i testsrc2=size=" size ":rate=25:duration=" seconds " "
#define TONE "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=1 "

static uint8_t bytes[FILE_MAX];

// Replaces every occurrence. Returns their number.
static size_t
replace(const char *name, const void *from, size_t length, const void *to)
{
    size_t have = fx_read(name, bytes, sizeof bytes), count = 0;
    cr_assert_lt(have, sizeof bytes);
    for (uint8_t *at = bytes; (at = memmem(at, (size_t)(bytes + have - at), from, length)); at += length, count++)
        memcpy(at, to, length);
    fx_write(name, bytes, have);
    return count;
}

Test(picture_bombs, a_container_that_states_a_huge_picture_is_refused_before_anything_is_allocated)
{
    const uint8_t small[8] = {64, 0, 0, 0, 48, 0, 0, 0}, huge[8] = {0, 0xfa, 0, 0, 0, 0xfa, 0, 0};
    fx_ffmpeg(SOURCE("64x48", "1") "-c:v huffyuv", "a.avi");
    fx_ffmpeg(SOURCE("64x48", "1") TONE "-c:v huffyuv -c:a pcm_s16le", "sound.avi");
    cr_assert_gt(replace("a.avi", small, 8, huge), 0);
    cr_assert_gt(replace("sound.avi", small, 8, huge), 0);
    fx_film_t *film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_ECODEC, "%s", film->why);
    cr_expect(strstr(film->why, "64000 x 64000"), "%s", film->why);
    cr_expect_lt(film->peak_bytes, 64 << 20);
    fx_film_free(film);
    film = fx_film("sound.avi", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s", film->why);
    cr_expect(strstr(film->media_info.video_why, "64000 x 64000"), "%s", film->media_info.video_why);
    cr_expect_gt(film->frames, 40000);
    fx_film_free(film);
}

Test(picture_bombs, a_picture_that_is_huge_behind_a_small_header_is_refused_by_its_decoder)
{
    const uint8_t small[] = {0xff, 0xc0, 0, 17, 8, 0, 48, 0, 64}, huge[] = {0xff, 0xc0, 0, 17, 8, 0xfa, 0, 0xfa, 0};
    fx_ffmpeg(SOURCE("64x48", "1") TONE "-c:v mjpeg -c:a pcm_s16le", "a.avi");
    cr_assert_gt(replace("a.avi", small, sizeof small, huge), 0);
    fx_film_t *film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s", film->why);
    cr_expect_eq(film->pictures, 0);
    cr_expect_gt(film->frames, 40000);
    cr_expect(*film->media_info.video_why);
    cr_expect_eq(film->counts.video.damaged, 25);
    cr_expect_lt(film->peak_bytes, 64 << 20);
    fx_film_free(film);
}

Test(picture_bombs, a_narrow_strip_is_no_picture)
{
    fx_ffmpeg("-f lavfi -i color=red:size=8000x4:rate=25:duration=1 -c:v ffv1", "a.mkv");
    fx_film_t *film = fx_film("a.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_ECODEC);
    cr_expect(strstr(film->why, "8000 x 4"), "%s", film->why);
    fx_film_free(film);
}

// Pictures that change their size with each one keep that of the first.
Test(picture_bombs, a_resolution_that_changes_is_scaled_to_the_first)
{
    char command[500];
    fx_ffmpeg("-f lavfi -i color=red:size=640x360 -frames:v 1", "a.jpg");
    fx_ffmpeg("-f lavfi -i color=red:size=1920x1080 -frames:v 1", "b.jpg");
    fx_ffmpeg("-f lavfi -i color=red:size=100x300 -frames:v 1", "c.jpg");
    snprintf(command, sizeof command, "cd '%s' && for i in 1 2 3 4 5 6 7 8; do cat a.jpg b.jpg c.jpg; done >all.mjpeg",
             fx_folder);
    cr_assert_eq(system(command), 0);
    fx_ffmpeg("-f mjpeg -framerate 8 -i all.mjpeg -c copy", "a.avi");
    fx_film_t *film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
    cr_assert_eq(film->err, KT_OK, "%s", film->why);
    cr_assert_eq(film->pictures, 24);
    for (size_t i = 0; i < film->pictures; i++) {
        const uint8_t *planes = film->small + i * film->small_bytes;
        cr_expect_eq(film->picture[i].small.width, 320);
        cr_expect_eq(film->picture[i].small.height, 180);
        for (size_t k = 0; k < film->small_bytes; k += 97)  // red, whatever was scaled
            cr_expect_leq(abs(planes[k] - film->small[k]), 1);
    }
    for (size_t i = 0; i < film->wholes; i++)
        cr_expect_leq(abs(film->whole[i * film->whole_bytes + 5000] - film->whole[5000]), 1);
    fx_film_free(film);
}

Test(picture_bombs, damaged_pictures_are_counted_and_marked)
{
    fx_ffmpeg(SOURCE("640x360", "8") "-c:v mpeg2video -g 12 -b:v 2M", "a.ts");
    size_t have = fx_read("a.ts", bytes, sizeof bytes);
    for (size_t i = have / 4; i < have * 3 / 4; i += 5000)
        for (size_t k = 30; k < 90; k++)
            bytes[i / 188 * 188 + k] ^= 0x5a;
    fx_write("a.ts", bytes, have);
    fx_film_t *film   = fx_film("a.ts", &FX_FILM, &FX_LIMITS);
    size_t     marked = 0;
    for (size_t i = 0; i < film->pictures; i++)
        marked += (film->picture[i].flags & KT_FRAME_DAMAGED) != 0;
    cr_expect_eq(film->err, KT_OK, "%s", film->why);
    cr_expect_gt(film->pictures, 150);
    cr_expect_gt(marked, 10);
    cr_expect_eq(film->counts.damaged_pictures, marked);
    cr_expect_eq(film->picture[0].flags & KT_FRAME_DAMAGED, 0u);
    fx_film_free(film);
}

Test(picture_bombs, a_header_without_pictures_and_one_without_a_rate_have_their_answers)
{
    const uint8_t rate[8] = {1, 0, 0, 0, 25, 0, 0, 0}, none[8] = {0};
    fx_ffmpeg(SOURCE("64x48", "1") "-c:v mpeg4 -f matroska -live 1", "all.mkv");
    size_t   have    = fx_read("all.mkv", bytes, sizeof bytes);
    uint8_t *cluster = memmem(bytes, have, "\x1f\x43\xb6\x75", 4);
    cr_assert_not_null(cluster);
    fx_write("a.mkv", bytes, (size_t)(cluster - bytes));
    fx_film_t *film = fx_film("a.mkv", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_ETRUNCATED, "%s: %s", kt_err_name(film->err), film->why);
    fx_film_free(film);
    fx_ffmpeg(SOURCE("64x48", "1") "-c:v mpeg4", "a.avi");
    cr_assert_gt(replace("a.avi", rate, 8, none), 0);
    film = fx_film("a.avi", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s: %s", kt_err_name(film->err), film->why);
    cr_expect_eq(film->pictures, 25);
    for (size_t i = 1; i < film->pictures; i++)
        cr_expect_geq(film->picture[i].time_s, film->picture[i - 1].time_s);
    fx_film_free(film);
}

// A film that is longer than the ring, with its child waiting for slots.
static kt_decode_t *
open_long_film(const kt_decode_limits_t *limits)
{
    kt_media_info_t media_info;
    kt_decode_t    *d = NULL;
    fx_ffmpeg(SOURCE("320x240", "20") "-c:v mpeg4 -q:v 2", "a.avi");
    int fd = open(fx_path("a.avi"), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(kt_decode_open(fx_server, fd, limits, &FX_FILM, &d), KT_OK);
    close(fd);
    cr_assert_eq(kt_decode_media_info(d, &media_info), KT_OK);
    return d;
}

static kt_err_t
read_to_end(kt_decode_t *d, size_t *pictures)
{
    kt_decoded_t piece = {.kind = KT_DECODED_SOUND};
    kt_err_t     err   = KT_OK;
    *pictures          = 0;
    while (err == KT_OK && piece.kind != KT_DECODED_END) {
        err = kt_decode_read(d, &piece);
        *pictures += err == KT_OK && piece.kind == KT_DECODED_PICTURE;
    }
    return err;
}

Test(picture_bombs, a_stopped_child_is_noticed)
{
    kt_decode_limits_t limits = FX_LIMITS;
    size_t             pictures;
    limits.stall_ms       = 500;
    kt_decode_t *d        = open_long_film(&limits);
    pid_t        pid      = fx_child_of(fx_server_process());
    int64_t      begin_ms = kt_clock_ms();
    cr_assert_eq(kill(pid, SIGSTOP), 0);
    cr_expect_eq(read_to_end(d, &pictures), KT_EDECWALL);
    cr_expect_lt(kt_clock_ms() - begin_ms, 10000);
    kt_decode_close(&d);  // ends it: the server kills children, stopped ones too
    cr_expect_eq(fx_verdict("a.avi"), KT_OK);
}

Test(picture_bombs, a_file_that_is_cut_short_while_it_is_read_ends_there)
{
    struct stat  st;
    size_t       pictures;
    kt_decode_t *d = open_long_film(&FX_LIMITS);
    cr_assert_eq(stat(fx_path("a.avi"), &st), 0);
    cr_assert_eq(truncate(fx_path("a.avi"), st.st_size / 2), 0);
    cr_expect_eq(read_to_end(d, &pictures), KT_OK, "%s", kt_decode_why(d));
    cr_expect(pictures > 50 && pictures < 400, "%zu", pictures);
    kt_decode_close(&d);
}
