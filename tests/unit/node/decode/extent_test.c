// How long a file declares itself to be, of headers written here byte by byte.
#include "node/decoder/extent.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES = 1 << 20 };

static uint8_t     bytes[BYTES];
static size_t      length;
static kt_extent_t out;

static void
put(const void *data, size_t n)
{
    memcpy(bytes + length, data, n);
    length += n;
}

static void
put_number(uint64_t value, size_t n, bool big)
{
    for (size_t i = 0; i < n; i++)
        bytes[length++] = (uint8_t)(value >> 8 * (big ? n - 1 - i : i));
}

static void
put_fill(size_t n, int value)
{
    memset(bytes + length, value, n);
    length += n;
}

// of_size: bytes of the file; what has not been written is zero.
static void
find(const char *demuxer, size_t of_size)
{
    kt_input_t         input;
    const kt_sniffed_t sniffed = {.demuxer = demuxer, .container = demuxer};
    int                fd      = memfd_create("extent", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, of_size), (ssize_t)of_size);
    cr_assert_eq(kt_input_init(&input, fd), KT_OK);
    cr_assert_eq(kt_extent_find(&input, &sniffed, &out), KT_OK);
    close(fd);
}

// The same through a pipe.
static void
find_in_pipe(const char *demuxer)
{
    kt_input_t         input;
    const kt_sniffed_t sniffed = {.demuxer = demuxer, .container = demuxer};
    int                ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(write(ends[1], bytes, length), (ssize_t)length);
    close(ends[1]);
    cr_assert_eq(kt_input_init(&input, ends[0]), KT_OK);
    cr_assert_eq(kt_extent_find(&input, &sniffed, &out), KT_OK);
    free(input.head);
    close(ends[0]);
}

static void
begin(void)
{
    memset(bytes, 0, sizeof bytes);
    length = 0;
}

// A stereo file of 16 bits at 44,100 Hz: 176,400 bytes per second.
static void
wav(uint32_t riff, uint32_t data)
{
    begin();
    put("RIFF", 4);
    put_number(riff, 4, false);
    put("WAVEfmt ", 8);
    put_number(16, 4, false);
    put_number(1, 2, false);
    put_number(2, 2, false);
    put_number(44100, 4, false);
    put_number(176400, 4, false);
    put_number(4, 2, false);
    put_number(16, 2, false);
    put("data", 4);
    put_number(data, 4, false);
}

Test(extent, a_wav_ends_with_its_samples)
{
    wav(36 + 352800, 352800);
    find("wav", 44 + 352800);
    cr_expect_eq(out.bytes, 44 + 352800);
    cr_expect_float_eq(out.duration_s, 2, 1e-9);
    cr_expect_str_eq(out.by, "data chunk");
    find("wav", 44 + 100000);  // cut
    cr_expect_eq(out.bytes, 44 + 352800);
    cr_expect_float_eq(out.duration_s, 2, 1e-9);
}

Test(extent, sizes_of_a_pipe_are_none)
{
    static const uint32_t sizes[] = {0, UINT32_MAX, UINT32_MAX - 36, 0x7fffffff, 0x80000000, 0x7ffff000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wav(sizes[i], sizes[i]);
        find("wav", 200000);
        cr_expect_eq(out.bytes, 0, "%x", sizes[i]);
        cr_expect_eq(out.duration_s, 0);
    }
}

Test(extent, a_form_that_ends_with_the_file_contradicts_a_longer_chunk)
{
    wav(200000 - 8, 352800);
    find("wav", 200000);
    cr_expect_eq(out.bytes, 200000);
    cr_expect_float_eq(out.duration_s, 2, 1e-9);
}

Test(extent, a_chunk_of_some_bytes_before_samples_has_a_false_size)
{
    wav(36 + 6, 6);
    memset(bytes + length, 0x81, 100000);
    find("wav", 100000);
    cr_expect(out.too_short);
    wav(36 + 6, 6);
    memcpy(bytes + length + 6, "LIST\x10\0\0\0", 8);  // a chunk
    find("wav", 100000);
    cr_expect_not(out.too_short);
}

Test(extent, boxes_are_followed_to_the_last_one)
{
    begin();
    put_number(16, 4, true);
    put("ftypM4A \0\0\0\0", 12);
    put_number(8, 4, true);
    put("moov", 4);
    put_number(100000, 4, true);
    put("mdat", 4);
    find("mov", 24 + 100000);
    cr_expect_eq(out.bytes, 24 + 100000);
    cr_expect_str_eq(out.what, "mdat box");
    find("mov", 5000);
    cr_expect_eq(out.bytes, 24 + 100000);
    cr_expect_eq(out.broken, 0);
}

Test(extent, a_box_to_the_end_of_the_file_declares_nothing_and_noise_breaks_the_chain)
{
    begin();
    put_number(8, 4, true);
    put("moov", 4);
    put_number(0, 4, true);
    put("mdat", 4);
    find("mov", 5000);
    cr_expect_eq(out.bytes, 8);
    cr_expect_eq(out.broken, 0);
    memset(bytes + 8, 3, 100);
    find("mov", 5000);
    cr_expect_eq(out.broken, 8);
    memset(bytes + 8, 0, 100);
    find("mov", 5000);
    cr_expect_eq(out.broken, 8);
}

static void
box(const char *name, uint32_t size)
{
    put_number(size, 4, true);
    put(name, 4);
}

// moov with mvhd (1,000 ticks a second), and mvex with mehd where a length is given.
static void
fragmented_moov(uint32_t ticks)
{
    begin();
    box("moov", 8 + 40 + 8 + (ticks ? 16 : 0));
    box("mvhd", 40);
    put_fill(12, 0);
    put_number(1000, 4, true);
    put_fill(16, 0);
    box("mvex", ticks ? 24 : 8);
    if (ticks) {
        box("mehd", 16);
        put_number(0, 4, true);
        put_number(ticks, 4, true);
    }
}

static void
fragment(void)
{
    box("moof", 100);
    put_fill(92, 0);
    box("mdat", 1000);
    put_fill(992, 7);
}

Test(extent, fragments_have_no_length_but_that_of_mehd)
{
    fragmented_moov(0);
    fragment();
    find("mov", length);
    cr_expect(out.fragmented && out.duration_s == 0 && out.bytes == length && !out.hidden);
    cr_expect_str_eq(out.by, "fragments");
    fragmented_moov(90000);
    fragment();
    find("mov", length);
    cr_expect_float_eq(out.duration_s, 90, 1e-9);
    cr_expect_str_eq(out.by, "moov box");
}

Test(extent, fragments_of_a_pipe_have_no_length_either)
{
    fragmented_moov(0);
    fragment();
    find_in_pipe("mov");
    cr_expect(out.fragmented && out.bytes == 0 && out.broken == 0 && !out.hidden);
    cr_expect_str_eq(out.by, "fragments");
}

Test(extent, fragments_behind_a_break_are_hidden_unless_their_index_was_seen)
{
    fragmented_moov(0);
    fragment();
    const size_t end = length;
    put_fill(100, 0x91);
    find("mov", length);
    cr_expect(out.hidden && out.broken == end && out.bytes == end);
    length = end;
    box("mfra", 16);
    put_fill(8, 0);
    put_fill(100, 0x91);
    find("mov", length);
    cr_expect(!out.hidden && out.broken == end + 16);
}

Test(extent, an_index_of_segments_states_bytes_and_length_unless_others_follow)
{
    fragmented_moov(0);
    const size_t at = length;
    box("sidx", 8 + 24 + 24);
    put_fill(8, 0);
    put_number(1000, 4, true);  // ticks per second
    put_fill(10, 0);
    put_number(2, 2, true);
    for (int i = 0; i < 2; i++) {
        put_number(1100, 4, true);
        put_number(5000, 4, true);
        put_number(0, 4, true);
    }
    fragment();
    find("mov", length);
    cr_expect_float_eq(out.duration_s, 10, 1e-9);
    cr_expect_eq(out.bytes, at + 56 + 2200, "the second segment is missing");
    fragment();
    fragment();
    find("mov", length);
    cr_expect(out.duration_s == 0 && out.bytes == length);
}

Test(extent, a_segment_of_known_size_ends_there)
{
    static const uint8_t ebml[]  = {0x1a, 0x45, 0xdf, 0xa3, 0x84, 0, 0, 0, 0};
    static const uint8_t known[] = {0x18, 0x53, 0x80, 0x67, 0x01, 0, 0, 0, 0, 1, 0, 0};
    static const uint8_t open[]  = {0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255};
    begin();
    put(ebml, sizeof ebml);
    put(known, sizeof known);
    find("matroska", 5000);
    cr_expect_eq(out.bytes, sizeof ebml + sizeof known + 65536);
    length = sizeof ebml;
    put(open, sizeof open);
    find("matroska", 5000);
    cr_expect_eq(out.bytes, 0);
}

static void
ogg_page(uint8_t flags)
{
    put("OggS\0", 5);
    put_number(flags, 1, false);
    put_fill(20, 0);
    put_number(2, 1, false);  // segments
    put_number(255, 1, false);
    put_number(45, 1, false);
    put_fill(300, 7);
}

Test(extent, the_last_page_of_an_ogg_is_whole_and_marked)
{
    begin();
    ogg_page(2);
    ogg_page(0);
    find("ogg", length);
    cr_expect(*out.unmarked);
    ogg_page(4);
    find("ogg", length);
    cr_expect_not(*out.unmarked);
    find("ogg", length - 1);
    cr_expect(*out.unmarked);
    find("ogg", 10);
    cr_expect(*out.unmarked);
}

// A frame of 417 bytes of MPEG-1 layer III in stereo at 128 kbit/s, and three more.
static void
mp3(const char *tag, uint32_t flags, uint32_t frames, uint32_t size)
{
    begin();
    for (int i = 0; i < 4; i++) {
        length = (size_t)i * 417;
        put("\xff\xfb\x90\x00", 4);
    }
    length = 36;
    put(tag, 4);
    put_number(flags, 4, true);
    if (flags & 1)
        put_number(frames, 4, true);
    if (flags & 2)
        put_number(size, 4, true);
}

Test(extent, an_mp3_states_its_bytes_in_its_first_frame)
{
    mp3("Xing", 3, 1000, 300000);
    find("mp3", 300000);
    cr_expect_eq(out.bytes, 300000);
    cr_expect_str_eq(out.by, "Xing header");
    mp3("Info", 2, 0, 300000);
    find("mp3", 100000);
    cr_expect_eq(out.bytes, 300000);
    find("mp3", 300000 - 1000);  // encoders differ by a frame
    cr_expect_eq(out.bytes, 300000 - 1000);
    mp3("Xing", 1, 1000, 0);
    find("mp3", 100000);
    cr_expect_eq(out.bytes, 0);
    mp3("none", 0, 0, 0);
    find("mp3", 100000);
    cr_expect_eq(out.bytes, 0);
}

Test(extent, an_aiff_counts_its_frames)
{
    static const uint8_t rate[10] = {0x40, 0x0e, 0xac, 0x44};  // 44,100
    begin();
    put("FORM", 4);
    put_number(1000000, 4, true);
    put("AIFFCOMM", 8);
    put_number(18, 4, true);
    put_number(2, 2, true);
    put_number(88200, 4, true);
    put_number(16, 2, true);
    put(rate, sizeof rate);
    put("SSND", 4);
    put_number(8 + 352800, 4, true);
    find("aiff", 60000);
    cr_expect_float_eq(out.duration_s, 2, 1e-9);
    cr_expect_eq(out.bytes, 12 + 26 + 8 + 8 + 352800);
}

Test(extent, a_form_that_ends_with_the_file_contradicts_its_data_chunk)
{
    wav(100000 - 8, 20000);
    memset(bytes + length, 0x91, 100000 - length);
    find("wav", 100000);
    cr_expect(out.too_short && out.behind == 0, "the form holds more samples");
    wav((uint32_t)(36 + 20000), 20000);
    const size_t end = length + 20000;
    memset(bytes + length, 0x91, 100000 - length);
    find("wav", 100000);
    cr_expect(!out.too_short && out.behind == 100000 - end, "junk behind the form");
    wav(100000 - 8, 300000);
    find("wav", 100000);
    cr_expect_eq(out.bytes, 100000);
}

Test(extent, flv_states_its_size)
{
    begin();
    put("FLV\1\5\0\0\0\x09", 9);
    put_fill(50, 0);
    put("\0\x08"
        "filesize\0",
        11);
    put("\x40\xc3\x88\0\0\0\0\0", 8);  // 10,000
    find("flv", 5000);
    cr_expect_eq(out.bytes, 10000);
}

Test(extent, adpcm_lasts_as_its_blocks_say)
{
    begin();
    put("RIFF\0\0\0\0WAVEfmt ", 16);
    put_number(20, 4, false);
    put_number(2, 2, false);
    put_number(2, 2, false);
    put_number(44100, 4, false);
    put_number(11155, 4, false);  // a rate that is false
    put_number(2048, 2, false);
    put_number(4, 2, false);
    put_number(2, 2, false);
    put_number(2036, 2, false);
    put("data", 4);
    put_number(204800, 4, false);
    find("wav", length + 204800);
    cr_expect_float_eq(out.duration_s, 100 * 2036. / 44100, 1e-9);
}

Test(extent, au_is_not_read_beyond_its_data)
{
    begin();
    put(".snd", 4);
    put_number(28, 4, true);
    put_number(5000, 4, true);
    put_fill(16, 0);
    find("au", 6000);
    cr_expect_eq(out.stop, 5028);
    find("au", 5028);
    cr_expect_eq(out.stop, 0);
    bytes[10] = 0;
    bytes[11] = 6;  // a false size
    find("au", 6000);
    cr_expect_eq(out.stop, 0);
}

Test(extent, asf_states_its_bytes_and_a_length_with_the_wait_before_it)
{
    static const uint8_t properties[16] = {0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                           0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65};
    begin();
    put_fill(30, 1);
    put(properties, sizeof properties);
    put_number(104, 8, false);
    put_fill(16, 0);
    put_number(99999, 8, false);
    put_fill(16, 0);
    put_number(231000000, 8, false);
    put_fill(8, 0);
    put_number(3100, 8, false);
    put_number(2, 4, false);
    put_fill(12, 0);
    find("asf", 5000);
    cr_expect_eq(out.bytes, 99999);
    cr_expect_float_eq(out.duration_s, 20, 1e-9);
    bytes[30 + 88] = 3;  // a broadcast
    find("asf", 5000);
    cr_expect(out.bytes == 0 && out.duration_s == 0);
}

Test(extent, a_last_packet_that_is_cut_is_seen)
{
    static const size_t sizes[] = {188, 192, 204};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin();
        for (size_t n = 0; n < 10; n++)
            bytes[n * sizes[i] + (sizes[i] == 192 ? 4 : 0)] = 0x47;
        find("mpegts", 10 * sizes[i]);
        cr_expect_not(*out.unmarked, "%zu", sizes[i]);
        find("mpegts", 10 * sizes[i] - 50);
        cr_expect(*out.unmarked, "%zu", sizes[i]);
        find("mpegts", 12 * sizes[i] + 50);  // zeros behind the last packet
        cr_expect_not(*out.unmarked, "%zu", sizes[i]);
    }
    begin();
    put("\0\0\1\xc0", 4);
    put_number(1000, 2, true);
    put_fill(1000, 9);
    find("mpeg", length);
    cr_expect_not(*out.unmarked);
    find("mpeg", length - 1);
    cr_expect(*out.unmarked);
}

Test(extent, bytes_of_any_kind_are_read_to_an_end)
{
    static const char *const demuxers[] = {"wav",      "w64", "aiff", "caf", "avi",  "mp3",   "mov",
                                           "matroska", "ogg", "au",   "asf", "mpeg", "mpegts"};
    for (int fill = 0; fill < 256; fill += 15)
        for (size_t i = 0; i < sizeof demuxers / sizeof *demuxers; i++)
            for (size_t n = 0; n < 100; n += 9) {
                memset(bytes, fill, 4096);
                find(demuxers[i], n);
                find(demuxers[i], 4096 - n);
            }
}
