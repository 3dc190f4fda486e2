#include "common/settings_pass.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char         *environment[] = {NULL};
static char          why[KT_SETTINGS_WHY];
static kt_settings_t settings, copy;

static void
load_settings(void)
{
    cr_assert_eq(kt_settings_load(&settings, NULL, environment, why), KT_OK);
}

static void
free_settings(void)
{
    kt_settings_fini(&settings);
    kt_settings_fini(&copy);
}

TestSuite(settings_pass, .init = load_settings, .fini = free_settings);

static void
set(const char *name, const char *value)
{
    cr_assert_eq(kt_settings_set(&settings, name, value, why), KT_OK, "%s", why);
}

Test(settings_pass, settings_reach_a_child_as_they_are)
{
    set("ANALYZER_HOP_LENGTH", "256");
    set("ANALYZER_MEDIA_ROOTS", "/a b:/c#d");
    set("ANALYZER_NODE_NAME", "it's \"n\" \\");
    cr_assert_eq(kt_settings_copy(&settings, &copy), KT_OK);
    cr_assert_eq(copy.hop_length, 256);
    cr_assert_str_eq(copy.media_roots, "/a b:/c#d");
    cr_assert_str_eq(copy.node_name, "it's \"n\" \\");
    cr_assert_eq(copy.file_deadline_s, settings.file_deadline_s);
}

Test(settings_pass, a_copy_owns_its_texts)
{
    set("ANALYZER_MEDIA_ROOTS", "/a");
    cr_assert_eq(kt_settings_copy(&settings, &copy), KT_OK);
    set("ANALYZER_MEDIA_ROOTS", "/b");
    cr_assert_str_eq(copy.media_roots, "/a");
}

Test(settings_pass, secrets_do_not_travel)
{
    set("ANALYZER_HTTP_TOKEN", "hush-hush-hush");
    set("REDIS_URL", "redis://:hush@host");
    cr_assert_eq(kt_settings_copy(&settings, &copy), KT_OK);
    cr_assert_str_eq(copy.http_token, "");
    cr_assert_str_eq(copy.redis_url, "");
}

Test(settings_pass, the_descriptor_is_not_inherited_by_accident_and_can_be_read_twice)
{
    int fd = -1;
    set("ANALYZER_WORKERS", "7");
    cr_assert_eq(kt_settings_pass(&settings, &fd), KT_OK);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(kt_settings_take(&copy, fd), KT_OK);
        cr_assert_eq(copy.workers, 7);
        kt_settings_fini(&copy);
    }
    close(fd);
}

Test(settings_pass, a_descriptor_that_is_not_open_is_an_error)
{
    cr_assert_eq(kt_settings_take(&copy, 999), KT_ENOFILE);
}
