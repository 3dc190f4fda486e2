#include "coordinator/access/check.h"

#include "common/curve.h"
#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SECRET[] = ".secret";

// The folder itself, or what is nearest above it. False: that is no folder.
static bool
find_nearest(char path[PATH_MAX])
{
    struct stat facts;
    int         failed;
    while ((failed = stat(path, &facts)) != 0 && strrchr(path, '/') > path)
        *strrchr(path, '/') = '\0';
    return failed || S_ISDIR(facts.st_mode);
}

kt_checked_t
kt_access_check_state(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    char folder[PATH_MAX], nearest[PATH_MAX];
    if (!kt_settings_state_dir(settings, folder, sizeof folder)) {
        snprintf(text, KT_CHECKED_TEXT, "the name of the state folder is too long: set ANALYZER_STATE_DIR");
        return KT_CHECKED_WRONG;
    }
    snprintf(nearest, sizeof nearest, "%s", folder);
    if (!find_nearest(nearest)) {
        snprintf(text, KT_CHECKED_TEXT,
                 "%.300s is a file, and the state folder has to be there: move the file away, or set "
                 "ANALYZER_STATE_DIR to a folder",
                 nearest);
        return KT_CHECKED_WRONG;
    }
    if (access(nearest, W_OK | X_OK) != 0) {
        snprintf(text, KT_CHECKED_TEXT,
                 "%.300s: %s: give it to this user, or set ANALYZER_STATE_DIR to a folder of its own", nearest,
                 strerror(errno));
        return KT_CHECKED_WRONG;
    }
    return kt_checked_has_room(nearest, folder, text);
}

// A file that only its owner may read: 0 it is good, 1 it is not there, -1 it cannot be used, with a text.
static int
check_secret(const char *path, char text[KT_CHECKED_TEXT])
{
    struct stat  facts;
    const size_t length = strlen(path), suffix = strlen(SECRET);
    kt_curve_t   pair;
    if (stat(path, &facts) != 0)
        return 1;
    const char *risk = kt_file_risk(path, &facts, true);
    if (risk) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s has mode %03o: %s", path, (unsigned)facts.st_mode & 0777, risk);
        return -1;
    }
    if (facts.st_size == 0) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s is empty: restore it, or remove it and a new one is made", path);
        return -1;
    }
    if (access(path, R_OK) != 0) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s cannot be read by this user", path);
        return -1;
    }
    if (length > suffix && strcmp(path + length - suffix, SECRET) == 0 && kt_curve_read_secret(path, &pair)) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s is damaged: restore it, or remove it and a new one is made", path);
        return -1;
    }
    return 0;
}

kt_checked_t
kt_access_check_keys(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    char   state[PATH_MAX / 2], folder[PATH_MAX - 300], path[PATH_MAX];
    size_t secrets = 0;
    if (!kt_settings_state_dir(settings, state, sizeof state))
        return KT_CHECKED_WRONG;
    snprintf(path, sizeof path, "%s/http.token", state);
    if (check_secret(path, text) < 0)
        return KT_CHECKED_WRONG;
    snprintf(folder, sizeof folder, "%s/keys", state);
    DIR *keys = opendir(folder);
    if (!keys) {
        const bool none = errno == ENOENT;
        snprintf(text, KT_CHECKED_TEXT, none ? "none yet: they are made at the first start (%.300s)" : "%.300s: %s",
                 folder, strerror(errno));
        return none;
    }
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(keys));) {
        const size_t length = strlen(entry->d_name);
        if (length <= strlen(SECRET) || strcmp(entry->d_name + length - strlen(SECRET), SECRET) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        good = check_secret(path, text) == 0;
        secrets++;
    }
    closedir(keys);
    struct stat facts;
    snprintf(path, sizeof path, "%s/allowed", folder);
    const char *risk = good && stat(path, &facts) == 0 ? kt_file_risk(path, &facts, false) : NULL;
    if (risk) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s: %s", path, risk);
        return KT_CHECKED_WRONG;
    }
    const char *name = NULL;
    if (good && kt_settings_are_open(settings, &name)) {
        snprintf(text, KT_CHECKED_TEXT, "%.300s has %s, and other users can read it: chmod 600", settings->config,
                 name);
        return KT_CHECKED_WARN;
    }
    if (good)
        snprintf(text, KT_CHECKED_TEXT, "%zu secret key%s, for this user only (%.300s)", secrets,
                 secrets == 1 ? "" : "s", folder);
    return good;
}
