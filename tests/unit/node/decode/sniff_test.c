// The format of a file by its bytes: MPEG system streams beside the MPEG audio that they hold, and what only pretends.
#include "node/decoder/bytes/mpeg_system.h"
#include "node/decoder/sniff.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES = 64 * 1024 };

static unsigned char bytes[BYTES];

static const unsigned char AUDIO[]  = {0xff, 0xfd, 0x80, 0};  // layer II
static const unsigned char PACKET[] = {0x47, 0x41, 0, 0x10};

static kt_err_t
sniff_bytes(const void *data, size_t length, kt_sniffed_t *out)
{
    kt_input_t input;
    char       why[KT_SNIFF_WHY];
    int        fd = memfd_create("sniff", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, length), (ssize_t)length);
    cr_assert_eq(kt_input_init(&input, fd), KT_OK);
    *out         = (kt_sniffed_t){.demuxer = "none", .container = "none"};
    kt_err_t err = kt_sniff(&input, 0, out, why);
    close(fd);
    return err;
}

static void
expect_demuxer(const char *demuxer, size_t length)
{
    kt_sniffed_t out;
    cr_expect_eq(sniff_bytes(bytes, length, &out), KT_OK);
    cr_expect_str_eq(out.demuxer, demuxer, "%s instead of %s", out.demuxer, demuxer);
}

// Layer II frames of 417 or 418 bytes, as a program or transport stream carries them.
static void
fill_with_mpeg_audio(void)
{
    memset(bytes, 0, BYTES);
    for (size_t at = 0; at + 4 < BYTES; at += 417)
        memcpy(bytes + at, AUDIO, sizeof AUDIO);
}

static const unsigned char PACK_1[] = {0, 0, 1, 0xba, 0x21, 0, 1, 0, 1, 0xc3, 0x33, 0x67, 0, 0, 1, 0xbb, 0, 9};
static const unsigned char PACK_2[] = {0,    0,    1,    0xba, 0x44, 0, 4, 0,    4, 1,
                                       0x01, 0x89, 0xc3, 0xf8, 0,    0, 1, 0xe0, 7, 0xec};

Test(sniff, a_program_stream_with_mpeg_audio_is_no_mp3)
{
    fill_with_mpeg_audio();
    expect_demuxer("mp3", BYTES);
    memcpy(bytes, PACK_1, sizeof PACK_1);
    expect_demuxer("mpeg", BYTES);
    fill_with_mpeg_audio();
    memcpy(bytes, PACK_2, sizeof PACK_2);
    expect_demuxer("mpeg", BYTES);
}

Test(sniff, a_recording_that_begins_inside_of_a_pack_is_a_program_stream)
{
    fill_with_mpeg_audio();
    memcpy(bytes + 1000, PACK_2, sizeof PACK_2);
    expect_demuxer("mp3", BYTES);  // one may be chance
    memcpy(bytes + 3048, PACK_2, sizeof PACK_2);
    kt_sniffed_t out;
    cr_expect_eq(sniff_bytes(bytes, BYTES, &out), KT_OK);
    cr_expect_str_eq(out.demuxer, "mpeg");
    cr_expect_eq(out.start, 1000);
}

Test(sniff, an_elementary_stream_begins_with_a_sequence_header)
{
    static const unsigned char sequence[] = {0, 0, 1, 0xb3, 0x18, 1, 0x20, 0x13, 0xff, 0xff, 0xe0, 0x88};
    memset(bytes, 0xaa, BYTES);
    memcpy(bytes, sequence, sizeof sequence);
    expect_demuxer("mpegvideo", BYTES);
    bytes[4] = bytes[5] = 0;  // no width
    kt_sniffed_t out;
    cr_expect_eq(sniff_bytes(bytes, BYTES, &out), KT_EFORMAT);
}

static void
fill_with_packets(size_t size, size_t at)
{
    fill_with_mpeg_audio();
    for (; at + 4 < BYTES; at += size)
        memcpy(bytes + at, PACKET, sizeof PACKET);
}

Test(sniff, transport_packets_of_each_size_are_found_wherever_they_begin)
{
    static const size_t sizes[] = {188, 192, 204};
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < sizes[i]; at += 31) {
            fill_with_packets(sizes[i], at);
            expect_demuxer("mpegts", BYTES);
        }
    fill_with_packets(192, 4);
    kt_sniffed_t out;
    cr_expect_eq(sniff_bytes(bytes, BYTES, &out), KT_OK);
    cr_expect_eq(out.start, 0);  // the time stamp belongs to the packet
}

Test(sniff, four_packets_are_too_few)
{
    size_t offset;
    memset(bytes, 0, BYTES);
    for (size_t i = 0; i < 4; i++)
        memcpy(bytes + i * 188, PACKET, sizeof PACKET);
    cr_expect_eq(kt_mpeg_system_find(bytes, 4 * 188, &offset), KT_MPEG_SYSTEM_NONE);
    memset(bytes, 'G', BYTES);  // text that has the synchronisation byte everywhere
    cr_expect_eq(kt_mpeg_system_find(bytes, BYTES, &offset), KT_MPEG_SYSTEM_NONE);
}

Test(sniff, random_bytes_are_no_system_stream_and_short_ones_are_read_within_bounds)
{
    size_t offset;
    for (unsigned seed = 0; seed < 20; seed++) {
        srand(seed);
        for (size_t i = 0; i < BYTES; i++)
            bytes[i] = (unsigned char)(rand() >> 7);
        cr_expect_eq(kt_mpeg_system_find(bytes, BYTES, &offset), KT_MPEG_SYSTEM_NONE, "seed %u", seed);
    }
    for (size_t n = 0; n <= sizeof PACK_2; n++) {
        unsigned char *exact = malloc(n ? n : 1);  // the address sanitizer watches its end
        cr_assert_not_null(exact);
        memcpy(exact, PACK_2, n);
        cr_expect_eq(kt_mpeg_system_find(exact, n, &offset), n >= 18 ? KT_MPEG_SYSTEM_PROGRAM : KT_MPEG_SYSTEM_NONE,
                     "%zu bytes", n);
        free(exact);
    }
}

static void
expect_refused(const char *text, kt_err_t err)
{
    kt_sniffed_t out;
    cr_expect_eq(sniff_bytes(text, strlen(text), &out), err, "%.30s", text);
}

Test(sniff, what_names_other_files_is_refused_whatever_its_name)
{
    expect_refused("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/hostname\n", KT_EPLAYLIST);
    expect_refused("\n\n  #EXTM3U\nsegment.ts\n", KT_EPLAYLIST);
    expect_refused("#EXT-X-VERSION:3\nsegment.ts\n", KT_EPLAYLIST);
    expect_refused("ffconcat version 1.0\nfile 'a.mp4'\n", KT_EPLAYLIST);
    expect_refused("<?xml version='1.0'?><MPD type='static'><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>",
                   KT_EPLAYLIST);
    expect_refused("<SmoothStreamingMedia MajorVersion=\"2\"/>", KT_EPLAYLIST);
    expect_refused("<smil><body><video src=\"a.mp4\"/></body></smil>", KT_EPLAYLIST);
    expect_refused("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n", KT_EPLAYLIST);
    expect_refused("concat:/etc/hostname|/etc/passwd\n", KT_ETEXT);
    expect_refused("subfile,,start,0,end,100,,:/etc/hostname\n", KT_ETEXT);
    expect_refused("# a comment first\nfile '/etc/hostname'\n", KT_ETEXT);
    expect_refused("crypto:file:///etc/hostname\n", KT_ETEXT);
}

Test(sniff, a_playlist_before_transport_packets_is_a_playlist)
{
    kt_sniffed_t out;
    fill_with_packets(188, 188);
    memset(bytes, '\n', 188);
    const char list[] = "#EXTM3U\nfile:///etc/hostname\n";
    memcpy(bytes, list, sizeof list - 1);
    cr_expect_eq(sniff_bytes(bytes, BYTES, &out), KT_EPLAYLIST);
}

// The detail of a refusal.
static void
expect_why(const void *data, size_t length, kt_err_t err, const char *part)
{
    kt_input_t   input;
    kt_sniffed_t out;
    char         why[KT_SNIFF_WHY];
    int          fd = memfd_create("sniff", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, length), (ssize_t)length);
    cr_assert_eq(kt_input_init(&input, fd), KT_OK);
    cr_expect_eq(kt_sniff(&input, 0, &out, why), err, "%s", part);
    cr_expect_not_null(strstr(why, part), "'%s' instead of '%s'", why, part);
    close(fd);
}

Test(sniff, what_is_known_and_not_read_is_named)
{
    memset(bytes, 0, BYTES);
    memcpy(bytes, "MThd\0\0\0\6", 8);
    expect_why(bytes, 100, KT_EFORMAT, "MIDI: not enabled");
    memset(bytes, 0, BYTES);
    memcpy(bytes + 1080, "M.K.", 4);
    expect_why(bytes, 2000, KT_EFORMAT, "tracker module (MOD): not enabled");
    fill_with_mpeg_audio();
    memcpy(bytes, "PK\3\4", 4);
    expect_why(bytes, BYTES, KT_EFORMAT, "ZIP archive: not a media file");
    memset(bytes, 0, BYTES);
    expect_why(bytes, 5000, KT_EFORMAT, "zeros at the beginning, and no known format in the first 5000 bytes");
    expect_why("ID3\3\0\0\0\0\0\0", 10, KT_ETRUNCATED, "a tag of 10 bytes and nothing behind it");
}

Test(sniff, frames_of_ac3_are_found_wherever_they_begin)
{
    static const unsigned char ac3[] = {0x0b, 0x77, 0x12, 0x34, 0x00, 0x40}, eac3[] = {0x0b, 0x77, 0, 0x3f, 0, 0x80};
    for (size_t begin = 0; begin < 3000; begin += 999) {
        memset(bytes, 0xaa, BYTES);
        for (size_t at = begin; at + 8 < BYTES; at += 128)
            memcpy(bytes + at, ac3, sizeof ac3);
        expect_demuxer("ac3", BYTES);
        for (size_t at = begin; at + 8 < BYTES; at += 128)
            memcpy(bytes + at, eac3, sizeof eac3);
        expect_demuxer("eac3", BYTES);
    }
}

Test(sniff, two_frames_that_end_the_file_are_enough_and_two_alone_in_it_are_not)
{
    kt_sniffed_t out;
    memset(bytes, 0, BYTES);
    memcpy(bytes + 1000, AUDIO, sizeof AUDIO);
    memcpy(bytes + 1417, AUDIO, sizeof AUDIO);
    cr_expect_eq(sniff_bytes(bytes, 1834, &out), KT_OK);
    cr_expect_eq(out.start, 1000);
    memcpy(bytes + 1834, "APETAGEX", 8);
    cr_expect_eq(sniff_bytes(bytes, 4000, &out), KT_OK);
    memcpy(bytes + 1834, "anything", 8);
    cr_expect_eq(sniff_bytes(bytes, 4000, &out), KT_EFORMAT);
}

Test(sniff, a_container_behind_anything_is_found_unless_it_is_only_a_name)
{
    kt_sniffed_t out;
    memset(bytes, 0xaa, BYTES);
    memcpy(bytes + 5000, "fLaC\0\0\0\x22", 8);
    memcpy(bytes + 4000, "fLaC", 4);
    cr_expect_eq(sniff_bytes(bytes, BYTES, &out), KT_OK);
    cr_expect_str_eq(out.demuxer, "flac");
    cr_expect_eq(out.start, 5000);
}

Test(sniff, fewer_valid_bits_than_bytes_are_put_right_for_the_demuxer)
{
    kt_sniffed_t               out;
    static const unsigned char head[] = "RIFF\xff\0\0\0WAVEfmt \x28\0\0\0\xfe\xff\1\0\x44\xac\0\0\x10\xb1\2\0\4\0\x20\0"
                                        "\x16\0\x18\0\0\0\0\0\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
                                        "data";
    cr_expect_eq(sniff_bytes(head, sizeof head - 1, &out), KT_OK);
    cr_expect_eq(out.patch_at, 38);
    cr_expect_eq(out.patch, 32);
    cr_expect_eq(out.valid_bits, 24);
}
