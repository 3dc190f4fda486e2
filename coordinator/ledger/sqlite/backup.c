// A copy of a ledger while its coordinator works: SQLite's online backup reads one snapshot and stops no writer.
#include "common/file.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
copy_all(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int             rc     = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to);
    int             ended  = backup ? sqlite3_backup_finish(backup) : rc;
    return rc == SQLITE_DONE ? ended : rc;
}

kt_err_t
kt_ledger_sqlite_backup(kt_ledger_t *ledger, const char *file, char why[KT_LEDGER_WHY])
{
    kt_sqlite_t *self = (kt_sqlite_t *)ledger;
    sqlite3     *copy = NULL;
    char         part[KT_JOB_PATH];
    if (snprintf(part, sizeof part, "%s.part", file) >= (int)sizeof part) {
        snprintf(why, KT_LEDGER_WHY, "the name is too long");
        return KT_EINVAL;
    }
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        kt_err_t err = kt_file_write_err_of_errno();
        snprintf(why, KT_LEDGER_WHY, "'%.300s' cannot be created: %s", part, strerror(errno));
        return err;
    }
    if (access(file, F_OK) == 0) {
        snprintf(why, KT_LEDGER_WHY, "'%.300s' exists: name another file", file);
        close(fd);
        unlink(part);
        return KT_EIO;
    }
    int rc = sqlite3_open_v2(part, &copy, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = copy_all(self->db, copy);
    // One file, without a log beside it, of a generation that no ledger at work has (watch.c).
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 0", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        snprintf(why, KT_LEDGER_WHY, "SQLite: %.300s", sqlite3_errmsg(copy));
    int      closed = sqlite3_close(copy);
    kt_err_t err    = rc == SQLITE_OK && closed == SQLITE_OK ? KT_OK : (rc & 0xff) == SQLITE_FULL ? KT_EDISK : KT_EIO;
    if (!err && (fsync(fd) || link(part, file))) {
        err = kt_file_write_err_of_errno();
        snprintf(why, KT_LEDGER_WHY, "'%.300s' cannot be written", file);
    }
    close(fd);
    unlink(part);
    return err;
}
