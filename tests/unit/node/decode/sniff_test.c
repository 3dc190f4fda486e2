// The format of a file by its bytes: MPEG system streams beside the MPEG audio that they hold, and what only pretends.
#include "node/decoder/mpeg_system.h"
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
    kt_input_t  input;
    const char *why;
    int         fd = memfd_create("sniff", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, length), (ssize_t)length);
    cr_assert_eq(kt_input_init(&input, fd), KT_OK);
    *out         = (kt_sniffed_t){.demuxer = "none", .container = "none"};
    kt_err_t err = kt_sniff(&input, out, &why);
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
