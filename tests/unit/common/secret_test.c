#include "common/secret.h"

#include <criterion/criterion.h>
#include <string.h>

Test(secret, bytes_are_the_same_or_not_and_can_be_wiped)
{
    char bytes[4] = "abc";
    cr_assert(kt_secret_same(bytes, "abd", 2));
    cr_assert_not(kt_secret_same(bytes, "abd", 3));
    kt_secret_wipe(bytes, sizeof bytes);
    cr_assert_eq(memcmp(bytes, "\0\0\0", sizeof bytes), 0);
}

Test(secret, tokens_are_long_printable_and_never_the_same)
{
    char a[KT_SECRET_TEXT], b[KT_SECRET_TEXT];
    cr_assert_eq(kt_secret_make(a), a);
    kt_secret_make(b);
    cr_assert_eq(strlen(a), KT_SECRET_TEXT - 1);
    cr_assert_eq(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), strlen(a));
    cr_assert_str_neq(a, b);
}

Test(secret, equal_means_the_whole_text_and_nothing_equals_nothing)
{
    cr_assert(kt_secret_equal("secret", "secret"));
    cr_assert_not(kt_secret_equal("secret", "secre"));
    cr_assert_not(kt_secret_equal("secret", "secrets"));
    cr_assert_not(kt_secret_equal("secret", ""));
    cr_assert_not(kt_secret_equal("", ""));
}
