#include "node/coordinator_list.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char                  folder[] = "/tmp/kithara-list-XXXXXX";
static char                  why[KT_COORDINATORS_WHY];
static kt_settings_t         settings;
static kt_coordinator_list_t list;
static kt_curve_t            keys[2];

static void
setup(void)
{
    char *environment[] = {NULL};
    cr_assert(mkdtemp(folder));
    cr_assert_eq(kt_settings_load(&settings, NULL, environment, why), KT_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(kt_curve_new(&keys[i]), KT_OK);
}

static void
teardown(void)
{
    char path[256];
    kt_settings_fini(&settings);
    snprintf(path, sizeof path, "%s/keys/coordinator.public", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/keys", folder);
    rmdir(path);
    rmdir(folder);
}

TestSuite(coordinator_list, .init = setup, .fini = teardown);

static void
set(const char *name, const char *value)
{
    cr_assert_eq(kt_settings_set(&settings, name, value, why), KT_OK, "%s", why);
}

static void
set_keys(int n)
{
    char text[256];
    snprintf(text, sizeof text, "%s %s", keys[0].public_key, n > 1 ? keys[1].public_key : "");
    set("ANALYZER_COORDINATOR_KEY", text);
}

static kt_err_t
read_list(void)
{
    return kt_coordinator_list_read(&list, &settings, folder, why);
}

Test(coordinator_list, addresses_are_separated_by_blanks_or_commas)
{
    set("ANALYZER_COORDINATORS", "  tcp://a:1, tcp://b:2 ");
    set_keys(2);
    cr_assert_eq(read_list(), KT_OK, "%s", why);
    cr_assert_eq(list.n, 2);
    cr_assert_str_eq(list.addresses[0], "tcp://a:1");
    cr_assert_str_eq(list.addresses[1], "tcp://b:2");
    for (int i = 0; i < 2; i++)
        cr_assert_str_eq(list.keys[i], keys[i].public_key);
}

Test(coordinator_list, one_key_serves_for_all)
{
    set("ANALYZER_COORDINATORS", "tcp://a:1 tcp://b:2 tcp://c:3");
    set_keys(1);
    cr_assert_eq(read_list(), KT_OK, "%s", why);
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(list.keys[i], keys[0].public_key);
}

Test(coordinator_list, another_number_of_keys_is_an_error)
{
    set("ANALYZER_COORDINATORS", "tcp://a:1 tcp://b:2 tcp://c:3");
    set_keys(2);
    cr_assert_eq(read_list(), KT_ESETTING);
    cr_assert(strstr(why, "2 keys for 3 coordinators"), "%s", why);
}

Test(coordinator_list, no_address_and_too_many_are_errors)
{
    char text[64 * (KT_COORDINATORS_MAX + 1)] = "";
    set_keys(1);
    set("ANALYZER_COORDINATORS", " ");
    cr_assert_eq(read_list(), KT_ESETTING);
    for (int i = 0; i <= KT_COORDINATORS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "tcp://h%d:1 ", i);
    set("ANALYZER_COORDINATORS", text);
    cr_assert_eq(read_list(), KT_ESETTING);
    *strrchr(text, 't') = '\0';  // "tcp" of the last one
    set("ANALYZER_COORDINATORS", text);
    cr_assert_eq(read_list(), KT_OK, "%s", why);
    cr_assert_eq(list.n, KT_COORDINATORS_MAX);
}

Test(coordinator_list, an_address_that_does_not_fit_is_an_error)
{
    char text[KT_COORDINATOR_ADDRESS + 8];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    set_keys(1);
    set("ANALYZER_COORDINATORS", text);
    cr_assert_eq(read_list(), KT_ESETTING);
}

Test(coordinator_list, without_a_key_the_file_of_the_state_folder_is_read)
{
    char path[256];
    cr_assert_eq(read_list(), KT_ENOFILE);
    cr_assert(strstr(why, "keys/coordinator.public"), "%s", why);
    snprintf(path, sizeof path, "%s/keys", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/keys/coordinator.public", folder);
    FILE *file = fopen(path, "we");
    cr_assert(file);
    fprintf(file, "%s\n", keys[1].public_key);
    fclose(file);
    cr_assert_eq(read_list(), KT_OK, "%s", why);
    cr_assert_str_eq(list.keys[0], keys[1].public_key);
    set("ANALYZER_COORDINATOR_KEY", path);  // a file can be named, too
    cr_assert_eq(read_list(), KT_OK, "%s", why);
}

Test(coordinator_list, a_word_that_is_no_key_is_taken_for_a_file)
{
    set("ANALYZER_COORDINATOR_KEY", "/nowhere/key");
    cr_assert_eq(read_list(), KT_ENOFILE);
    cr_assert(strstr(why, "/nowhere/key"), "%s", why);
}
