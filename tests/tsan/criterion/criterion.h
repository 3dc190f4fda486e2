// A stand-in for the part of Criterion that our tests use, for the thread sanitizer alone: Criterion maps an arena at
// an address that the sanitizer keeps for itself, and cannot start. One forked child a test, as Criterion does.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tsan_options {
    void (*init)(void);
    void (*fini)(void);
    int         signal;
    int         exit_code;
    double      timeout;
    const char *description;
    bool        disabled;
} tsan_options_t;

void tsan_suite(const char *suite, tsan_options_t options);
void tsan_test(const char *suite, const char *name, void (*body)(void), tsan_options_t options);
void tsan_fail(const char *file, int line, const char *text);
void tsan_ignore(int none, ...);

#define TestSuite(suite, ...)                                                                                          \
    __attribute__((constructor(101))) static void tsan_suite_##suite(void)                                             \
    {                                                                                                                  \
        tsan_suite(#suite, (tsan_options_t){__VA_ARGS__});                                                             \
    }
#define Test(suite, name, ...)                                                                                         \
    static void                                   suite##_##name##_body(void);                                         \
    __attribute__((constructor(102))) static void suite##_##name##_register(void)                                      \
    {                                                                                                                  \
        tsan_test(#suite, #name, suite##_##name##_body, (tsan_options_t){__VA_ARGS__});                                \
    }                                                                                                                  \
    static void suite##_##name##_body(void)

// The message and its arguments are not shown, but they are used.
#define cr_assert(condition, ...)                                                                                      \
    ((condition) ? (void)0 : (tsan_ignore(0, ##__VA_ARGS__), tsan_fail(__FILE__, __LINE__, #condition)))
#define cr_expect cr_assert
#define cr_assert_not(condition, ...) cr_assert(!(condition), ##__VA_ARGS__)
#define cr_assert_null(value, ...) cr_assert((value) == NULL, ##__VA_ARGS__)
#define cr_assert_not_null(value, ...) cr_assert((value) != NULL, ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b), ##__VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b), ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b), ##__VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b), ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b), ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), ##__VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp((a), (b)) == 0, ##__VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) cr_assert(strcmp((a), (b)) != 0, ##__VA_ARGS__)
#define cr_assert_str_empty(a, ...) cr_assert(!*(a), ##__VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp((a), (b), (n)) == 0, ##__VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...) cr_assert(memcmp((a), (b), (n)) != 0, ##__VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) cr_assert((a) - (b) <= (e) && (b) - (a) <= (e), ##__VA_ARGS__)
#define cr_expect_eq cr_assert_eq
#define cr_expect_neq cr_assert_neq
#define cr_expect_lt cr_assert_lt
#define cr_expect_leq cr_assert_leq
#define cr_expect_gt cr_assert_gt
#define cr_expect_geq cr_assert_geq
#define cr_expect_not cr_assert_not
#define cr_expect_null cr_assert_null
#define cr_expect_not_null cr_assert_not_null
#define cr_expect_str_eq cr_assert_str_eq
#define cr_expect_str_neq cr_assert_str_neq
#define cr_expect_arr_neq cr_assert_arr_neq
#define cr_expect_arr_eq cr_assert_arr_eq
#define cr_expect_float_eq cr_assert_float_eq
#define cr_assert_fail(...) tsan_fail(__FILE__, __LINE__, "failed")
#define cr_skip_test(...) exit(0)
#define cr_log_info(...) ((void)0)
