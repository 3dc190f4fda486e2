#include "tests/unit/media_tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char mt_root[256];

void
mt_touch(const char *path, const char *text)
{
    char whole[600];
    snprintf(whole, sizeof whole, "%s/%s", mt_root, path);
    for (char *c = whole + strlen(mt_root) + 1; (c = strchr(c, '/')); c++) {
        *c = '\0';
        mkdir(whole, 0777);
        *c = '/';
    }
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

void
mt_make(void)
{
    static const char *const NAMES[] = {"b/z.mp3",         "b/a.mp3",   "a.mp3",        "b.mp3",
                                        "a/x/1.mp3",       "a/x/2.mp3", "a/y.mp3",      "c/d/e/f.mp3",
                                        "line\nbreak.mp3", "100%.mp3",  "bad\xff.mp3",  "c/bad\xfe/1.mp3",
                                        "cover.jpg",       ".hidden",   ".folder/x.mp3"};
    char                     link[600];
    snprintf(mt_root, sizeof mt_root, "/tmp/kt-walk-XXXXXX");
    cr_assert_not_null(mkdtemp(mt_root));
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        mt_touch(NAMES[i], "x");
    snprintf(link, sizeof link, "%s/loop", mt_root);
    cr_assert_eq(symlink(mt_root, link), 0);
    snprintf(link, sizeof link, "%s/zlink.mp3", mt_root);
    cr_assert_eq(symlink("a.mp3", link), 0);
}

void
mt_remove(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", mt_root);
    cr_assert_eq(system(command), 0);
}
