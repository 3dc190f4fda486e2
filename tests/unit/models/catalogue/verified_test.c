#include "models/catalogue/verified.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/kithara-verified-XXXXXX";

static void
write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void
open_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    write_file("a", "one");
}

static void
remove_folder(void)
{
    char        command[256];
    static char names[][16] = {"a", "models.verified"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s/%s", folder, names[i]);
        unlink(command);
    }
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(verified, .init = open_folder, .fini = remove_folder);

static kt_err_t
digest_of(const char *name, kt_digest_t *out)
{
    kt_verified_t *verified = NULL;
    cr_assert_eq(kt_verified_open(&verified, folder), KT_OK);
    kt_err_t err = kt_verified_digest(verified, name, out);
    kt_verified_close(&verified);
    return err;
}

Test(verified, the_digest_is_that_of_the_content)
{
    kt_digest_t found, expected;
    kt_digest_of("one", 3, &expected);
    for (int i = 0; i < 2; i++) {  // read, then from the record
        cr_assert_eq(digest_of("a", &found), KT_OK);
        cr_assert_arr_eq(found.bytes, expected.bytes, sizeof found.bytes);
    }
    cr_assert_eq(digest_of("b", &found), KT_ENOFILE);
    cr_assert_eq(digest_of(".", &found), KT_ENOTREGULAR);
}

Test(verified, a_changed_file_is_read_again)
{
    kt_digest_t found, expected;
    cr_assert_eq(digest_of("a", &found), KT_OK);
    write_file("a", "more");
    kt_digest_of("more", 4, &expected);
    cr_assert_eq(digest_of("a", &found), KT_OK);
    cr_assert_arr_eq(found.bytes, expected.bytes, sizeof found.bytes);
}

Test(verified, a_damaged_record_is_an_empty_one)
{
    static const char *const TEXTS[] = {"", "{", "{\"files\": 5}", "{\"files\": [1, {}, {\"path\": \"a\"}]}"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        kt_digest_t found, expected;
        kt_digest_of("one", 3, &expected);
        write_file("models.verified", TEXTS[i]);
        cr_assert_eq(digest_of("a", &found), KT_OK);
        cr_assert_arr_eq(found.bytes, expected.bytes, sizeof found.bytes);
    }
}
