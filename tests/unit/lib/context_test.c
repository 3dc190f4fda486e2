// Opening, settings, the decoder's place, errors and the log.
#include "lib/kithara.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
expect_open_fails(const char *setting, const char *name)
{
    const char *settings[] = {setting, NULL};
    kithara_t  *context    = NULL;
    int         error      = kithara_open(&context, settings);
    cr_expect_str_eq(kithara_error_name(error), name, "%s: %s", setting, kithara_error_name(error));
    cr_expect_null(context);
    cr_expect(strlen(kithara_why()) > 0);
}

Test(context, the_version_is_that_of_the_header)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", KITHARA_VERSION_MAJOR, KITHARA_VERSION_MINOR, KITHARA_VERSION_PATCH);
    cr_expect_str_eq(kithara_version(), text);
}

Test(context, the_decoder_is_found_in_the_prefix)
{
    kithara_t *context = NULL;
    unsetenv("KITHARA_DECODE");
    cr_assert_eq(kithara_open(&context, NULL), KITHARA_OK, "%s", kithara_why());
    kithara_close(&context);
    kithara_close(&context);
}

Test(context, a_wrong_decoder_is_named)
{
    expect_open_fails("KITHARA_DECODE=/no/such/program", "ENOFILE");
    cr_expect(strstr(kithara_why(), "/no/such/program"), "%s", kithara_why());
    expect_open_fails("KITHARA_DECODE=/bin/true", "ESYSTEM");
}

Test(context, settings_are_checked)
{
    expect_open_fails("ANALYZER_HOP_LENGTH=1", "ESETTING");
    expect_open_fails("ANALYZER_NO_SUCH=1", "ESETTING");
    expect_open_fails("NO_SUCH=1", "ESETTING");
    expect_open_fails("ANALYZER_HOP_LENGTH", "ESETTING");
    expect_open_fails("ANALYZER_HOP_LENGTH=4096", "ESETTING");  // more than n_fft
}

Test(context, settings_have_effect)
{
    static const char *const settings[] = {"ANALYZER_MEDIA_ROOTS=/usr/share", "ANALYZER_N_MFCC=20", NULL};
    kithara_t               *context    = NULL;
    char                    *document   = NULL;
    cr_assert_eq(kithara_open(&context, settings), KITHARA_OK, "%s", kithara_why());
    cr_expect_str_eq(kithara_error_name(kithara_analyze_file(context, "/etc/passwd", NULL, &document)), "EROOT");
    kithara_free(document);
    kithara_close(&context);
}

static void
count_lines(void *context, int level, const char *id, const char *fields)
{
    (void)id;
    (void)fields;
    cr_expect(level >= 0 && level <= 3);
    ++*(int *)context;
}

Test(context, the_log_is_the_hosts)
{
    kithara_t        *context    = NULL;
    const char *const settings[] = {"KITHARA_DECODE=/bin/true", NULL};
    int               lines      = 0;
    cr_expect_lt(kithara_open(&context, settings), 0);
    kithara_set_log(count_lines, &lines);
    cr_expect_lt(kithara_open(&context, settings), 0);
    cr_expect_gt(lines, 0);
    kithara_set_log(NULL, NULL);
}
