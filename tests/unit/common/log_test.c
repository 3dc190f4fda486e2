#include "common/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 16384, THREADS = 4, ROUNDS = 500 };

static struct {
    int            count;
    kt_log_level_t level;
    char           id[64];
    char           fields[4096];
} caught;

static void
catch_line(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    cr_assert_eq(context, &caught);
    caught.count++;
    caught.level = level;
    snprintf(caught.id, sizeof caught.id, "%s", id);
    snprintf(caught.fields, sizeof caught.fields, "%s", fields);
}

// What the call writes to stderr.
#define WRITTEN(out, call)                                                                                             \
    do {                                                                                                               \
        int saved = dup(STDERR_FILENO), pipes[2];                                                                      \
        cr_assert_eq(pipe(pipes), 0);                                                                                  \
        dup2(pipes[1], STDERR_FILENO);                                                                                 \
        call;                                                                                                          \
        dup2(saved, STDERR_FILENO);                                                                                    \
        close(pipes[1]);                                                                                               \
        close(saved);                                                                                                  \
        ssize_t got            = read(pipes[0], out, LINE_BYTES - 1);                                                  \
        out[got > 0 ? got : 0] = '\0';                                                                                 \
        close(pipes[0]);                                                                                               \
    } while (0)

static void
expect_match(const char *line, const char *pattern)
{
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_assert_eq(regexec(&regex, line, 0, NULL, 0), 0, "%s", line);
    regfree(&regex);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z"

Test(log, a_sink_gets_level_id_and_finished_fields)
{
    kt_log_set_sink(catch_line, &caught);
    kt_log_warn("NODE-LOST", "node=%s jobs=%d", "gpu7", 3);
    cr_assert_eq(caught.count, 1);
    cr_assert_eq(caught.level, KT_LOG_WARN);
    cr_assert_str_eq(caught.id, "NODE-LOST");
    cr_assert_str_eq(caught.fields, "node=gpu7 jobs=3");
}

Test(log, what_is_below_the_level_is_not_written_nor_formatted)
{
    int calls = 0;
    kt_log_set_sink(catch_line, &caught);
    kt_log_setup(KT_LOG_WARN, KT_LOG_TEXT, NULL);
    kt_log_debug("A", "n=%d", ++calls);
    kt_log_info("B", "n=%d", 1);
    cr_assert_eq(caught.count, 0);
    cr_assert_eq(calls, 0);
    kt_log_error("C", "n=%d", 1);
    cr_assert_eq(caught.count, 1);
}

Test(log, a_value_from_outside_adds_no_field)
{
    static const struct {
        const char *value, *fields;
    } ROWS[] = {
        {"gpu7", "node=gpu7 jobs=3"},
        {"", "node= jobs=3"},
        {"a=b", "node=a=b jobs=3"},
        {"a level=ERROR", "node=\"a level=ERROR\" jobs=3"},
        {"a\" err=EIO b=\"", "node=\"a\\\" err=EIO b=\\\"\" jobs=3"},
        {"a\nERROR X y=z", "node=\"a?ERROR X y=z\" jobs=3"},
        {"a\tb", "node=a?b jobs=3"},
        {"a\\", "node=\"a\\\\\" jobs=3"},
        {"a\xE2\x80\xAE"
         "b",
         "node=a???b jobs=3"},
        {"100%s%n", "node=100%s%n jobs=3"},
    };
    kt_log_set_sink(catch_line, &caught);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        kt_log_info("X", "node=%s jobs=%d", ROWS[i].value, 3);
        cr_expect_str_eq(caught.fields, ROWS[i].fields);
    }
    kt_log_info("X", "text=\"%s\" %s", "a b", "c=1 d=2");
    cr_expect_str_eq(caught.fields, "text=\"a b\" c=1 d=2");
}

Test(log, fields_are_formatted_as_printf_formats_them)
{
    char expected[512];
#define FORMATS                                                                                                        \
    "a=%d b=%5d c=%-5d| d=%05u e=%lld f=%zu g=%.3f h=%016llx i=%#llx j=%ld k=%c l=%% m=%.2s n=%.*s o=%*d p=%g q=%jd "  \
    "r=%hhu s=%+.1e t=%s"
#define VALUES                                                                                                         \
    -1, 42, 7, 9u, -5LL, sizeof(int), 1.0 / 3, 255ULL, 4096ULL, -3L, 'x', "abcdef", 3, "abcdef", 6, 12, 0.25,          \
        (intmax_t)77, (unsigned char)200, 12345.678, ""
    kt_log_set_sink(catch_line, &caught);
    snprintf(expected, sizeof expected, FORMATS, VALUES);
    kt_log_info("X", FORMATS, VALUES);
    cr_expect_str_eq(caught.fields, expected);
}

Test(log, control_characters_and_broken_utf8_never_reach_the_line)
{
    kt_log_set_sink(catch_line, &caught);
    kt_log_info("X", "path=%s", "a\nb\x1B[31m\x7F\xC2\x9B\xFFz");
    cr_assert_str_eq(caught.fields, "path=a?b?[31m???\xEF\xBF\xBDz");
}

Test(log, an_overlong_line_is_cut_between_characters)
{
    static char text[9000];
    for (int i = 0; i + 3 < (int)sizeof text; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 4);
    kt_log_set_sink(catch_line, &caught);
    kt_log_info("X", "t=%s", text);
    cr_assert_gt(strlen(caught.fields), 3000);
    cr_assert_lt(strlen(caught.fields), 3072);
    cr_assert_eq((unsigned char)caught.fields[strlen(caught.fields) - 1], 0xAC);
}

Test(log, a_text_line_has_time_level_id_fields_and_program)
{
    char line[LINE_BYTES];
    kt_log_setup(KT_LOG_INFO, KT_LOG_TEXT, NULL);
    WRITTEN(line, kt_log_warn("NODE-LOST", "node=%s", "gpu7"));
    expect_match(line, "^" TIME " WARNING NODE-LOST node=gpu7\n$");
    kt_log_setup(KT_LOG_INFO, KT_LOG_TEXT, "kithara-node");
    WRITTEN(line, kt_log_info("UP", "%s", ""));
    expect_match(line, "^" TIME " INFO UP program=kithara-node\n$");
}

Test(log, a_json_line_has_each_field_as_a_member)
{
    char line[LINE_BYTES], quoted[64];
    kt_log_setup(KT_LOG_INFO, KT_LOG_JSON, NULL);
    WRITTEN(line, kt_log_error("BAD", "a=1 text=\"%s\" word back=c:\\x empty= end=z",
                               kt_log_quote(quoted, sizeof quoted, "say \"hi there\" \\ k=v")));
    expect_match(line, "^[{]\"time\":\"" TIME "\",\"level\":\"ERROR\",\"id\":\"BAD\",");
    cr_assert(strstr(line, "\"a\":\"1\",\"text\":\"say \\\"hi there\\\" \\\\ k=v\",\"word\":\"\",\"back\":\"c:\\\\x\","
                           "\"empty\":\"\",\"end\":\"z\"}\n"),
              "%s", line);
}

Test(log, a_json_line_has_a_sentence_and_numbers_where_the_call_gives_numbers)
{
    char line[LINE_BYTES];
    kt_log_setup(KT_LOG_INFO, KT_LOG_JSON, NULL);
    WRITTEN(line, kt_log_warn("NODE-LOST", "node=%s jobs=%d ms=%lld s=%.3f hex=%llx share=%g bad=%f", "17", -3, 5012LL,
                              0.25, 16ULL, 1e-7, 0.0 / 0.0));
    cr_assert(
        strstr(line, "\"level\":\"WARNING\",\"id\":\"NODE-LOST\",\"msg\":\"a node is silent and counts as lost\","),
        "%s", line);
    cr_assert(
        strstr(line, "\"node\":\"17\",\"jobs\":-3,\"ms\":5012,\"s\":0.250,\"hex\":\"10\",\"share\":1e-07,\"bad\":\""),
        "%s", line);
    WRITTEN(line, kt_log_warn("FILE-DONE", "cpu_s=%.3f%s", 0.5, " open_us=17 message_id=18 x_us=soon"));
    cr_assert(strstr(line, "\"cpu_s\":0.500,\"open_us\":17,\"message_id\":\"18\",\"x_us\":\"soon\"}"), "%s", line);
    cr_assert_str_eq(kt_log_sentence("NO-SUCH-ID"), "NO-SUCH-ID");
}

Test(log, a_json_line_that_is_too_long_still_closes)
{
    static char text[3000];
    char        line[LINE_BYTES];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "a ", 3);
    kt_log_setup(KT_LOG_INFO, KT_LOG_JSON, "p");
    WRITTEN(line, kt_log_info("X", "%s", text));
    cr_assert_leq(strlen(line), 8192);
    expect_match(line, "^[{].*,\"a\":\"\"[}]\n$");
}

Test(log, quoting_never_ends_within_an_escape)
{
    char out[5];
    cr_assert_str_eq(kt_log_quote(out, sizeof out, "a\"b\"c"), "a\\\"b");
    cr_assert_str_eq(kt_log_quote(out, sizeof out, "abc\""), "abc");
    cr_assert_str_eq(kt_log_quote(out, 1, "abc"), "");
}

Test(log, errno_survives)
{
    kt_log_set_sink(catch_line, &caught);
    errno = ENOSPC;
    kt_log_info("X", "err=%m");
    cr_assert_eq(errno, ENOSPC);
    cr_assert_str_eq(caught.fields, "err=No space left on device");
}

static void *
log_much(void *unused)
{
    for (int i = 0; i < ROUNDS; i++)
        kt_log_info("LINE", "a=%d b=%d", i, i);
    return unused;
}

Test(log, lines_of_many_threads_stay_whole)
{
    pthread_t threads[THREADS];
    char      line[256];
    int       lines = 0, saved = dup(STDERR_FILENO);
    FILE     *file = tmpfile();
    cr_assert_not_null(file);
    // Appending is what makes the writes of several threads follow each other in a file.
    fcntl(fileno(file), F_SETFL, O_APPEND);
    dup2(fileno(file), STDERR_FILENO);
    kt_log_setup(KT_LOG_INFO, KT_LOG_TEXT, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_much, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    for (; fgets(line, sizeof line, file); lines++)
        expect_match(line, "^" TIME " INFO LINE a=[0-9]+ b=[0-9]+\n$");
    cr_assert_eq(lines, THREADS * ROUNDS);
    fclose(file);
}
