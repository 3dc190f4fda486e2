#include "common/socket.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8 };

static char folder[] = "/tmp/kt_curve_XXXXXX";
static char path[64], secret_path[80], public_path[80];

static void
open_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys/farm", folder);
    snprintf(secret_path, sizeof secret_path, "%s.secret", path);
    snprintf(public_path, sizeof public_path, "%s.public", path);
}

static void
remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(curve, .init = open_folder, .fini = remove_folder);

static kt_curve_t
load(void)
{
    kt_curve_t pair;
    cr_assert_eq(kt_curve_load_or_make(path, &pair), KT_OK);
    return pair;
}

static void
overwrite(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static int
files_in_folder(void)
{
    char  command[128];
    int   count = -1;
    FILE *list;
    snprintf(command, sizeof command, "ls '%s/keys' | wc -l", folder);
    list = popen(command, "r");
    cr_assert_eq(fscanf(list, "%d", &count), 1);
    pclose(list);
    return count;
}

Test(curve, new_pairs_are_keys_and_differ)
{
    kt_curve_t a, b;
    cr_assert_eq(kt_curve_new(&a), KT_OK);
    cr_assert_eq(kt_curve_new(&b), KT_OK);
    cr_assert(kt_curve_is_key(a.public_key));
    cr_assert(kt_curve_is_key(a.secret_key));
    cr_assert_str_neq(a.public_key, b.public_key);
}

Test(curve, only_forty_characters_of_z85_are_a_key)
{
    cr_assert(kt_curve_is_key("0123456789012345678901234567890123456#$z"));
    cr_assert_not(kt_curve_is_key(""));
    cr_assert_not(kt_curve_is_key("012345678901234567890123456789012345678"));
    cr_assert_not(kt_curve_is_key("01234567890123456789012345678901234567890"));
    cr_assert_not(kt_curve_is_key("0123456789012345678901234567890123456 89"));
    cr_assert_not(kt_curve_is_key("0123456789012345678901234567890123456,89"));
}

Test(curve, what_was_made_once_is_loaded_ever_after)
{
    kt_curve_t  made = load(), loaded = load();
    struct stat facts;
    cr_assert_eq(memcmp(&made, &loaded, sizeof made), 0);
    cr_assert_eq(stat(secret_path, &facts), 0);
    cr_assert_eq(facts.st_mode & 0777, 0600);
    cr_assert_eq(files_in_folder(), 2);
}

Test(curve, a_lost_public_file_is_made_again_from_the_secret)
{
    kt_curve_t made = load();
    cr_assert_eq(unlink(public_path), 0);
    kt_curve_t again = load();
    cr_assert_str_eq(again.public_key, made.public_key);
    cr_assert_eq(access(public_path, R_OK), 0);
}

Test(curve, damaged_files_are_refused_and_never_replaced)
{
    kt_curve_t pair = load(), other, untouched = pair;
    overwrite(public_path, "short\n");
    cr_assert_eq(kt_curve_load_or_make(path, &pair), KT_EINVAL);
    cr_assert_eq(kt_curve_new(&other), KT_OK);
    overwrite(public_path, other.public_key);
    cr_assert_eq(kt_curve_load_or_make(path, &pair), KT_EINVAL);
    overwrite(secret_path, "");
    cr_assert_eq(kt_curve_load_or_make(path, &pair), KT_EINVAL);
    cr_assert_eq(memcmp(&pair, &untouched, sizeof pair), 0);
    cr_assert_eq(files_in_folder(), 2);
}

Test(curve, a_place_that_cannot_be_written_is_an_error)
{
    kt_curve_t pair;
    char       endless[5000];
    cr_assert_neq(kt_curve_load_or_make("/proc/none/farm", &pair), KT_OK);
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    cr_assert_eq(kt_curve_load_or_make(endless, &pair), KT_EINVAL);
}

Test(curve, a_secret_that_others_may_read_or_write_is_refused)
{
    static const mode_t MODES[] = {0644, 0604, 0660, 0666, 0602, 0620};
    kt_curve_t          pair;
    (void)load();
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        cr_assert_eq(chmod(secret_path, MODES[i]), 0);
        cr_expect_eq(kt_curve_load_or_make(path, &pair), KT_EACCESS, "%04o", (unsigned)MODES[i]);
    }
    cr_assert_eq(chmod(secret_path, 0400), 0);
    (void)load();
}

// All children wait for the same end of file, so that they start as closely together as can be.
static void
race(int start, int result)
{
    kt_curve_t pair;
    char       byte;
    if (read(start, &byte, 1) != 0 || kt_curve_load_or_make(path, &pair) != KT_OK)
        _exit(1);
    _exit(write(result, pair.secret_key, KT_CURVE_TEXT) == KT_CURVE_TEXT ? 0 : 1);
}

Test(curve, processes_that_start_at_once_end_with_one_pair)
{
    int  start[2], result[2], status;
    char first[KT_CURVE_TEXT], next[KT_CURVE_TEXT];
    cr_assert_eq(pipe(start) + pipe(result), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0)
            continue;
        close(start[1]);
        race(start[0], result[1]);
    }
    close(start[1]);
    for (int i = 0; i < PROCESSES; i++) {
        cr_assert_gt(wait(&status), 0);
        cr_assert_eq(status, 0);
        cr_assert_eq(read(result[0], i ? next : first, KT_CURVE_TEXT), KT_CURVE_TEXT);
        cr_assert(!i || strcmp(first, next) == 0);
    }
    cr_assert_str_eq(load().secret_key, first);
    cr_assert_eq(files_in_folder(), 2);
}
