#include "common/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8 };

static char folder[] = "/tmp/kithara-file-XXXXXX";
static char path[64];

static void
open_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void
remove_folder(void)
{
    unlink(path);
    cr_assert_eq(rmdir(folder), 0, "a temporary file was left behind");
}

TestSuite(file, .init = open_folder, .fini = remove_folder);

static void
assert_content(const char *text, mode_t mode)
{
    struct stat facts;
    char        content[64] = "";
    FILE       *file        = fopen(path, "re");
    cr_assert_not_null(file);
    (void)!fread(content, 1, sizeof content - 1, file);
    fclose(file);
    cr_assert_str_eq(content, text);
    cr_assert_eq(stat(path, &facts), 0);
    cr_assert_eq(facts.st_mode & 0777, mode);
}

Test(file, create_makes_a_file_with_the_mode_whatever_the_umask)
{
    mode_t   before = umask(0777);
    kt_err_t err    = kt_file_create(path, 0644, "one", 3);
    umask(before);
    cr_assert_eq(err, KT_OK);
    assert_content("one", 0644);
}

Test(file, create_leaves_an_existing_file_unchanged)
{
    cr_assert_eq(kt_file_create(path, 0600, "one", 3), KT_OK);
    cr_assert_eq(kt_file_create(path, 0644, "two", 3), KT_OK);
    assert_content("one", 0600);
}

Test(file, replace_overwrites_content_and_mode)
{
    cr_assert_eq(kt_file_replace(path, 0600, "one", 3), KT_OK);
    cr_assert_eq(kt_file_replace(path, 0644, "", 0), KT_OK);
    assert_content("", 0644);
}

Test(file, of_several_processes_one_creates_the_file)
{
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        if (!pid) {
            char text[2] = {(char)('a' + i), '\0'};
            _exit(kt_file_create(path, 0600, text, 1) != KT_OK);
        }
    }
    for (int i = 0, status; i < PROCESSES; i++) {
        cr_assert_gt(wait(&status), 0);
        cr_assert_eq(status, 0);
    }
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    int first = fgetc(file);
    cr_assert(first >= 'a' && first < 'a' + PROCESSES);
    cr_assert_eq(fgetc(file), EOF);
    fclose(file);
}

Test(file, a_missing_folder_is_an_error_and_a_long_path_too)
{
    char missing[128], longest[PATH_MAX + 1];
    snprintf(missing, sizeof missing, "%s/none/file", folder);
    cr_assert_eq(kt_file_create(missing, 0600, "x", 1), KT_ENOFILE);
    cr_assert_eq(kt_file_replace(missing, 0600, "x", 1), KT_ENOFILE);
    memset(longest, 'x', PATH_MAX);
    longest[PATH_MAX] = '\0';
    cr_assert_eq(kt_file_create(longest, 0600, "x", 1), KT_EINVAL);
    cr_assert_eq(kt_file_make_folders(longest), KT_EINVAL);
}

Test(file, a_folder_in_the_way_is_an_error_and_leaves_no_temporary_file)
{
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(kt_file_replace(path, 0600, "x", 1), KT_EIO);
    cr_assert_eq(rmdir(path), 0);
}

Test(file, folders_are_made_down_to_the_last_component)
{
    char deep[128], part[128];
    snprintf(deep, sizeof deep, "%s/a/b/file", folder);
    for (int i = 0; i < 2; i++)  // the second time they are there
        cr_assert_eq(kt_file_make_folders(deep), KT_OK);
    cr_assert_eq(access(deep, F_OK), -1);
    snprintf(part, sizeof part, "%s/a/b", folder);
    cr_assert_eq(rmdir(part), 0);
    snprintf(part, sizeof part, "%s/a", folder);
    cr_assert_eq(rmdir(part), 0);
}

Test(file, folders_that_cannot_be_made_are_an_error_of_writing)
{
    static const char *const PATHS[] = {"/proc/none/file", "/sys/none/file", "/dev/null/none/file"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        cr_expect_eq(kt_file_make_folders(PATHS[i]), KT_EWRITE, "%s", PATHS[i]);
}

Test(file, errors_follow_errno)
{
    static const struct {
        int      number;
        kt_err_t err;
    } rows[] = {{ENOENT, KT_ENOFILE}, {EACCES, KT_EACCESS}, {EROFS, KT_EACCESS}, {ENOSPC, KT_EDISK}, {EIO, KT_EIO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        errno = rows[i].number;
        cr_assert_eq(kt_file_err_of_errno(), rows[i].err);
        errno = rows[i].number;
        cr_assert_eq(kt_file_write_err_of_errno(), rows[i].err == KT_EACCESS ? KT_EWRITE : rows[i].err);
    }
}

Test(file, a_secret_is_private_to_its_owner_or_to_roots_group)
{
    static const struct {
        unsigned mode;
        uid_t    owner;
        bool private;
    } ROWS[] = {
        {0600, 1000, true},  {0400, 1000, true},  {0700, 1000, true},  {0640, 1000, false}, {0620, 1000, false},
        {0604, 1000, false}, {0602, 1000, false}, {0644, 1000, false}, {0666, 1000, false}, {0610, 1000, false},
        {0601, 1000, false}, {0600, 0, true},     {0640, 0, true},     {0440, 0, true},     {0660, 0, false},
        {0620, 0, false},    {0644, 0, false},    {0604, 0, false},    {0650, 0, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_expect_eq(kt_file_is_private(S_IFREG | ROWS[i].mode, ROWS[i].owner), ROWS[i].private, "%04o of %u",
                     ROWS[i].mode, (unsigned)ROWS[i].owner);
}

static const char *
risk_of(const char *file, bool secret)
{
    struct stat facts;
    cr_assert_eq(stat(file, &facts), 0);
    const char *risk = kt_file_risk(file, &facts, secret);
    return risk ? risk : "none";
}

Test(file, what_others_can_write_or_replace_is_a_risk)
{
    char link_path[96];
    snprintf(link_path, sizeof link_path, "%s.link", path);
    cr_assert_eq(kt_file_create(path, 0600, "x", 1), KT_OK);
    cr_assert_eq(symlink(path, link_path), 0);
    cr_expect_str_eq(risk_of(path, true), "none");
    cr_expect_str_eq(risk_of(link_path, true), "none");
    cr_expect(strstr(risk_of(folder, false), "no regular file"));
    cr_assert_eq(chmod(folder, 0777), 0);
    cr_expect(strstr(risk_of(path, true), "put another file in its place"));
    cr_expect(strstr(risk_of(path, false), "put another file in its place"));
    cr_expect(strstr(risk_of(link_path, true), "put another file in its place"));
    cr_assert_eq(chmod(folder, 01777), 0);
    cr_expect_str_eq(risk_of(path, true), "none", "as in /tmp");
    cr_assert_eq(chmod(folder, 0700), 0);
    cr_assert_eq(chmod(path, 0644), 0);
    cr_expect_str_eq(risk_of(path, false), "none");
    cr_expect(strstr(risk_of(link_path, true), "read or write"));
    cr_assert_eq(chmod(path, 0646), 0);
    cr_expect(strstr(risk_of(path, false), "can write it"));
    cr_assert_eq(unlink(link_path), 0);
}

Test(file, a_link_into_a_folder_that_others_can_write_is_a_risk)
{
    char open_folder_path[] = "/tmp/kithara-open-XXXXXX", target[64];
    cr_assert_not_null(mkdtemp(open_folder_path));
    snprintf(target, sizeof target, "%s/secret", open_folder_path);
    cr_assert_eq(kt_file_create(target, 0600, "x", 1), KT_OK);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect_str_eq(risk_of(path, true), "none");
    cr_assert_eq(chmod(open_folder_path, 0777), 0);
    cr_expect(strstr(risk_of(path, true), "put another file in its place"));
    cr_assert_eq(unlink(target) + rmdir(open_folder_path), 0);
}

Test(file, a_file_of_another_user_is_a_risk_unless_the_folder_is_theirs_too)
{
    enum { NOBODY = 65534 };
    if (getuid())
        cr_skip_test("only root may give a file away");
    cr_assert_eq(kt_file_create(path, 0600, "x", 1), KT_OK);
    cr_assert_eq(chown(path, NOBODY, NOBODY), 0);
    cr_expect(strstr(risk_of(path, true), "belongs to another user"));
    cr_expect(strstr(risk_of(path, false), "belongs to another user"));
    cr_assert_eq(chown(folder, NOBODY, NOBODY), 0);
    cr_expect_str_eq(risk_of(path, true), "none", "the state of a service's user, read by root");
}

Test(file, made_folders_are_private_whatever_the_umask)
{
    static const mode_t MASKS[] = {0, 0022, 0077, 0777};
    char                below[128], made[96];
    struct stat         facts;
    for (size_t i = 0; i < sizeof MASKS / sizeof *MASKS; i++) {
        const mode_t before = umask(MASKS[i]);
        snprintf(made, sizeof made, "%s/%zu", folder, i);
        snprintf(below, sizeof below, "%s/b/file", made);
        cr_assert_eq(kt_file_make_folders(below), KT_OK);
        umask(before);
        cr_expect(stat(made, &facts) == 0 && (facts.st_mode & 0777) == 0700, "%03o", facts.st_mode & 0777);
        snprintf(below, sizeof below, "%s/b", made);
        cr_expect(stat(below, &facts) == 0 && (facts.st_mode & 0777) == 0700, "%03o", facts.st_mode & 0777);
        cr_assert_eq(rmdir(below) + rmdir(made), 0);
    }
}
