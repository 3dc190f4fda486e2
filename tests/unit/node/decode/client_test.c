// What comes out of whole files: samples to the bit, media info of each container, and an answer to each kind of
// damage.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 44100, SAMPLES = 30001, BYTES = 1 << 20 };

TestSuite(decode, .init = fx_open, .fini = fx_close);

static int16_t       shorts[SAMPLES * 2];
static unsigned char bytes[BYTES];

static void
make_shorts(void)
{
    srand(1);
    for (size_t i = 0; i < SAMPLES * 2; i++)
        shorts[i] = (int16_t)(rand() & 0xffff);
    shorts[0] = INT16_MIN;
    shorts[1] = INT16_MAX;
}

static void
expect_shorts(const char *name, unsigned channels)
{
    fx_decoded_t d;
    fx_decode(name, &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_OK, "%s: %s", name, d.why);
    cr_assert_eq(d.media_info.channels, channels);
    cr_assert_eq(d.frames, SAMPLES * 2 / channels);
    for (size_t i = 0; i < SAMPLES * 2; i++)
        cr_assert_eq(d.pcm[i], (float)shorts[i] / 32768, "%s: sample %zu", name, i);
    fx_free(&d);
}

Test(decode, sixteen_bit_samples_of_wav_and_flac_come_out_to_the_bit)
{
    make_shorts();
    fx_wav("a.wav", 1, 16, 2, RATE, shorts, sizeof shorts);
    expect_shorts("a.wav", 2);
    fx_wav("b.wav", 1, 16, 1, 8000, shorts, sizeof shorts);
    expect_shorts("b.wav", 1);
    fx_ffmpeg("-i a.wav", "a.flac");
    expect_shorts("a.flac", 2);
}

Test(decode, twenty_four_bit_samples_of_wav_and_flac_come_out_to_the_bit)
{
    fx_decoded_t wav, flac;
    srand(2);
    for (size_t i = 0; i < SAMPLES * 3; i++)
        bytes[i] = (unsigned char)rand();
    fx_wav("a.wav", 1, 24, 1, 96000, bytes, SAMPLES * 3);
    fx_ffmpeg("-i a.wav -c:a flac -sample_fmt s32", "a.flac");
    fx_decode("a.wav", &FX_LIMITS, &wav);
    fx_decode("a.flac", &FX_LIMITS, &flac);
    cr_assert_eq(wav.err, KT_OK);
    cr_assert_eq(flac.err, KT_OK);
    cr_assert_eq(wav.frames, SAMPLES);
    cr_assert_eq(flac.frames, SAMPLES);
    cr_assert_eq(flac.media_info.bits_per_sample, 24);
    for (size_t i = 0; i < SAMPLES; i++) {
        int32_t x = (int32_t)((uint32_t)bytes[3 * i] << 8 | (uint32_t)bytes[3 * i + 1] << 16 |
                              (uint32_t)bytes[3 * i + 2] << 24);
        cr_assert_eq(wav.pcm[i], (float)(x >> 8) / 8388608);
        cr_assert_eq(flac.pcm[i], wav.pcm[i]);
    }
    fx_free(&wav);
    fx_free(&flac);
}

Test(decode, float_samples_pass_untouched_even_where_they_are_no_numbers)
{
    static float in[4096];
    fx_decoded_t d;
    for (size_t i = 0; i < 4096; i++)
        in[i] = (float)sin((double)i) * 3;
    in[7]  = NAN;
    in[8]  = INFINITY;
    in[99] = -INFINITY;
    fx_wav("a.wav", 3, 32, 1, RATE, in, sizeof in);
    fx_decode("a.wav", &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_OK);
    cr_assert_eq(d.frames, 4096);
    cr_assert_eq(memcmp(d.pcm, in, sizeof in), 0);
    fx_free(&d);
}

Test(decode, six_channels_keep_their_order_and_have_their_layout)
{
    static int16_t in[6 * 1000];
    fx_decoded_t   d;
    for (size_t i = 0; i < 6000; i++)
        in[i] = (int16_t)(i % 6 * 1000);
    fx_wav("a.wav", 1, 16, 6, 48000, in, sizeof in);
    fx_decode("a.wav", &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_OK);
    cr_assert_str_eq(d.media_info.layout, "5.1");
    for (size_t i = 0; i < 6000; i++)
        cr_assert_eq(d.pcm[i], (float)in[i] / 32768);
    fx_free(&d);
}

typedef struct container {
    char     name[16], arguments[256], container[16], codec[16];
    unsigned rate_hz;
    bool     video, art;
} container_t;

#define TONE "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2 -ac 2 "
#define FILM "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 " TONE
#define COVER "-f lavfi -i color=red:size=64x64:rate=1:duration=1 "

ParameterizedTestParameters(decode, each_container_is_identified)
{
    static container_t rows[] = {
        {"a.mp3", TONE "-metadata title=Song", "mp3", "mp3", 44100, false, false},
        {"a.wav", TONE "-metadata title=Song", "wav", "pcm_s16le", 44100, false, false},
        {"a.flac", TONE "-metadata title=Song", "flac", "flac", 44100, false, false},
        {"a.ogg", TONE "-c:a libvorbis -metadata title=Song", "ogg", "vorbis", 44100, false, false},
        {"a.opus", TONE "-c:a libopus -metadata title=Song", "ogg", "opus", 48000, false, false},
        {"a.m4a", TONE "-metadata title=Song", "mp4", "aac", 44100, false, false},
        {"alac.m4a", TONE "-c:a alac -metadata title=Song", "mp4", "alac", 44100, false, false},
        {"a.mka", TONE "-c:a flac -metadata title=Song", "matroska", "flac", 44100, false, false},
        {"a.aiff", TONE "-write_id3v2 1 -metadata title=Song", "aiff", "pcm_s16be", 44100, false, false},
        {"a.caf", TONE "-metadata title=Song", "caf", "pcm_s16be", 44100, false, false},
        {"a.wv", TONE "-metadata title=Song", "wavpack", "wavpack", 44100, false, false},
        {"a.tta", TONE "-metadata title=Song", "tta", "tta", 44100, false, false},
        {"a.wma", TONE "-metadata title=Song", "asf", "wmav2", 44100, false, false},
        {"a.mp4", FILM "-metadata title=Song", "mp4", "aac", 44100, true, false},
        {"a.mov", FILM "-c:v mpeg4 -c:a pcm_s16le -metadata title=Song", "mov", "pcm_s16le", 44100, true, false},
        {"a.avi", FILM "-c:v mpeg4 -c:a mp3 -metadata title=Song", "avi", "mp3", 44100, true, false},
        {"a.mkv", FILM "-c:v mpeg4 -c:a libvorbis -metadata title=Song", "matroska", "vorbis", 44100, true, false},
        {"a.webm", FILM "-c:v libvpx -c:a libopus -metadata title=Song", "webm", "opus", 48000, true, false},
        {"art.mp3", COVER TONE "-map 0 -map 1 -c:v png -disposition:v attached_pic -metadata title=Song", "mp3", "mp3",
         44100, false, true},
        {"art.flac", COVER TONE "-map 0 -map 1 -c:v png -disposition:v attached_pic -metadata title=Song", "flac",
         "flac", 44100, false, true},
    };
    return cr_make_param_array(container_t, rows, sizeof rows / sizeof *rows);
}

static const char *
tag(const kt_media_info_t *media_info, const char *key)
{
    for (uint32_t i = 0; i < media_info->tag_count; i++)
        if (!strcmp(media_info->tags[i].key, key))
            return media_info->tags[i].value;
    return "";
}

ParameterizedTest(container_t *row, decode, each_container_is_identified)
{
    fx_decoded_t d;
    fx_ffmpeg(row->arguments, row->name);
    fx_decode(row->name, &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_OK, "%s: %s", row->name, d.why);
    cr_expect_str_eq(d.media_info.container, row->container);
    cr_expect_str_eq(d.media_info.audio_codec, row->codec);
    cr_expect_str_eq(d.media_info.layout, "stereo");
    cr_expect_str_eq(tag(&d.media_info, "title"), "Song", "%s", row->name);
    cr_expect(d.media_info.has_audio);
    cr_expect_eq(d.media_info.channels, 2);
    cr_expect_eq(d.media_info.rate_hz, row->rate_hz);
    cr_expect_eq(d.media_info.has_video, row->video, "%s", row->name);
    cr_expect_eq(d.media_info.has_cover_art, row->art, "%s", row->name);
    cr_expect_eq(d.media_info.streams, row->video || row->art ? 2 : 1);
    cr_expect_float_eq(d.media_info.duration_s, 2, .1, "%s: %g", row->name, d.media_info.duration_s);
    cr_expect_float_eq((double)d.frames / d.media_info.rate_hz, 2, .06, "%s: %zu", row->name, d.frames);
    cr_expect_gt(d.media_info.bit_rate_bps, 1000);
    cr_expect_gt(d.peak_bytes, 1 << 20);
    cr_expect_gt(d.cpu_s, 0);
    cr_expect_eq(d.damaged, 0);
    if (row->video) {
        cr_expect_eq(d.media_info.width, 320);
        cr_expect_eq(d.media_info.height, 180);
        cr_expect_float_eq(d.media_info.frame_rate_hz, 25, .01, "%s: %g", row->name, d.media_info.frame_rate_hz);
        cr_expect_float_eq(d.media_info.aspect_ratio, 16. / 9, .001);
        cr_expect(*d.media_info.video_codec);
    }
    fx_free(&d);
}

Test(decode, encoder_delay_and_padding_are_cut_off)
{
    static const char *const names[] = {"a.mp3", "a.m4a"};
    fx_ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=44100:duration=3", "a.wav");
    for (size_t i = 0; i < 2; i++) {
        fx_decoded_t d;
        fx_ffmpeg("-i a.wav", names[i]);
        fx_decode(names[i], &FX_LIMITS, &d);
        cr_assert_eq(d.err, KT_OK);
        // AAC in MP4 leaves the padding of its last frame in, as FFmpeg does.
        cr_expect(d.frames >= 3 * RATE && d.frames < 3 * RATE + 1024, "%s: %zu", names[i], d.frames);
        fx_free(&d);
    }
}

Test(decode, samples_before_time_zero_are_dropped)
{
    fx_decoded_t all, cut;
    fx_ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=44100:duration=3 -c:a libvorbis", "all.ogg");
    fx_ffmpeg("-i all.ogg -c copy -output_ts_offset -0.01 -avoid_negative_ts disabled", "cut.ogg");
    fx_decode("all.ogg", &FX_LIMITS, &all);
    fx_decode("cut.ogg", &FX_LIMITS, &cut);
    cr_assert_eq(all.err, KT_OK);
    cr_assert_eq(cut.err, KT_OK);
    cr_assert_eq(cut.frames, all.frames - 441);
    cr_assert_eq(memcmp(cut.pcm, all.pcm + 441, cut.frames * sizeof(float)), 0);
    fx_free(&all);
    fx_free(&cut);
}

Test(decode, a_rotated_picture_with_wide_pixels_has_its_display_size)
{
    fx_decoded_t d;
    fx_ffmpeg("-f lavfi -i testsrc2=size=180x320:rate=25:duration=1 -vf setsar=4/3 -c:v mpeg4", "plain.mov");
    fx_ffmpeg("-i plain.mov -c copy -metadata:s:v rotate=90", "a.mov");
    fx_decode("a.mov", &FX_LIMITS, &d);
    cr_expect_eq(d.media_info_err, KT_OK);
    cr_expect_eq(d.media_info.width, 180);
    cr_expect_float_eq(d.media_info.aspect_ratio, 1 / (180. / 320 * 4 / 3), .001, "%g", d.media_info.aspect_ratio);
    fx_free(&d);
}

Test(decode, a_silent_film_has_media_info_and_no_sound)
{
    fx_decoded_t d;
    fx_ffmpeg("-f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -c:v mpeg4", "a.mp4");
    fx_decode("a.mp4", &FX_LIMITS, &d);
    cr_expect_eq(d.media_info_err, KT_OK);
    cr_expect_not(d.media_info.has_audio);
    cr_expect(d.media_info.has_video);
    cr_expect_eq(d.err, KT_OK, "its pictures are counted");
    cr_expect_eq(d.frames, 0);
}

Test(decode, a_codec_outside_the_list_has_media_info_and_is_refused)
{
    fx_decoded_t d;
    fx_ffmpeg("-f lavfi -i sine=sample_rate=48000:duration=1 -ac 2 -c:a truehd -strict -2", "a.mkv");
    fx_decode("a.mkv", &FX_LIMITS, &d);
    cr_expect_eq(d.media_info_err, KT_OK);
    cr_expect_eq(d.err, KT_ECODEC);
}

Test(decode, tags_of_any_bytes_come_out_as_utf8_in_bounds)
{
    fx_decoded_t d;
    fx_ffmpeg(TONE "-c:a flac -metadata ARTIST=$(printf 'a\\377b') -metadata COMMENT=$(printf '%02000d' 0)", "a.flac");
    fx_decode("a.flac", &FX_LIMITS, &d);
    cr_expect_eq(d.err, KT_OK);
    cr_expect_str_eq(tag(&d.media_info, "artist"), "a\357\277\275b", "%s", tag(&d.media_info, "artist"));
    cr_expect_eq(strlen(tag(&d.media_info, "comment")), KT_MEDIA_TAG_VALUE - 1);
    fx_free(&d);
}

Test(decode, a_change_of_rate_on_the_way_is_resampled_to_the_first)
{
    fx_decoded_t d;
    fx_ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2 -ac 2 -f adts", "a.aac");
    fx_ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=22050:duration=2 -ac 1 -f adts", "b.aac");
    static unsigned char both[BYTES];
    size_t               n = fx_read("a.aac", both, BYTES);
    n += fx_read("b.aac", both + n, BYTES - n);
    fx_write("both.aac", both, n);
    fx_decode("both.aac", &FX_LIMITS, &d);
    cr_assert_eq(d.err, KT_OK, "%s", d.why);
    cr_expect_eq(d.media_info.rate_hz, 44100);
    cr_expect_eq(d.media_info.channels, 2);
    cr_expect_float_eq((double)d.frames / RATE, 4, .2, "%zu", d.frames);
    fx_free(&d);
}

Test(decode, more_sound_than_is_permitted_is_refused)
{
    fx_decoded_t       d;
    kt_decode_limits_t limits = FX_LIMITS;
    make_shorts();
    fx_wav("a.wav", 1, 16, 1, 1000, shorts, sizeof shorts);
    limits.max_duration_s = SAMPLES * 2 / 1000. - 1;
    fx_decode("a.wav", &limits, &d);
    cr_expect_eq(d.err, KT_ETOOLONG);
    cr_expect_leq(d.frames, (size_t)(SAMPLES * 2 - 1000));
    fx_free(&d);
    limits.max_duration_s = SAMPLES * 2 / 1000.;
    fx_decode("a.wav", &limits, &d);
    cr_expect_eq(d.err, KT_OK);
    fx_free(&d);
}

static void
expect_text(const char *text, kt_err_t err)
{
    fx_write("text", text, strlen(text));
    cr_expect_eq(fx_verdict("text"), err, "%.40s: %s", text, kt_err_name(fx_verdict("text")));
}

Test(decode, text_and_playlists_have_their_own_errors_and_are_never_followed)
{
    expect_text("", KT_EEMPTY);
    expect_text("Dear all, bread and butter.\n", KT_ETEXT);
    expect_text("<!doctype html><html></html>\n", KT_ETEXT);
    expect_text("{\"a\": 1}\n", KT_ETEXT);
    expect_text("na\xc3\xafve caf\xc3\xa9\n", KT_ETEXT);
    expect_text("na\xefve caf\xe9 in Latin-1, mostly plain\n", KT_ETEXT);
    expect_text("#EXTM3U\nfile:///etc/hostname\n", KT_EPLAYLIST);
    expect_text("\xef\xbb\xbf#EXTM3U\nx.mp3\n", KT_EPLAYLIST);
    expect_text("ffconcat version 1.0\nfile /etc/hostname\n", KT_EPLAYLIST);
    expect_text("[playlist]\nFile1=http://127.0.0.1:9/\n", KT_EPLAYLIST);
    expect_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 9 RTP/AVP 0\n", KT_EPLAYLIST);
    expect_text("<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"></MPD>\n", KT_EPLAYLIST);
}

Test(decode, random_bytes_are_no_media_file)
{
    for (unsigned seed = 0; seed < 20; seed++) {
        srand(seed);
        for (size_t i = 0; i < 300000; i++)
            bytes[i] = (unsigned char)(rand() >> 7);
        fx_write("random.mp3", bytes, seed % 2 ? 300000 : 700);
        cr_expect_eq(fx_verdict("random.mp3"), KT_EFORMAT, "seed %u", seed);
    }
    memset(bytes, 0, 65536);
    fx_write("zeros.mp3", bytes, 65536);
    cr_expect_eq(fx_verdict("zeros.mp3"), KT_EFORMAT);
    memset(bytes, 0xff, 65536);
    fx_write("ones.mp3", bytes, 65536);
    cr_expect_eq(fx_verdict("ones.mp3"), KT_EFORMAT);
}

Test(decode, a_header_without_sound_is_a_cut_file)
{
    fx_wav("a.wav", 1, 16, 2, RATE, NULL, 0);
    cr_expect_eq(fx_verdict("a.wav"), KT_ETRUNCATED);
    fx_ffmpeg(TONE, "a.flac");
    fx_write("b.flac", bytes, fx_read("a.flac", bytes, 86));
    cr_expect_eq(fx_verdict("b.flac"), KT_ETRUNCATED);
    fx_ffmpeg(TONE, "a.m4a");
    size_t n = fx_read("a.m4a", bytes, BYTES);
    fx_write("half.m4a", bytes, n / 2);
    cr_expect_eq(fx_verdict("half.m4a"), KT_ETRUNCATED);
    fx_write("head.m4a", bytes, 40);
    cr_expect_eq(fx_verdict("head.m4a"), KT_ETRUNCATED);
    fx_write("tag.mp3", "ID3\x03\0\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0", 20);
    cr_expect_eq(fx_verdict("tag.mp3"), KT_ETRUNCATED);
}

Test(decode, impossible_wav_headers_are_refused)
{
    make_shorts();
    fx_wav("a.wav", 1, 16, 1, 0, shorts, 1000);
    cr_expect_eq(fx_verdict("a.wav"), KT_ESTREAM);
    fx_wav("a.wav", 1, 16, 1, UINT32_MAX, shorts, 1000);
    cr_expect_eq(fx_verdict("a.wav"), KT_ESTREAM);
    fx_wav("a.wav", 1, 16, 0, RATE, shorts, 1000);
    cr_expect_eq(fx_verdict("a.wav"), KT_ESTREAM);
    fx_wav("a.wav", 1, 16, 65535, RATE, shorts, 1000);
    cr_expect_eq(fx_verdict("a.wav"), KT_ESTREAM);
}

static void
expect_duration(const char *name, double at_least_s, double at_most_s)
{
    fx_decoded_t d;
    fx_decode(name, &FX_LIMITS, &d);
    cr_expect_eq(d.err, KT_OK, "%s: %s", name, d.why);
    double s = d.media_info.rate_hz ? (double)d.frames / d.media_info.rate_hz : 0;
    cr_expect(s >= at_least_s && s <= at_most_s, "%s: %g s", name, s);
    fx_free(&d);
}

Test(decode, what_is_left_of_a_cut_or_damaged_file_is_decoded)
{
    fx_ffmpeg("-f lavfi -i sine=frequency=440:sample_rate=44100:duration=12", "a.mp3");
    size_t n = fx_read("a.mp3", bytes, BYTES);
    fx_write("half.mp3", bytes, n / 2);
    expect_duration("half.mp3", 5.4, 6.6);
    srand(3);
    for (size_t i = 0; i < 8192; i++)
        bytes[n / 3 + i] = (unsigned char)(rand() % 255);
    fx_write("inside.mp3", bytes, n);
    expect_duration("inside.mp3", 10, 13);
    n = fx_read("a.mp3", bytes + 10, BYTES - 10);
    memcpy(bytes, "ID3\4\0\0\x7f\x7f\x7f\x7f", 10);
    fx_write("tag.mp3", bytes, n + 10);
    expect_duration("tag.mp3", 11.9, 12.1);
    memset(bytes, 'z', 5000);
    n        = fx_read("a.mp3", bytes + 5000, BYTES - 5000);
    bytes[0] = 1;
    fx_write("first.mp3", bytes, n + 5000);
    expect_duration("first.mp3", 11.9, 12.1);
}

Test(decode, a_wav_that_lies_about_its_size_yields_what_is_there)
{
    make_shorts();
    fx_wav("a.wav", 1, 16, 1, RATE, shorts, sizeof shorts);
    size_t n = fx_read("a.wav", bytes, BYTES);
    memset(bytes + 4, 0xff, 4);
    memset(bytes + 40, 0xff, 4);
    fx_write("long.wav", bytes, n);
    expect_shorts("long.wav", 1);
    memset(bytes + 4, 0, 4);
    memset(bytes + 40, 0, 4);
    fx_write("zero.wav", bytes, n);
    expect_shorts("zero.wav", 1);
}

Test(decode, the_name_of_a_file_never_counts)
{
    fx_ffmpeg(TONE "-f flac", "a.mp3");
    expect_duration("a.mp3", 1.9, 2.1);
    fx_ffmpeg(TONE "-f mp3", "a.wav");
    expect_duration("a.wav", 1.9, 2.1);
    fx_ffmpeg(TONE "-f ogg -c:a libvorbis", "no_extension");
    expect_duration("no_extension", 1.9, 2.1);
}
