// The tag in front of a file: several values of a key, encodings, versions, sizes that are wrong, and how much is read.
#include "node/decoder/id3.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static kt_id3_t id3;

static void
read_bytes(const void *bytes, size_t length)
{
    kt_input_t input;
    int        fd = memfd_create("id3", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
    cr_assert_eq(kt_input_init(&input, fd), KT_OK);
    cr_assert_eq(kt_id3_read(&input, &id3), KT_OK);
    close(fd);
}

static const char *
value_of(const char *key)
{
    for (uint32_t i = 0; i < id3.tag_count; i++)
        if (!strcmp(id3.tags[i].key, key))
            return id3.tags[i].value;
    return "";
}

// bytes: a literal whose last zero does not count.
#define READ(bytes) read_bytes(bytes, sizeof(bytes) - 1)

Test(id3, several_values_of_one_key_are_joined)
{
    READ("ID3\4\0\0\0\0\0\x10"
         "TPE1\0\0\0\6\0\0\3A\0B\0C");
    cr_expect_str_eq(value_of("artist"), "A;B;C");
    cr_expect_eq(id3.values[0], 3);
    cr_expect_eq(id3.first_end[0], 1);
    cr_expect_eq(id3.end, 26);
}

Test(id3, the_first_frame_of_a_key_counts)
{
    READ("ID3\4\0\0\0\0\0\x18"
         "TIT2\0\0\0\2\0\0\3ATIT2\0\0\0\2\0\0\3B");
    cr_expect_str_eq(value_of("title"), "A");
    cr_expect_eq(id3.frames, 2);
}

Test(id3, each_encoding_becomes_utf8)
{
    READ("ID3\3\0\0\0\0\0\x0c"
         "TIT2\0\0\0\2\0\0\0\xc4");
    cr_expect_str_eq(value_of("title"), "\u00c4");
    READ("ID3\3\0\0\0\0\0\x0f"
         "TIT2\0\0\0\5\0\0\1\xff\xfe\xa9\x03");
    cr_expect_str_eq(value_of("title"), "\u03a9");
    READ("ID3\3\0\0\0\0\0\x0f"
         "TIT2\0\0\0\5\0\0\2\xd8\x3c\xdf\xb5");
    cr_expect_str_eq(value_of("title"), "\U0001f3b5");
    READ("ID3\3\0\0\0\0\0\x0d"
         "TIT2\0\0\0\3\0\0\2\xd8\x3c");
    cr_expect_str_eq(value_of("title"), "\ufffd", "half of a pair");
}

Test(id3, version_2_2_and_the_user_s_keys)
{
    READ("ID3\2\0\0\0\0\0\x13"
         "TT2\0\0\3\0ABTXX\0\0\4\0K\0v");
    cr_expect_str_eq(value_of("title"), "AB");
    cr_expect_str_eq(value_of("k"), "v");
}

Test(id3, unsynchronised_bytes_are_restored)
{
    READ("ID3\3\0\x80\0\0\0\x10"
         "TIT2\0\0\0\5\0\0\1\xff\0\xfe\x41\0");
    cr_expect_str_eq(value_of("title"), "A");
}

Test(id3, sound_inside_of_what_the_tag_claims_is_found)
{
    static unsigned char bytes[8192] = "ID3\3\0\0\0\0\x20\0TIT2\0\0\0\2\0\0\0A";
    for (size_t at = 22; at + 4 < sizeof bytes; at += 417)
        memcpy(bytes + at, "\xff\xfb\x90\0", 4);
    read_bytes(bytes, sizeof bytes);
    cr_expect_eq(id3.sound, 22);
    cr_expect_str_eq(value_of("title"), "A");
    bytes[22] = 0;  // padding
    read_bytes(bytes, sizeof bytes);
    cr_expect_eq(id3.sound, 0);
}

Test(id3, a_tag_that_ends_beyond_the_file_gives_its_frames)
{
    READ("ID3\3\0\0\1\0\0\0TIT2\0\0\0\2\0\0\0A");
    cr_expect_str_eq(value_of("title"), "A");
    cr_expect_eq(id3.end, 0);
    for (size_t n = 0; n < 22; n++)  // cut anywhere
        read_bytes("ID3\3\0\0\1\0\0\0TIT2\0\0\0\2\0\0\0A", n);
}

Test(id3, the_title_has_room_behind_any_number_of_keys)
{
    enum { KEYS = 70000, BYTES = 19 };
    unsigned char *bytes = calloc(1, 10 + KEYS * BYTES + 13);
    cr_assert_not_null(bytes);
    const size_t body = KEYS * BYTES + 12;
    memcpy(bytes, "ID3\4\0\0", 6);
    for (int i = 0; i < 4; i++)
        bytes[6 + i] = (unsigned char)(body >> 7 * (3 - i) & 127);
    for (size_t i = 0; i < KEYS; i++)
        snprintf((char *)bytes + 10 + i * BYTES, BYTES + 1, "TXXX%c%c%c%c%c%c%c%06zu%cv", 0, 0, 0, 9, 0, 0, 3, i, 0);
    memcpy(bytes + 10 + 60000 * BYTES, "TIT2\0\0\0\x09\0\0\3title   ", BYTES);
    read_bytes(bytes, 10 + body);
    cr_expect_eq(id3.frames, KT_ID3_FRAMES);
    cr_expect_eq(id3.tag_count, 193);
    cr_expect_str_eq(value_of("title"), "title   ");
    free(bytes);
}
