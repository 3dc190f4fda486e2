// A file is replaced by its changed copy, or stays as it is.
#include "coordinator/cli/tag/replace.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char         folder[64], path[128], other[128];
static kt_replace_t self;
static char         why[KT_REPLACE_WHY];
static int          calls;

static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *
text_of(const char *name)
{
    static char text[64];
    FILE       *file = fopen(name, "r");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void
begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/kithara-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(other, sizeof other, "%s/b", folder);
    write_file(path, "old");
    calls = 0;
}

static void
end(void)
{
    char command[256];
    kt_replace_close(&self);
    kt_replace_close(&self);  // idempotent
    snprintf(command, sizeof command, "test \"$(ls -A %s | grep -c kithara)\" = 0 && rm -rf %s", folder, folder);
    cr_assert_eq(system(command), 0, "a copy is left behind");
}

TestSuite(replace, .init = begin, .fini = end);

static kt_err_t
agree(void *context, const struct stat *facts)
{
    calls++;
    *(struct stat *)context = *facts;
    return KT_OK;
}

static kt_err_t
refuse(void *context, const struct stat *facts)
{
    (void)context;
    (void)facts;
    calls++;
    return KT_EDISK;
}

static void
change_copy(void)
{
    cr_assert_eq(kt_replace_open(&self, path, true, why), KT_OK, "%s", why);
    cr_assert_eq(kt_replace_copy(&self, why), KT_OK, "%s", why);
    cr_assert_eq(pwrite(self.copy_fd, "newer", 5, 0), 5);
    cr_expect_str_eq(text_of(path), "old", "the file itself is untouched");
}

Test(replace, the_copy_takes_the_place_of_the_file_with_its_mode_and_time)
{
    const struct timespec time = {.tv_sec = 1000000000, .tv_nsec = 123456789};
    struct stat           facts, now;
    cr_assert_eq(chmod(path, 0640), 0);
    change_copy();
    cr_expect_eq(kt_replace_commit(&self, &time, agree, &facts, why), KT_OK, "%s", why);
    cr_expect_eq(calls, 1);
    cr_expect_str_eq(text_of(path), "newer");
    cr_assert_eq(stat(path, &now), 0);
    cr_expect_eq(now.st_mode & 07777, 0640u);
    cr_expect_eq(now.st_mtim.tv_sec, time.tv_sec);
    cr_expect_eq(now.st_mtim.tv_nsec, time.tv_nsec);
    cr_expect_eq(facts.st_ino, now.st_ino);
    cr_expect_eq(facts.st_size, 5);
}

Test(replace, a_file_that_another_program_changed_stays)
{
    struct stat facts;
    change_copy();
    write_file(path, "of another program");
    cr_expect_eq(kt_replace_commit(&self, NULL, agree, &facts, why), KT_EAGAIN);
    cr_expect_str_eq(text_of(path), "of another program");
}

Test(replace, a_refused_record_keeps_the_file)
{
    change_copy();
    cr_expect_eq(kt_replace_commit(&self, NULL, refuse, NULL, why), KT_EDISK);
    cr_expect_eq(calls, 1);
    cr_expect_str_eq(text_of(path), "old");
}

Test(replace, one_process_at_a_time_has_the_file)
{
    kt_replace_t second;
    cr_assert_eq(kt_replace_open(&self, path, true, why), KT_OK);
    cr_expect_eq(kt_replace_open(&second, path, true, why), KT_EAGAIN);
    kt_replace_close(&second);
    cr_expect_eq(kt_replace_open(&second, path, false, why), KT_OK, "looking is permitted");
    kt_replace_close(&second);
}

Test(replace, what_a_killed_process_left_is_removed)
{
    char left[256];
    cr_assert_eq(kt_replace_open(&self, path, true, why), KT_OK);
    snprintf(left, sizeof left, "%s/%s", folder, self.temp);
    kt_replace_close(&self);
    write_file(left, "half");
    cr_assert_eq(kt_replace_open(&self, path, false, why), KT_OK);
    cr_expect_eq(access(left, F_OK), 0, "not while looking");
    kt_replace_close(&self);
    cr_assert_eq(kt_replace_open(&self, path, true, why), KT_OK);
    cr_expect_neq(access(left, F_OK), 0);
}

Test(replace, files_that_must_not_be_replaced_are_refused)
{
    char link_path[256];
    cr_expect_eq(kt_replace_open(&self, other, true, why), KT_ENOFILE);
    kt_replace_close(&self);
    cr_expect_eq(kt_replace_open(&self, folder, true, why), KT_ENOTREGULAR);
    kt_replace_close(&self);
    cr_assert_eq(link(path, other), 0);
    cr_expect_eq(kt_replace_open(&self, path, true, why), KT_EINVAL);
    cr_expect_not_null(strstr(why, "hard links"));
    kt_replace_close(&self);
    cr_assert_eq(unlink(other), 0);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    cr_assert_eq(symlink("/etc/hostname", link_path), 0);
    cr_expect_eq(kt_replace_open(&self, link_path, true, why), KT_EINVAL);
    cr_expect_not_null(strstr(why, "out of its folder"));
    kt_replace_close(&self);
    cr_assert_eq(unlink(link_path), 0);
    cr_assert_eq(symlink("a", link_path), 0);
    cr_expect_eq(kt_replace_open(&self, link_path, true, why), KT_OK, "%s", why);
    cr_expect_str_eq(self.path, path);
    kt_replace_close(&self);
    cr_assert_eq(chmod(path, 0444), 0);
    cr_expect_eq(kt_replace_open(&self, path, true, why), KT_EWRITE);
}
