// What the machine itself has: folders, keys, decoder, clock, GPU.
#include "common/file.h"
#include "common/paths.h"
#include "coordinator/cli/local/doctor.h"
#include "node/decode/client.h"
#include "node/decode/walls.h"
#include "node/run/gpus.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const double GIB = 1024.0 * 1024 * 1024, LEAST_FREE_GIB = 1;
enum { EARLIEST_YEAR = 2024 };

// The folder itself, or the nearest one above it that exists.
static void
nearest_folder(char path[PATH_MAX])
{
    struct stat facts;
    while (stat(path, &facts) != 0 && strrchr(path, '/') > path)
        *strrchr(path, '/') = '\0';
}

kt_doctor_state_t
kt_doctor_state(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    char folder[PATH_MAX], nearest[PATH_MAX];
    if (!kt_settings_state_dir(cli->settings, folder, sizeof folder)) {
        snprintf(text, KT_DOCTOR_TEXT, "the name of the state folder is too long: set ANALYZER_STATE_DIR");
        return false;
    }
    snprintf(nearest, sizeof nearest, "%s", folder);
    nearest_folder(nearest);
    if (access(nearest, W_OK | X_OK) != 0) {
        snprintf(text, KT_DOCTOR_TEXT,
                 "%.300s: %s: give it to this user, or set ANALYZER_STATE_DIR to a folder of its own", nearest,
                 strerror(errno));
        return false;
    }
    return kt_doctor_has_room(nearest, folder, text);
}

bool
kt_doctor_has_room(const char *path, const char *shown, char text[KT_DOCTOR_TEXT])
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s: %s", path, strerror(errno));
        return false;
    }
    const double free_gib = (double)disk.f_bavail * (double)disk.f_frsize / GIB;
    snprintf(text, KT_DOCTOR_TEXT, "%.300s, %.1f GiB free%s", shown, free_gib,
             free_gib < LEAST_FREE_GIB ? ": the ledger needs room, free some" : "");
    return free_gib >= LEAST_FREE_GIB;
}

// A file that only its owner may read: 0 it is good, 1 it is not there, -1 it is open to others, with a text.
static int
check_secret(const char *path, char text[KT_DOCTOR_TEXT])
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return 1;
    if (!kt_file_is_private(facts.st_mode, facts.st_uid)) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s has mode %03o, so that others can read it: chmod 600", path,
                 (unsigned)facts.st_mode & 0777);
        return -1;
    }
    const char *risk = kt_file_risk(path, &facts, true);
    if (risk) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s: %s", path, risk);
        return -1;
    }
    if (facts.st_size == 0) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s is empty: restore it, or remove it and a new one is made", path);
        return -1;
    }
    if (access(path, R_OK) != 0) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s cannot be read by this user", path);
        return -1;
    }
    return 0;
}

kt_doctor_state_t
kt_doctor_keys(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    char   state[PATH_MAX / 2], folder[PATH_MAX - 300], path[PATH_MAX];
    size_t secrets = 0;
    if (!kt_settings_state_dir(cli->settings, state, sizeof state))
        return false;
    snprintf(path, sizeof path, "%s/http.token", state);
    if (check_secret(path, text) < 0)
        return false;
    snprintf(folder, sizeof folder, "%s/keys", state);
    DIR *keys = opendir(folder);
    if (!keys) {
        const bool none = errno == ENOENT;
        snprintf(text, KT_DOCTOR_TEXT,
                 none ? "none yet: they are made at the first start (%.300s)" : "%.300s cannot be read", folder);
        return none;
    }
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(keys));) {
        const size_t length = strlen(entry->d_name);
        if (length < 8 || strcmp(entry->d_name + length - 7, ".secret") != 0)
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
        snprintf(text, KT_DOCTOR_TEXT, "%.300s: %s", path, risk);
        return false;
    }
    const char *name = NULL;
    if (good && kt_settings_are_open(cli->settings, &name)) {
        snprintf(text, KT_DOCTOR_TEXT, "%.300s has %s, and other users can read it: chmod 600", cli->settings->config,
                 name);
        return KT_DOCTOR_WARN;
    }
    if (good)
        snprintf(text, KT_DOCTOR_TEXT, "%zu secret key%s, for this user only (%.300s)", secrets,
                 secrets == 1 ? "" : "s", folder);
    return good;
}

kt_doctor_state_t
kt_doctor_roots(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    char        root[KT_ROOT_BYTES], shown[KT_ROOT_BYTES];
    size_t      n  = 0;
    const char *at = cli->settings->media_roots;
    while (kt_roots_next(&at, root)) {
        DIR *folder = opendir(root);
        if (!folder) {
            snprintf(text, KT_DOCTOR_TEXT, "%.300s: %s: make it readable, or take it out of ANALYZER_MEDIA_ROOTS",
                     kt_path_show(root, shown, sizeof shown) ? shown : "a root", strerror(errno));
            return false;
        }
        closedir(folder);
        n++;
    }
    if (n == 0)
        snprintf(text, KT_DOCTOR_TEXT,
                 "none set: a node opens no file without ANALYZER_MEDIA_ROOTS; run and up set their own");
    else
        snprintf(text, KT_DOCTOR_TEXT, "%zu readable: %.400s", n, cli->settings->media_roots);
    return true;
}

kt_doctor_state_t
kt_doctor_decoder(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    (void)cli;
    kt_decode_server_t *server = NULL;
    char                missing[128];
    kt_err_t            err = kt_decode_server_new(&server, NULL);
    if (err) {
        snprintf(text, KT_DOCTOR_TEXT, "kithara-decode does not start: %s: it belongs beside this program",
                 kt_err_text(err));
        return false;
    }
    const uint32_t absent = KT_WALLS_ALL & ~kt_decode_server_walls(server);
    kt_decode_server_destroy(&server);
    kt_walls_print(absent, missing, sizeof missing);
    snprintf(text, KT_DOCTOR_TEXT,
             absent ? "starts, without these walls, which the kernel or container forbids: %s"
                    : "starts, behind all walls%s",
             missing);
    return !(absent & KT_WALL_CALLS);  // without the list of system calls nothing else holds
}

kt_doctor_state_t
kt_doctor_clock(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    (void)cli;
    struct timex state = {0};
    struct tm    parts;
    char         shown[64];
    const time_t now    = time(NULL);
    const int    synced = adjtimex(&state);
    const bool   year   = gmtime_r(&now, &parts) && parts.tm_year + 1900 >= EARLIEST_YEAR;
    strftime(shown, sizeof shown, "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(text, KT_DOCTOR_TEXT, "%s%s", shown,
             !year        ? ": set it, results carry its time"
             : synced < 0 ? ""
             : synced == TIME_ERROR || (state.status & STA_UNSYNC) != 0
                 ? ", not synchronised as far as the kernel knows"
                 : ", synchronised");
    return year;
}

// The GPU that a node uses, or why none. None is wrong only where --gpu asks for one.
kt_doctor_state_t
kt_doctor_gpu(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    kt_gpus_t     *gpus            = NULL;
    char           why[KT_GPU_WHY] = "", name[64];
    const kt_err_t err             = kt_gpus_of(cli->settings, &gpus, why);
    if (err)
        snprintf(text, KT_DOCTOR_TEXT, "none, %s computes: %s", kt_device_text(cli->settings, NULL, name),
                 *why ? why : kt_err_text(err));
    else
        snprintf(text, KT_DOCTOR_TEXT, "%s", kt_gpus_name(gpus, name, sizeof name));
    (void)kt_gpus_close(&gpus);
    return !err || !cli->gpu;
}
