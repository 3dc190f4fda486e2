#include "common/log.h"
#include "common/secret.h"
#include "coordinator/access/token.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char          folder[] = "/tmp/kithara-token-XXXXXX", path[64], why[KT_HTTP_TOKEN_WHY];
static kt_settings_t settings;

static void
open_folder(void)
{
    char *nothing[] = {NULL};
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/http.token", folder);
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
}

static void
close_folder(void)
{
    kt_settings_fini(&settings);
    unlink(path);
    cr_assert_eq(rmdir(folder), 0, "a temporary file was left behind");
}

TestSuite(http_token, .init = open_folder, .fini = close_folder);

static void
write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

Test(http_token, the_first_start_makes_one_that_only_we_may_read_and_the_next_reads_it)
{
    char        first[KT_HTTP_TOKEN], second[KT_HTTP_TOKEN], found[KT_HTTP_TOKEN];
    struct stat facts;
    cr_assert_eq(kt_http_token_load_or_make(&settings, folder, first, why), KT_OK, "%s", why);
    cr_assert_eq(strlen(first), KT_SECRET_TEXT - 1);
    cr_assert_eq(stat(path, &facts), 0);
    cr_assert_eq(facts.st_mode & 0777, 0600);
    cr_assert_eq(kt_http_token_load_or_make(&settings, folder, second, why), KT_OK);
    cr_assert_str_eq(first, second);
    cr_assert_str_eq(kt_http_token_find(&settings, folder, found), first);
}

Test(http_token, the_setting_wins_and_makes_no_file)
{
    char token[KT_HTTP_TOKEN];
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_HTTP_TOKEN", "of-the-setting", why), KT_OK);
    cr_assert_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_OK);
    cr_assert_str_eq(token, "of-the-setting");
    cr_assert_eq(access(path, F_OK), -1);
    cr_assert_str_eq(kt_http_token_find(&settings, NULL, token), "of-the-setting");
}

Test(http_token, several_starters_at_once_end_with_the_same)
{
    enum { STARTERS = 8 };
    char  tokens[STARTERS][KT_SECRET_TEXT], mine[KT_HTTP_TOKEN];
    int   ends[2];
    pid_t children[STARTERS];
    cr_assert_eq(pipe(ends), 0);
    for (int i = 0; i < STARTERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            bool good = !kt_http_token_load_or_make(&settings, folder, mine, why) &&
                        write(ends[1], mine, KT_SECRET_TEXT) == KT_SECRET_TEXT;
            _exit(!good);
        }
    }
    for (int i = 0; i < STARTERS; i++) {
        int status;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_assert_eq(status, 0);
        cr_assert_eq(read(ends[0], tokens[i], KT_SECRET_TEXT), KT_SECRET_TEXT);
        cr_assert_str_eq(tokens[i], tokens[0]);
    }
    close(ends[0]);
    close(ends[1]);
}

Test(http_token, a_file_that_holds_none_is_named)
{
    static const char *const bad[]                = {"", "\n", "two words\n", "caf\xc3\xa9\n"};
    char                     token[KT_HTTP_TOKEN] = "untouched";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(bad[i], 0600);
        cr_assert_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_EINVAL, "%zu", i);
        cr_assert(strstr(why, path), "%s", why);
        cr_assert_str_eq(token, "untouched");
        char found[KT_HTTP_TOKEN];
        cr_assert_str_eq(kt_http_token_find(&settings, folder, found), "");
    }
    char *longest = calloc(1, 400);
    memset(longest, 'x', 399);
    write_file(longest, 0600);
    free(longest);
    cr_assert_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_EINVAL);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_HTTP_TOKEN", "a blank", why), KT_OK);
    cr_assert_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_EINVAL);
    cr_assert(strstr(why, "ANALYZER_HTTP_TOKEN"));
}

static int refusals;

static void
take_line(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context, (void)level, (void)fields;
    refusals += strcmp(id, "SECRET-OPEN") == 0;
}

Test(http_token, a_pipe_is_refused_and_not_waited_for, .timeout = 20)
{
    char token[KT_HTTP_TOKEN];
    kt_log_set_sink(take_line, NULL);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_EACCESS);
    cr_expect_str_eq(kt_http_token_find(&settings, folder, token), "");
    kt_log_set_sink(NULL, NULL);
}

Test(http_token, a_file_that_others_may_read_or_write_is_refused_and_logged)
{
    static const mode_t MODES[] = {0644, 0640, 0604, 0620, 0602, 0660, 0666, 0777};
    char                token[KT_HTTP_TOKEN];
    kt_log_set_sink(take_line, NULL);
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        write_file("shared\n", MODES[i]);
        if (getuid() == 0 && MODES[i] == 0640)
            cr_assert_eq(chown(path, 65534, 65534), 0);  // root's own may be read by its group
        const int before = refusals;
        cr_expect_eq(kt_http_token_load_or_make(&settings, folder, token, why), KT_EACCESS, "%o", MODES[i]);
        cr_expect(strstr(why, "http.token has mode 0") && strstr(why, "chmod 600"), "%s", why);
        cr_expect_eq(refusals, before, "the program prints why");
        cr_expect_str_eq(kt_http_token_find(&settings, folder, token), "");
        cr_expect_eq(refusals, before + 1);
    }
    kt_log_set_sink(NULL, NULL);
}
