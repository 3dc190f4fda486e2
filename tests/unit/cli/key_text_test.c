#include "coordinator/cli/tag/key_text.h"

#include <criterion/criterion.h>

// The wheel as DJ programs print it.
static const struct {
    const char *key, *mode, *musical, *camelot, *open_key;
} WHEEL[] = {
    {"C", "major", "C", "8B", "1d"},     {"G", "major", "G", "9B", "2d"},     {"D", "major", "D", "10B", "3d"},
    {"A", "major", "A", "11B", "4d"},    {"E", "major", "E", "12B", "5d"},    {"B", "major", "B", "1B", "6d"},
    {"F#", "major", "F#", "2B", "7d"},   {"C#", "major", "C#", "3B", "8d"},   {"G#", "major", "G#", "4B", "9d"},
    {"D#", "major", "D#", "5B", "10d"},  {"A#", "major", "A#", "6B", "11d"},  {"F", "major", "F", "7B", "12d"},
    {"A", "minor", "Am", "8A", "1m"},    {"E", "minor", "Em", "9A", "2m"},    {"B", "minor", "Bm", "10A", "3m"},
    {"F#", "minor", "F#m", "11A", "4m"}, {"C#", "minor", "C#m", "12A", "5m"}, {"G#", "minor", "G#m", "1A", "6m"},
    {"D#", "minor", "D#m", "2A", "7m"},  {"A#", "minor", "A#m", "3A", "8m"},  {"F", "minor", "Fm", "4A", "9m"},
    {"C", "minor", "Cm", "5A", "10m"},   {"G", "minor", "Gm", "6A", "11m"},   {"D", "minor", "Dm", "7A", "12m"},
};

Test(key_text, all_keys_are_those_of_the_wheel)
{
    char text[KT_KEY_TEXT];
    for (size_t i = 0; i < sizeof WHEEL / sizeof *WHEEL; i++) {
        cr_assert(kt_key_text(WHEEL[i].key, WHEEL[i].mode, KT_KEY_MUSICAL, text));
        cr_expect_str_eq(text, WHEEL[i].musical);
        cr_assert(kt_key_text(WHEEL[i].key, WHEEL[i].mode, KT_KEY_CAMELOT, text));
        cr_expect_str_eq(text, WHEEL[i].camelot, "%s", WHEEL[i].musical);
        cr_assert(kt_key_text(WHEEL[i].key, WHEEL[i].mode, KT_KEY_OPEN_KEY, text));
        cr_expect_str_eq(text, WHEEL[i].open_key, "%s", WHEEL[i].musical);
    }
}

Test(key_text, other_names_are_no_keys)
{
    char text[KT_KEY_TEXT];
    cr_expect_not(kt_key_text("H", "major", KT_KEY_MUSICAL, text));
    cr_expect_not(kt_key_text("", "", KT_KEY_CAMELOT, text));
    cr_expect_not(kt_key_text("C", "dorian", KT_KEY_CAMELOT, text));
}

Test(key_text, formats_have_names)
{
    kt_key_format_t format;
    cr_expect(kt_key_format_find("camelot", &format) && format == KT_KEY_CAMELOT);
    cr_expect(kt_key_format_find("open-key", &format) && format == KT_KEY_OPEN_KEY);
    cr_expect(kt_key_format_find("musical", &format) && format == KT_KEY_MUSICAL);
    cr_expect_not(kt_key_format_find("Camelot", &format));
}
