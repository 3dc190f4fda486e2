// The kinds of names and heads, and the count line.
#include "common/media_names.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(media_names, a_name_has_a_kind)
{
    static const struct {
        const char    *name;
        kt_name_kind_t kind;
    } ROWS[] = {
        {"a.mp3", KT_NAME_MEDIA},       {"a.MP3", KT_NAME_MEDIA},       {"a.b.flac", KT_NAME_MEDIA},
        {".mp3", KT_NAME_MEDIA},        {"...Baby.mp3", KT_NAME_MEDIA}, {"a.wv", KT_NAME_MEDIA},
        {"a.m3u8", KT_NAME_PLAYLIST},   {"a.cue", KT_NAME_PLAYLIST},    {"cover.JPEG", KT_NAME_IMAGE},
        {".cover.jpg", KT_NAME_HIDDEN}, {"._a.mp3", KT_NAME_HIDDEN},    {".DS_Store", KT_NAME_HIDDEN},
        {"thumbs.db", KT_NAME_SYSTEM},  {"library.db", KT_NAME_DATA},   {"a.mp3.part", KT_NAME_PARTIAL},
        {"a.r07", KT_NAME_ARCHIVE},     {"a.kar", KT_NAME_MIDI},        {"a.lrc", KT_NAME_LYRICS},
        {"a.html", KT_NAME_DOCUMENT},   {"a.webloc", KT_NAME_URL},      {"a.ffp", KT_NAME_CHECKSUM},
        {"a.rpp", KT_NAME_PROJECT},     {"a.exe", KT_NAME_PROGRAM},     {"a.", KT_NAME_UNKNOWN},
        {"a", KT_NAME_UNKNOWN},         {".hack", KT_NAME_UNKNOWN},     {"...And Justice for All", KT_NAME_UNKNOWN},
        {"a.ts", KT_NAME_UNKNOWN},      {"mp3", KT_NAME_UNKNOWN},       {"a.mp", KT_NAME_UNKNOWN},
        {"a.mp3 mp2", KT_NAME_UNKNOWN}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_assert_eq(kt_name_kind(ROWS[i].name), ROWS[i].kind, "%s: %d", ROWS[i].name, kt_name_kind(ROWS[i].name));
    cr_assert(kt_name_is_system_folder("@eaDir") && kt_name_is_system_folder(".Trash-1000"));
    cr_assert(!kt_name_is_system_folder(".hack") && !kt_name_is_system_folder("Trash"));
}

Test(media_names, no_extension_is_of_two_kinds)
{
    static const char *const WORDS[] = {
#define KT_NAME_KIND(id, one, several, extensions) extensions,
#define KT_NAME_PATTERN(id, pattern)
#define KT_SYSTEM_FOLDER(pattern)
#include "common/media_names.def"
    };
    char name[64];
    for (size_t i = 0; i < KT_NAME_KINDS; i++)
        for (const char *at = WORDS[i]; *at; at += strspn(at, " ")) {
            size_t n = strcspn(at, " ");
            snprintf(name, sizeof name, "a.%.*s", (int)n, at);
            cr_assert_eq(kt_name_kind(name), i, "%s", name);
            at += n;
        }
}

Test(media_names, the_first_bytes_tell_media_from_other_files)
{
    static const struct {
        const char *head;
        size_t      n;
        bool        media;
    } ROWS[] = {{"fLaC", 4, true},
                {"RIFF\x10\x00\x00\x00WAVE", 12, true},
                {"RIFF\x10\x00\x00\x00WEBP", 12, false},
                {"\xff\xfb\x90\x64", 4, true},
                {"\xff\xf1\x50\x80", 4, true},
                {"\xff\xfe\x41\x00", 4, false},  // UTF-16
                {"\xff\xd8\xff\xe0", 4, false},  // JPEG
                {"\x00\x00\x00\x20"
                 "ftypM4A ",
                 12, true},
                {"\x00\x05\x16\x07\x00\x02\x00\x00", 8, false},  // AppleDouble
                {"hello, world", 12, false},
                {"%PDF-1.4", 8, false},
                {"MThd\x00\x00\x00\x06", 8, false},
                {"", 0, false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_assert_eq(kt_media_head((const uint8_t *)ROWS[i].head, ROWS[i].n), ROWS[i].media, "row %zu", i);
    uint8_t packets[3 * 188] = {[0] = 0x47, [188] = 0x47, [376] = 0x47};
    cr_assert(kt_media_head(packets, sizeof packets));
    packets[188] = 0;
    cr_assert(!kt_media_head(packets, sizeof packets));
}

Test(media_names, counts_become_one_line)
{
    kt_left_out_t a = {0}, b = {.unreadable = 2};
    char          text[KT_LEFT_OUT_TEXT];
    kt_left_out_text(&a, text);
    cr_assert_str_eq(text, "");
    a.n[KT_NAME_PLAYLIST] = b.n[KT_NAME_HIDDEN] = 1;
    b.n[KT_NAME_PLAYLIST] = b.n[KT_NAME_IMAGE] = 2;
    kt_left_out_add(&a, &b);
    kt_left_out_text(&a, text);
    cr_assert_str_eq(text, "3 playlists, 2 images, 1 hidden");
    cr_assert(kt_left_out_total(&a) == 6 && a.unreadable == 2);
    for (size_t i = 0; i < KT_NAME_KINDS; i++)  // the longest line fits
        a.n[i] = UINT64_MAX / KT_NAME_KINDS;
    kt_left_out_text(&a, text);
    cr_assert_lt(strlen(text), sizeof text - 1);
}

Test(media_names, counts_by_kind_come_back_from_their_json)
{
    kt_left_out_t a = {.unreadable = 3}, b = {0}, was = {0};
    a.n[KT_NAME_PLAYLIST] = 3;
    a.n[KT_NAME_HIDDEN]   = 1;
    json_t *kinds         = kt_left_out_json(&a);
    cr_assert_eq(kt_json_count(kinds), 2);
    cr_assert_eq(kt_json_i64(kinds, "playlists", 0), 3);
    kt_json_set(kinds, "kinds of a later release", kt_json_int(5));
    kt_json_set(kinds, "images", kt_json_int(-5));
    kt_left_out_read(&b, kinds);
    cr_assert(b.n[KT_NAME_PLAYLIST] == 3 && b.n[KT_NAME_HIDDEN] == 1 && kt_left_out_total(&b) == 4 && !b.unreadable);
    kt_json_free(&kinds);
    was.n[KT_NAME_PLAYLIST] = was.unreadable = 2;
    kt_left_out_subtract(&a, &was);
    cr_assert(a.n[KT_NAME_PLAYLIST] == 1 && kt_left_out_total(&a) == 2 && a.unreadable == 1);
    kt_left_out_read(&b, NULL);
    cr_assert_eq(kt_left_out_total(&b), 0);
}
