#include "common/fault.h"

#include <criterion/criterion.h>
#include <string.h>

static kt_test_faults_t faults;
static char             why[KT_TEST_FAULT_WHY];

static kt_err_t
parse_analysis(const char *text)
{
    return kt_test_faults_parse(&faults, KT_TEST_FAULT_IN_ANALYSIS, text, why);
}

static kt_err_t
parse_decoder(const char *text)
{
    return kt_test_faults_parse(&faults, KT_TEST_FAULT_IN_DECODER, text, why);
}

Test(fault, the_empty_text_is_no_fault)
{
    cr_assert_eq(parse_analysis(""), KT_OK);
    cr_assert_eq(faults.n, 0);
    cr_assert_not(faults.noop);
    cr_assert_not(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_CRASH, "/a"));
}

Test(fault, each_fault_of_a_list_hits_the_paths_with_its_word)
{
    cr_assert_eq(parse_analysis("crash:boom,hang:stuck,grow:big:one,hang:again"), KT_OK, "%s", why);
    cr_assert_eq(faults.n, 4);
    cr_assert(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_CRASH, "/music/boom.mp3"));
    cr_assert_not(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_CRASH, "/music/stuck.mp3"));
    cr_assert(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_HANG, "/music/stuck.mp3"));
    cr_assert(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_HANG, "/music/again.mp3"));
    cr_assert(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_GROW, "/big:one"));
    cr_assert_not(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_GROW, "/big"));
}

Test(fault, a_word_that_contains_noop_is_not_noop)
{
    cr_assert_eq(parse_analysis("crash:noop_x"), KT_OK, "%s", why);
    cr_assert_not(faults.noop);
    cr_assert(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_CRASH, "/noop_x.mp3"));
    cr_assert_eq(parse_analysis("crash:noop"), KT_OK, "%s", why);
    cr_assert_not(faults.noop);
}

Test(fault, noop_has_a_size_or_none_in_any_position)
{
    cr_assert_eq(parse_analysis("crash:x,noop"), KT_OK, "%s", why);
    cr_assert(faults.noop && faults.noop_bytes == 0 && faults.n == 1);
    cr_assert_eq(parse_analysis("noop:256,crash:x"), KT_OK, "%s", why);
    cr_assert(faults.noop && faults.noop_bytes == 256 && faults.n == 1);
    cr_assert_eq(parse_analysis("noop:32768"), KT_OK, "%s", why);
}

Test(fault, an_item_that_is_not_permitted_is_named_and_leaves_the_result_alone)
{
    static const char *const bad[] = {"crsh:x",    "crash", "crash:",   "noop:",         "noop:255", "noop:32769",
                                      "noop:x",    ",",     "crash:x,", ",crash:x",      "NOOP",     "spin:x",
                                      "forbidden", " noop", "noopx",    "crash:x,,noop", "hang"};
    cr_assert_eq(parse_analysis("hang:kept"), KT_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(parse_analysis(bad[i]), KT_EINVAL, "%s", bad[i]);
        cr_expect(strstr(why, "crash:WORD"), "%s", why);
        cr_expect(kt_test_faults_hit_path(&faults, KT_TEST_FAULT_HANG, "kept"), "%s", bad[i]);
    }
    cr_assert_eq(parse_analysis("hang:a,crsh:x"), KT_EINVAL);
    cr_assert(strstr(why, "\"crsh:x\""), "%s", why);
}

Test(fault, more_faults_or_longer_words_than_there_is_room_for_are_refused)
{
    char text[KT_TEST_FAULT_WORD + 16] = "crash:";
    cr_assert_eq(parse_analysis("hang:1,hang:2,hang:3,hang:4,hang:5,hang:6,hang:7,hang:8,noop"), KT_OK, "%s", why);
    cr_assert_eq(parse_analysis("hang:1,hang:2,hang:3,hang:4,hang:5,hang:6,hang:7,hang:8,hang:9"), KT_EINVAL);
    memset(text + 6, 'x', KT_TEST_FAULT_WORD - 1);
    cr_assert_eq(parse_analysis(text), KT_OK, "%s", why);
    memset(text + 6, 'x', KT_TEST_FAULT_WORD);
    cr_assert_eq(parse_analysis(text), KT_EINVAL);
    memset(text, 'x', sizeof text - 1);
    cr_assert_eq(parse_analysis(text), KT_EINVAL);
}

Test(fault, the_decoder_has_its_own_kinds_for_files_of_a_size_or_all)
{
    cr_assert_eq(parse_decoder("spin:2044,forbidden"), KT_OK, "%s", why);
    cr_assert(kt_test_faults_hit_size(&faults, KT_TEST_FAULT_SPIN, 2044));
    cr_assert_not(kt_test_faults_hit_size(&faults, KT_TEST_FAULT_SPIN, 2045));
    cr_assert(kt_test_faults_hit_size(&faults, KT_TEST_FAULT_FORBIDDEN, 7));
    cr_assert_not(kt_test_faults_hit_size(&faults, KT_TEST_FAULT_CRASH, 7));
    cr_assert_eq(parse_decoder("noop"), KT_EINVAL);
    cr_assert_eq(parse_decoder("hang:soon"), KT_EINVAL);
    cr_assert_eq(parse_decoder("hang:0"), KT_EINVAL);
}
