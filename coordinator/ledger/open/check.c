#include "coordinator/ledger/open/check.h"

#include "coordinator/ledger/open/migrate.h"
#include "coordinator/ledger/open/open.h"
#include "coordinator/ledger/postgres/schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The file of a SQLite ledger, and the folder in which it lies.
static bool
sqlite_paths(const kt_settings_t *settings, char path[PATH_MAX], char folder[PATH_MAX])
{
    char        state[PATH_MAX / 2];
    const char *url = settings->database_url;
    if (strncmp(url, "sqlite:", 7) == 0)
        snprintf(path, PATH_MAX, "%s", url + 7);
    else if (!*url && kt_settings_state_dir(settings, state, sizeof state))
        snprintf(path, PATH_MAX, "%s/ledger.sqlite", state);
    else
        return false;
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return true;
}

static kt_checked_t
check_sqlite(const char *path, const char *folder, char text[KT_CHECKED_TEXT])
{
    const bool  there  = access(path, F_OK) == 0;
    const char *locked = there && access(path, R_OK | W_OK) != 0                    ? path
                         : access(folder, F_OK) == 0 && access(folder, W_OK | X_OK) ? folder
                                                                                    : NULL;
    if (locked) {
        snprintf(text, KT_CHECKED_TEXT, "SQLite, but %.400s cannot be written by this user: %s", locked,
                 strerror(errno));
        return KT_CHECKED_WRONG;
    }
    if (there)
        return KT_CHECKED_NONE;
    if (access(folder, F_OK) == 0 && !kt_checked_has_room(folder, folder, text))
        return KT_CHECKED_WRONG;
    snprintf(text, KT_CHECKED_TEXT, "SQLite, made at the first start in %.400s", folder);
    return KT_CHECKED_OK;
}

// The migrations of a ledger that is there.
static kt_checked_t
check_schema(const kt_settings_t *settings, size_t *n, char text[KT_CHECKED_TEXT])
{
    kt_migration_row_t *rows               = NULL;
    size_t              applied            = 0;
    char                why[KT_LEDGER_WHY] = "";
    kt_err_t            err                = kt_ledger_schema(settings, &rows, n, why);
    for (size_t i = 0; i < *n && !err; i++)
        applied += rows[i].state == KT_MIGRATION_APPLIED;
    free(rows);
    if (err == KT_EUNREACHABLE && *why)  // a server that answers with a wrong certificate is one too
        snprintf(text, KT_CHECKED_TEXT, "%.400s", why);
    else if (err)
        snprintf(text, KT_CHECKED_TEXT, "%s: %.400s", kt_err_text(err), *why ? why : kt_err_action(err));
    else if (applied < *n)
        snprintf(text, KT_CHECKED_TEXT,
                 "%zu of %zu migrations are applied as they are in this program: kithara db status, "
                 "kithara db migrate",
                 applied, *n);
    return !err && applied == *n;
}

kt_checked_t
kt_ledger_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    char         path[PATH_MAX], folder[PATH_MAX], why[KT_LEDGER_WHY] = "";
    size_t       n    = 0;
    kt_checked_t done = KT_CHECKED_NONE;
    if (strcmp(settings->database_url, "memory:") == 0) {
        snprintf(text, KT_CHECKED_TEXT, "in memory: everything is lost at the end");
        return KT_CHECKED_OK;
    }
    const bool sqlite = sqlite_paths(settings, path, folder);
    if (sqlite)
        done = check_sqlite(path, folder, text);
    if (done != KT_CHECKED_NONE || check_schema(settings, &n, text) == KT_CHECKED_WRONG)
        return done == KT_CHECKED_NONE ? KT_CHECKED_WRONG : done;
    if (sqlite && !kt_checked_has_room(path, path, text))
        return KT_CHECKED_WRONG;
    if (!sqlite && kt_ledger_postgres_rights(settings->database_url, why)) {
        snprintf(text, KT_CHECKED_TEXT, "%.500s", why);
        return KT_CHECKED_WRONG;
    }
    snprintf(text, KT_CHECKED_TEXT, "%s, schema current (%zu migrations)%s", sqlite ? "SQLite" : "PostgreSQL", n,
             sqlite ? "" : ", with the rights of a coordinator");
    return KT_CHECKED_OK;
}

kt_err_t
kt_ledger_clock(const kt_settings_t *settings, int64_t *wall_ms)
{
    char why[KT_LEDGER_WHY];
    return strncmp(settings->database_url, "postgres", 8) == 0
               ? kt_ledger_postgres_clock(settings->database_url, wall_ms, why)
               : KT_ENOTYET;
}
