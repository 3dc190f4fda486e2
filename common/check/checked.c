#include "common/check/checked.h"

#include "common/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const double      GIB = 1024.0 * 1024 * 1024, LEAST_FREE_GIB = 1;
static const char *const WORDS[] = {"WRONG", "ok", "WARN"};

void
kt_checked_print(const char *subject, kt_checked_t state, const char *text)
{
    char shown[KT_CHECKED_TEXT];
    if (state == KT_CHECKED_NONE)
        return;
    snprintf(shown, sizeof shown, "%s", text);
    kt_text_remove_controls(shown);
    printf("%-11s %-6s %s\n", subject, WORDS[state], shown);
    (void)fflush(stdout);  // the next check may take seconds
}

bool
kt_checked_read(const char *line, const char *subject, kt_checked_t *state, char text[KT_CHECKED_TEXT])
{
    const size_t length = strlen(subject);
    if (strncmp(line, subject, length) != 0 || line[length] != ' ')
        return false;
    line += length + strspn(line + length, " ");
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        const size_t word = strlen(WORDS[i]);
        if (strncmp(line, WORDS[i], word) != 0 || line[word] != ' ')
            continue;
        line += word + strspn(line + word, " ");
        *state = (kt_checked_t)i;
        snprintf(text, KT_CHECKED_TEXT, "%.*s", (int)strcspn(line, "\n"), line);
        return true;
    }
    return false;
}

bool
kt_checked_has_room(const char *path, const char *shown, char text[KT_CHECKED_TEXT])
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s: %s", path, strerror(errno));
        return false;
    }
    const double free_gib = (double)disk.f_bavail * (double)disk.f_frsize / GIB;
    snprintf(text, KT_CHECKED_TEXT, "%.300s, %.1f GiB free%s", shown, free_gib,
             free_gib < LEAST_FREE_GIB ? ": the ledger needs room, free some" : "");
    return free_gib >= LEAST_FREE_GIB;
}
