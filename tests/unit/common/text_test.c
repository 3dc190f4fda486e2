#include "common/text.h"

#include <criterion/criterion.h>
#include <string.h>

static bool
is_utf8(const char *text)
{
    return kt_text_is_utf8(text, strlen(text));
}

static void
expect_clean(const char *text, size_t capacity, const char *clean)
{
    char   out[64];
    size_t length = kt_text_sanitize(out, capacity, text, strlen(text));
    cr_assert_str_eq(out, clean);
    cr_assert_eq(length, strlen(clean));
}

Test(text, well_formed_characters_of_every_length_are_utf8)
{
    cr_assert(is_utf8(""));
    cr_assert(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\xB5"));
    cr_assert(is_utf8("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"));
}

Test(text, overlong_forms_surrogates_and_loose_bytes_are_not_utf8)
{
    cr_assert_not(is_utf8("\xC0\x80"));
    cr_assert_not(is_utf8("\xC1\xBF"));
    cr_assert_not(is_utf8("\xE0\x9F\xBF"));
    cr_assert_not(is_utf8("\xF0\x8F\xBF\xBF"));
    cr_assert_not(is_utf8("\xED\xA0\x80"));
    cr_assert_not(is_utf8("\xF4\x90\x80\x80"));
    cr_assert_not(is_utf8("\xF5\x80\x80\x80"));
    cr_assert_not(is_utf8("\x80"));
    cr_assert_not(is_utf8("\xE2\x82"));
    cr_assert_not(is_utf8("\xE2\x82z"));
    cr_assert_not(kt_text_is_utf8("a\0b", 3));
}

Test(text, a_bad_byte_is_found_wherever_it_stands_in_a_long_text)
{
    static const char BAD[] = {'\0', '\x80', '\xFF'};
    char              text[100];
    memset(text, 'a', sizeof text);
    cr_assert(kt_text_is_utf8(text, sizeof text));
    for (size_t at = 0; at < sizeof text; at++) {
        for (size_t i = 0; i < sizeof BAD; i++) {
            text[at] = BAD[i];
            cr_expect_not(kt_text_is_utf8(text, sizeof text), "byte %zu", at);
        }
        text[at] = 'a';
    }
}

Test(text, an_invalid_byte_becomes_the_replacement_character)
{
    expect_clean("a\xFFz", 64, "a\xEF\xBF\xBDz");
    expect_clean("\xE2\x82", 64, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

Test(text, a_cut_never_divides_a_character)
{
    expect_clean("a\xE2\x82\xAC", 4, "a");
    expect_clean("a\xE2\x82\xAC", 5, "a\xE2\x82\xAC");
    expect_clean("\xFF", 3, "");
    expect_clean("abc", 1, "");
    cr_assert_eq(kt_text_sanitize(NULL, 0, "abc", 3), 0);
}

Test(text, a_copy_that_does_not_fit_is_empty)
{
    char out[4] = "xyz";
    cr_assert(kt_text_copy(out, sizeof out, "abc"));
    cr_assert_str_eq(out, "abc");
    cr_assert_not(kt_text_copy(out, sizeof out, "abcd"));
    cr_assert_str_eq(out, "");
    cr_assert_not(kt_text_copy(out, 0, ""));
}

Test(text, whole_numbers_within_their_bounds_are_read)
{
    int64_t value = 0;
    cr_assert_eq(kt_text_to_i64("42", 0, 42, &value), KT_OK);
    cr_assert_eq(value, 42);
    cr_assert_eq(kt_text_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &value), KT_OK);
    cr_assert_eq(value, INT64_MIN);
}

Test(text, everything_else_is_no_whole_number_and_changes_nothing)
{
    static const char *const bad[] = {"", " 1", "1 ", "1x", "0x10", "-", "+-1", "1.0", "9223372036854775808", "43"};
    int64_t                  value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(kt_text_to_i64(bad[i], INT64_MIN, 42, &value), KT_EINVAL, "%s", bad[i]);
    cr_assert_eq(kt_text_to_i64(NULL, 0, 1, &value), KT_EINVAL);
    cr_assert_eq(value, 7);
}

Test(text, real_numbers_are_finite_and_decimal)
{
    static const char *const bad[] = {"", "nan", "inf", "0x1p3", "1e999", "1e", " 1", "1,5", "2.5"};
    double                   value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(kt_text_to_f64(bad[i], -2, 2, &value), KT_EINVAL, "%s", bad[i]);
    cr_assert_eq(value, 7);
    cr_assert_eq(kt_text_to_f64("-1.5e0", -2, 2, &value), KT_OK);
    cr_assert_eq(value, -1.5);
}

Test(text, a_hex_digit_has_either_case)
{
    cr_assert_eq(kt_text_hex_digit('0'), 0);
    cr_assert_eq(kt_text_hex_digit('9'), 9);
    cr_assert_eq(kt_text_hex_digit('a'), 10);
    cr_assert_eq(kt_text_hex_digit('F'), 15);
    for (const char *at = "/:@G`g\x10\x80"; *at; at++)
        cr_assert_eq(kt_text_hex_digit(*at), -1, "0x%02x", (unsigned char)*at);
}

Test(text, an_explanation_is_formatted_truncated_and_sanitised)
{
    char out[16];
    cr_assert_eq(kt_text_explain(out, sizeof out, KT_EINVAL, "%d %s", 7, "a\xff"), KT_EINVAL);
    cr_assert_str_eq(out, "7 a\xEF\xBF\xBD");
    cr_assert_eq(kt_text_explain(out, sizeof out, KT_EIO, "%s",
                                 "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"),
                 KT_EIO);
    cr_assert_eq(strlen(out), 14, "a character is not cut");
}

Test(text, control_characters_become_question_marks)
{
    char text[] = "a\nb\x7f\xC2\x9B\xC3\xA4";
    kt_text_remove_controls(text);
    cr_assert_str_eq(text, "a?b???\xC3\xA4");

    static const struct {
        const char *character;
        size_t      bytes;  // of a control character; 0: another
    } ROWS[] = {
        {"\x01", 1},
        {"\x07", 1},
        {"\x1B", 1},
        {"\r", 1},
        {"\t", 1},
        {"\xC2\x80", 2},
        {"\xC2\x85", 2},
        {"\xC2\x9F", 2},
        {"\x9B", 1},
        {"\xC2", 1},
        {"\xD8\x9C", 2},
        {"\xE2\x80\x8B", 3},
        {"\xE2\x80\x8E", 3},
        {"\xE2\x80\xA8", 3},
        {"\xE2\x80\xAA", 3},
        {"\xE2\x80\xAE", 3},
        {"\xE2\x81\xA6", 3},
        {"\xE2\x81\xA9", 3},
        {"\xEF\xBB\xBF", 3},
        {"\xF3\xA0\x81\x81", 4},
        {"\xF4\x90\x80\x80", 1},
        {"\xC0\x9B", 1},
        {"a", 0},
        {" ", 0},
        {"\xC2\xA0", 0},
        {"\xE2\x80\x8D", 0},
        {"\xE2\x82\xAC", 0},
        {"\xF0\x9F\x8E\xB5", 0},
        {"\xD7\x90", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        bool         control;
        const size_t n = kt_text_character(ROWS[i].character, &control);
        cr_expect_eq(control ? n : 0, ROWS[i].bytes, "row %zu", i);
        cr_expect(n > 0 || !*ROWS[i].character);
    }
    char mixed[] = "gpj.\xE2\x80\xAE"
                   "exe\xF0\x9F\x8E\xB5\x9B";
    kt_text_remove_controls(mixed);
    cr_assert_str_eq(mixed, "gpj.???exe\xF0\x9F\x8E\xB5?");
}
