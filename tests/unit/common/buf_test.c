#include "common/buf.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

static kt_buf_t buf;

static void
open_buf(void)
{
    kt_buf_init(&buf, 1000);
}

static void
close_buf(void)
{
    kt_buf_fini(&buf);
    kt_buf_fini(&buf);  // idempotent
}

TestSuite(buf, .init = open_buf, .fini = close_buf);

Test(buf, appends_follow_each_other_and_end_with_nul)
{
    kt_buf_str(&buf, "one ");
    kt_buf_add(&buf, "two-", 3);
    kt_buf_fmt(&buf, " %d%s", 3, "!");
    cr_assert_eq(buf.err, KT_OK);
    cr_assert_eq(buf.length, 10);
    cr_assert_str_eq(buf.bytes, "one two 3!");
}

Test(buf, the_bound_is_reached_exactly_and_not_passed)
{
    for (int i = 0; i < 1000; i++)
        kt_buf_add(&buf, "x", 1);
    cr_assert_eq(buf.err, KT_OK);
    cr_assert_eq(buf.length, 1000);
    kt_buf_add(&buf, "y", 1);
    cr_assert_eq(buf.err, KT_EFULL);
    cr_assert_eq(buf.length, 1000);
    cr_assert_eq(buf.bytes[999], 'x');
    cr_assert_eq(buf.bytes[1000], '\0');
}

Test(buf, after_a_failure_nothing_is_added_so_that_there_is_no_hole)
{
    char large[1001] = {0};
    kt_buf_str(&buf, "a");
    kt_buf_add(&buf, large, 1000);
    kt_buf_str(&buf, "b");
    kt_buf_fmt(&buf, "%d", 7);
    cr_assert_eq(buf.err, KT_EFULL);
    cr_assert_str_eq(buf.bytes, "a");
}

Test(buf, clear_resets_the_error_and_keeps_the_memory)
{
    kt_buf_str(&buf, "old");
    kt_buf_add(&buf, "", SIZE_MAX);
    cr_assert_eq(buf.err, KT_EFULL);
    size_t capacity = buf.capacity;
    kt_buf_clear(&buf);
    cr_assert_eq(buf.err, KT_OK);
    cr_assert_str_eq(buf.bytes, "");
    cr_assert_eq(buf.capacity, capacity);
}

Test(buf, memory_that_cannot_be_had_is_an_error_and_not_a_crash)
{
    kt_buf_t endless;
    kt_buf_init(&endless, SIZE_MAX);
    kt_buf_str(&endless, "kept");
    kt_buf_add(&endless, "", SIZE_MAX - 4);
    cr_assert_eq(endless.err, KT_ENOMEM);
    cr_assert_str_eq(endless.bytes, "kept");
    kt_buf_fini(&endless);
}

Test(buf, take_hands_the_bytes_over_and_empties)
{
    size_t length = 0;
    kt_buf_str(&buf, "mine");
    char *bytes = kt_buf_take(&buf, &length);
    cr_assert_str_eq(bytes, "mine");
    cr_assert_eq(length, 4);
    cr_assert_null(buf.bytes);
    cr_assert_eq(buf.length, 0);
    free(bytes);
}

Test(buf, take_of_nothing_is_an_empty_text)
{
    char *bytes = kt_buf_take(&buf, NULL);
    cr_assert_str_eq(bytes, "");
    free(bytes);
}

Test(buf, take_after_a_failure_gives_nothing)
{
    kt_buf_str(&buf, "lost");
    kt_buf_add(&buf, "", 5000);
    cr_assert_null(kt_buf_take(&buf, NULL));
    cr_assert_null(buf.bytes);
}
