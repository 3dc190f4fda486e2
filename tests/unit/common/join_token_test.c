#include "common/curve.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

Test(join_token, what_is_written_is_read_and_has_no_characters_of_a_shell)
{
    kt_curve_t token, coordinator, read;
    char       text[KT_JOIN_TOKEN], key[KT_CURVE_TEXT];
    cr_assert_eq(kt_curve_new(&token), KT_OK);
    cr_assert_eq(kt_curve_new(&coordinator), KT_OK);
    kt_join_token_write(token.secret_key, coordinator.public_key, text);
    for (const char *c = text; *c; c++)
        cr_assert(isalnum((unsigned char)*c) || *c == '-', "%s", text);
    cr_assert(kt_join_token_read(text, &read, key));
    cr_assert_str_eq(read.secret_key, token.secret_key);
    cr_assert_str_eq(read.public_key, token.public_key);
    cr_assert_str_eq(key, coordinator.public_key);
}

Test(join_token, what_is_cut_or_changed_is_none)
{
    kt_curve_t pair, read;
    char       text[KT_JOIN_TOKEN], key[KT_CURVE_TEXT];
    cr_assert_eq(kt_curve_new(&pair), KT_OK);
    kt_join_token_write(pair.secret_key, pair.public_key, text);
    for (size_t length = 0; length < strlen(text); length++) {
        char cut[KT_JOIN_TOKEN];
        memcpy(cut, text, length);
        cut[length] = '\0';
        cr_assert_not(kt_join_token_read(cut, &read, key), "%zu", length);
    }
    text[20] = 'g';
    cr_assert_not(kt_join_token_read(text, &read, key));
    cr_assert_not(kt_join_token_read(pair.public_key, &read, key));
}

Test(join_token, a_key_is_read_in_both_forms_and_no_other)
{
    kt_curve_t pair;
    char       hex[KT_CURVE_HEX], key[KT_CURVE_TEXT];
    cr_assert_eq(kt_curve_new(&pair), KT_OK);
    kt_curve_hex(pair.public_key, hex);
    cr_assert(kt_curve_read_key(hex, key));
    cr_assert_str_eq(key, pair.public_key);
    cr_assert(kt_curve_read_key(pair.public_key, key));
    hex[63] = '\0';
    cr_assert_not(kt_curve_read_key(hex, key));
    cr_assert_not(kt_curve_read_key("", key));
}
