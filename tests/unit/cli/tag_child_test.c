// Crashes and errors of TagLib in the child process. This file defines the calls of tag_file.h in place of TagLib.
#include "coordinator/cli/tag/tag_child.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOOD = 1, REFUSED, CRASH, LEAVE, KILLED, TOO_MUCH };

kt_err_t
kt_tag_file_read(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY])
{
    (void)format;
    switch (fd) {
    case REFUSED: snprintf(why, KT_TAG_WHY, "not this one"); return KT_EFORMAT;
    case CRASH: (void)raise(SIGSEGV); break;
    case LEAVE: _exit(0);
    case KILLED: (void)raise(SIGKILL); break;
    case TOO_MUCH: return malloc((size_t)16 << 30) ? KT_OK : KT_ENOMEM;
    default: break;
    }
    out->tag[KT_TAG_BPM].n = 1;
    strcpy(out->tag[KT_TAG_BPM].text[0], "120");
    return KT_OK;
}

kt_err_t
kt_tag_file_write(int fd, const kt_tag_format_t *format, uint32_t which, const kt_tag_set_t *values,
                  char why[KT_TAG_WHY])
{
    (void)format;
    (void)why;
    return fd == GOOD && which == 1 && values->tag[KT_TAG_BPM].n == 0 ? KT_OK : KT_EINVAL;
}

Test(tag_child, a_crash_costs_the_file_alone)
{
    static kt_tag_set_t now;
    char                why[KT_TAG_WHY] = "";
    cr_expect_eq(kt_tag_child_read(CRASH, NULL, &now, why), KT_EDAMAGED);
    cr_expect_str_eq(why, "TagLib crashed on its tags");
    cr_expect_eq(kt_tag_child_read(LEAVE, NULL, &now, why), KT_EDAMAGED);
    cr_expect_eq(kt_tag_child_read(KILLED, NULL, &now, why), KT_EDAMAGED);
    cr_expect_str_eq(why, "TagLib was ended for time or memory on its tags");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_expect_eq(kt_tag_child_read(TOO_MUCH, NULL, &now, why), KT_ENOMEM);
#endif
    cr_expect_eq(now.tag[KT_TAG_BPM].n, 0);
    cr_expect_eq(kt_tag_child_read(REFUSED, NULL, &now, why), KT_EFORMAT);
    cr_expect_str_eq(why, "not this one");
    cr_expect_eq(kt_tag_child_read(GOOD, NULL, &now, why), KT_OK);
    cr_expect_str_eq(now.tag[KT_TAG_BPM].text[0], "120");
}

Test(tag_child, what_was_written_is_read_back)
{
    static kt_tag_set_t values, now;
    char                why[KT_TAG_WHY] = "";
    cr_expect_eq(kt_tag_child_write(GOOD, NULL, 1, &values, &now, why), KT_OK);
    cr_expect_str_eq(now.tag[KT_TAG_BPM].text[0], "120");
    cr_expect_eq(kt_tag_child_write(GOOD, NULL, 2, &values, &now, why), KT_EINVAL);
}
