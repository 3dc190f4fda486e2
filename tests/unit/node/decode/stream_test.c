// What is read from a pipe, where nothing can be read twice.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(decode_stream, .init = fx_open, .fini = fx_close, .timeout = 60);

// A process that writes the file into a pipe, in pieces of `piece` bytes; the pipe's other end. most: so many bytes,
// then it waits.
static int
pipe_of_part(const char *name, size_t piece, size_t most, pid_t *writer)
{
    static char bytes[4 << 20];
    size_t      length = fx_read(name, bytes, sizeof bytes);
    bool        waits  = most < length;
    int         ends[2];
    length = waits ? most : length;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    *writer = fork();
    if (*writer == 0) {
        signal(SIGPIPE, SIG_DFL);
        close(ends[0]);
        for (size_t done = 0; done < length;) {
            ssize_t n = write(ends[1], bytes + done, length - done < piece ? length - done : piece);
            if (n <= 0)
                _exit(1);
            done += (size_t)n;
        }
        if (waits)
            pause();
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static int
pipe_of(const char *name, size_t piece, pid_t *writer)
{
    return pipe_of_part(name, piece, SIZE_MAX, writer);
}

static void
end_writer(int fd, pid_t writer)
{
    close(fd);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
}

// Everything that comes out of a pipe.
static void
decode_pipe(const char *name, size_t piece, fx_decoded_t *out)
{
    pid_t        writer;
    kt_decode_t *decode = NULL;
    int          fd     = pipe_of(name, piece, &writer);
    memset(out, 0, sizeof *out);
    cr_assert_eq(kt_decode_open(fx_server, fd, &FX_LIMITS, &FX_SOUND, &decode), KT_OK);
    out->media_info_err = out->err = kt_decode_media_info(decode, &out->media_info);
    while (!out->err) {
        kt_decoded_t got;
        out->err = kt_decode_read(decode, &got);
        if (out->err || got.kind == KT_DECODED_END)
            break;
        size_t channels = out->media_info.channels;
        out->pcm        = realloc(out->pcm, (out->frames + got.frames) * channels * sizeof *got.pcm);
        memcpy(out->pcm + out->frames * channels, got.pcm, got.frames * channels * sizeof *got.pcm);
        out->frames += got.frames;
    }
    snprintf(out->why, sizeof out->why, "%s", kt_decode_why(decode));
    kt_decode_close(&decode);
    end_writer(fd, writer);
}

static void
check_equal(const char *name, size_t piece)
{
    fx_decoded_t file, stream;
    fx_decode(name, &FX_LIMITS, &file);
    decode_pipe(name, piece, &stream);
    cr_assert_eq(file.err, KT_OK, "%s: %s", name, file.why);
    cr_assert_eq(stream.err, KT_OK, "%s: %s", name, stream.why);
    cr_assert_str_eq(stream.media_info.container, file.media_info.container);
    cr_assert_eq(stream.media_info.rate_hz, file.media_info.rate_hz);
    cr_assert_eq(stream.frames, file.frames, "%s: %zu of %zu frames", name, stream.frames, file.frames);
    cr_assert_arr_eq(stream.pcm, file.pcm, file.frames * file.media_info.channels * sizeof(float));
    fx_free(&file);
    fx_free(&stream);
}

static const char *const NAMES[] = {"a.wav", "a.ogg", "a.mp3", "a.flac", "a.aac", "a.mkv", "a.aiff", "fast.m4a"};

static void
make(const char *name)
{
    fx_ffmpeg("-f lavfi -i sine=440:duration=3 -f lavfi -i anoisesrc=d=3:a=0.1:r=44100 "
              "-filter_complex amerge=inputs=2 -metadata title=Tone -movflags +faststart",
              name);
}

Test(decode_stream, a_pipe_gives_sample_for_sample_what_the_file_gives)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        make(NAMES[i]);
        check_equal(NAMES[i], 1 << 16);
    }
}

Test(decode_stream, small_pieces_change_nothing)
{
    make("a.mp3");
    make("a.ogg");
    check_equal("a.mp3", 100);
    check_equal("a.ogg", 7);
}

Test(decode_stream, sound_comes_out_before_the_stream_ends)
{
    static char     bytes[4 << 20];
    int             ends[2];
    kt_decode_t    *decode = NULL;
    kt_media_info_t media_info;
    kt_decoded_t    piece;
    make("a.wav");
    size_t length = fx_read("a.wav", bytes, sizeof bytes);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_gt(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0);
    cr_assert_eq(write(ends[1], bytes, length / 2), (ssize_t)(length / 2));
    cr_assert_eq(kt_decode_open(fx_server, ends[0], &FX_LIMITS, &FX_SOUND, &decode), KT_OK);
    cr_assert_eq(kt_decode_media_info(decode, &media_info), KT_OK);
    cr_assert_eq(kt_decode_read(decode, &piece), KT_OK);
    cr_assert_gt(piece.frames, 0, "the writer holds the other half and the end");
    kt_decode_close(&decode);
    close(ends[0]);
    close(ends[1]);
}

Test(decode_stream, an_mp4_with_its_index_at_the_end_is_refused_in_plain_words)
{
    fx_decoded_t out;
    fx_ffmpeg("-f lavfi -i sine=440:duration=2", "late.m4a");
    cr_assert_eq(fx_verdict("late.m4a"), KT_OK);
    decode_pipe("late.m4a", 1 << 16, &out);
    cr_assert_eq(out.err, KT_ENOTREGULAR);
    cr_assert_not_null(strstr(out.why, "index"), "%s", out.why);
    fx_free(&out);
}

Test(decode_stream, what_is_no_media_has_the_error_of_a_file)
{
    static const struct {
        const char *bytes;
        kt_err_t    err;
    } CASES[] = {{"", KT_EEMPTY}, {"just some words of text\n", KT_ETEXT}, {"#EXTM3U\nx.mp3\n", KT_EPLAYLIST}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        fx_decoded_t out;
        fx_write("case", CASES[i].bytes, strlen(CASES[i].bytes));
        decode_pipe("case", 100, &out);
        cr_assert_eq(out.err, CASES[i].err, "%s", kt_err_name(out.err));
        fx_free(&out);
    }
}

Test(decode_stream, a_tag_that_claims_more_than_the_stream_holds_is_no_tag)
{
    static char  bytes[1 << 20];
    fx_decoded_t out;
    fx_ffmpeg("-f lavfi -i sine=440:duration=2 -id3v2_version 0 -write_xing 0", "plain.mp3");
    static const char LIE[] = "ID3\x04\x00\x00\x00\x7f\x7f\x7f";
    memcpy(bytes, LIE, 10);
    size_t length = fx_read("plain.mp3", bytes + 10, sizeof bytes - 10);
    fx_write("lie.mp3", bytes, length + 10);
    decode_pipe("lie.mp3", 1 << 16, &out);
    cr_assert_eq(out.err, KT_OK, "%s", out.why);
    cr_assert_gt(out.frames, 44100);
    fx_free(&out);
}

#define SOURCE "-f lavfi -i testsrc2=size=640x360:rate=25:duration=2 -f lavfi -i sine=duration=2 "

Test(decode_stream, pictures_of_a_pipe_are_those_of_the_file)
{
    static const char *const names[]     = {"a.mkv", "a.webm", "a.mpg", "a.ts", "a.flv", "a.ogv", "a.avi", "fast.mp4"};
    static const char *const arguments[] = {
        [1] = SOURCE "-c:v libvpx -c:a libvorbis", [4] = SOURCE "-ar 44100", [7] = SOURCE "-movflags +faststart"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pid_t writer;
        fx_ffmpeg(arguments[i] ? arguments[i] : SOURCE, names[i]);
        int        fd     = pipe_of(names[i], 5000, &writer);
        fx_film_t *stream = fx_film_of(fd, &FX_FILM, &FX_LIMITS), *file = fx_film(names[i], &FX_FILM, &FX_LIMITS);
        end_writer(fd, writer);
        cr_expect_eq(stream->err, KT_OK, "%s: %s", names[i], stream->why);
        cr_expect_geq(file->pictures, 49, "%s: %zu", names[i], file->pictures);
        cr_expect_eq(stream->pictures, file->pictures, "%s: %zu, %zu", names[i], stream->pictures, file->pictures);
        cr_expect_eq(stream->frames, file->frames, "%s", names[i]);
        cr_expect_eq(memcmp(stream->small, file->small, file->pictures * file->small_bytes), 0, "%s", names[i]);
        for (size_t p = 0; p < file->pictures; p++)
            cr_expect_float_eq(stream->picture[p].time_s, file->picture[p].time_s, 1e-6, "%s", names[i]);
        fx_film_free(stream);
        fx_film_free(file);
    }
}

// Its sound begins after 24 of 30 s, and the pipe stays open before that.
Test(decode_stream, pictures_of_a_pipe_do_not_wait_for_late_sound)
{
    pid_t              writer;
    kt_media_info_t    info;
    kt_decoded_t       piece  = {.kind = KT_DECODED_SOUND};
    kt_decode_t       *d      = NULL;
    kt_decode_limits_t limits = FX_LIMITS;
    fx_ffmpeg("-f lavfi -i testsrc2=size=320x180:rate=25:duration=30 -itsoffset 24 -f lavfi -i sine=duration=6 "
              "-map 0 -map 1 -c:v mpeg4 -c:a flac",
              "late.mkv");
    struct stat st;
    cr_assert_eq(stat(fx_path("late.mkv"), &st), 0);
    int fd = pipe_of_part("late.mkv", 5000, (size_t)st.st_size * 2 / 3, &writer);
    cr_assert_eq(kt_decode_open(fx_server, fd, &limits, &FX_FILM, &d), KT_OK);
    cr_assert_eq(kt_decode_media_info(d, &info), KT_OK, "%s", kt_decode_why(d));
    cr_expect_eq(info.rate_hz, 44100);
    for (size_t i = 0; i < 250; i++) {
        cr_assert_eq(kt_decode_read(d, &piece), KT_OK, "%zu: %s", i, kt_decode_why(d));
        cr_assert_eq(piece.kind, KT_DECODED_PICTURE);
    }
    kt_decode_close(&d);
    end_writer(fd, writer);
}
