// Whether the name still leads to the file that was opened, with the content that this process wrote. A file that is
// moved or deleted, or a link that leads elsewhere, has another device and inode, or none. A backup that is copied over
// the file keeps them, but not the header: only this process copies the write-ahead log back, and notes the header each
// time; each renewal of the lease writes another generation (user_version) into the first page, so that no backup of
// before has the noted header, or, restored by SQLite itself, the generation; copies of `kithara db backup` have none.
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMATS_AT = 18, FORMAT_WAL = 2 };
enum { COPY_BACK_PAGES = 4096, GENERATION_AT = 60, GENERATION_MOST = INT32_MAX - 1 };

static uint32_t
generation_of(const uint8_t header[KT_SQLITE_HEADER])
{
    const uint8_t *at = header + GENERATION_AT;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool
read_header(const kt_sqlite_t *self, uint8_t out[KT_SQLITE_HEADER])
{
    return pread(self->watch.fd, out, KT_SQLITE_HEADER, 0) == KT_SQLITE_HEADER;
}

static void
note_content(kt_sqlite_t *self, const uint8_t header[KT_SQLITE_HEADER])
{
    struct stat facts;
    memcpy(self->watch.header, header, KT_SQLITE_HEADER);
    self->watch.bytes = fstat(self->watch.fd, &facts) ? 0 : (uint64_t)facts.st_size;
}

// The log is copied back each 32 MiB (four times as many pages were no faster).
static int
copy_back(void *context, sqlite3 *db, const char *name, int pages)
{
    kt_sqlite_t *self = context;
    uint8_t      header[KT_SQLITE_HEADER];
    if (pages < COPY_BACK_PAGES)
        return SQLITE_OK;
    (void)sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (read_header(self, header))
        note_content(self, header);
    return SQLITE_OK;
}

static int
keep_generation(void *context, int columns, char **values, char **names)
{
    (void)columns, (void)names;
    return !(values[0] && sscanf(values[0], "%u", (unsigned *)context) == 1);
}

// As this connection sees it, within a transaction too.
static kt_err_t
read_generation(kt_sqlite_t *self, uint32_t *out)
{
    return kt_sqlite_err(self, sqlite3_exec(self->db, "PRAGMA user_version", keep_generation, out, NULL));
}

// The descriptor is opened once and closed after SQLite's own: closing any descriptor of the file ends the process's
// locks on it.
kt_err_t
kt_sqlite_watch(kt_sqlite_t *self, const char *name)
{
    struct stat facts;
    uint8_t     header[KT_SQLITE_HEADER];
    kt_err_t    err = read_generation(self, &self->watch.generation);
    if (err)
        return err;
    self->watch.fd = open(self->path, O_RDONLY | O_CLOEXEC);
    if (self->watch.fd < 0 || fstat(self->watch.fd, &facts) || !read_header(self, header))
        return KT_EIO;
    (void)kt_text_copy(self->watch.name, sizeof self->watch.name, name);  // it fits: it was resolved
    note_content(self, header);
    self->watch.device = facts.st_dev;
    self->watch.inode  = facts.st_ino;
    sqlite3_wal_hook(self->db, copy_back, self);
    return KT_OK;
}

// The log's inode; 0: there is none.
static uint64_t
log_inode(const kt_sqlite_t *self)
{
    char        path[KT_JOB_PATH + 16];
    struct stat facts;
    snprintf(path, sizeof path, "%s-wal", self->path);
    return stat(path, &facts) ? 0 : facts.st_ino;
}

static bool
is_watched(const kt_sqlite_t *self, const char *path, struct stat *facts)
{
    return !stat(path, facts) && facts->st_dev == self->watch.device && facts->st_ino == self->watch.inode;
}

// The bytes of the file itself, beside the log.
static const char *
find_written(kt_sqlite_t *self, uint64_t bytes)
{
    uint8_t header[KT_SQLITE_HEADER];
    if (!read_header(self, header))
        return "the file was cut";
    if (memcmp(header, self->watch.header, sizeof header) == 0)
        return bytes < self->watch.bytes ? "the file was cut" : NULL;
    // A shell that wrote may have copied the log back, with the generation of now. `kithara db backup` writes copies of
    // another format, so that one of now is known, too.
    uint32_t generation = generation_of(header);
    bool     wal        = header[FORMATS_AT] == FORMAT_WAL && header[FORMATS_AT + 1] == FORMAT_WAL;
    if (!wal || (generation != self->watch.generation && generation + 1 != self->watch.generation))
        return "a copy was written over it";
    note_content(self, header);
    return NULL;
}

static const char *
find_fault(kt_sqlite_t *self, uint32_t generation)
{
    struct stat facts;
    if (!is_watched(self, self->watch.name, &facts))
        return stat(self->watch.name, &facts) ? "the file is gone" : "another file is in its place";
    const char *fault   = find_written(self, (uint64_t)facts.st_size);
    self->watch.written = fault != NULL;
    if (fault)
        return fault;
    if (self->watch.log_inode && log_inode(self) != self->watch.log_inode)
        return "its write-ahead log is gone";
    return generation == self->watch.generation ? NULL : "another state was restored into it";
}

kt_err_t
kt_sqlite_watch_check(kt_sqlite_t *self)
{
    char     sql[64], path[512];
    uint32_t generation = 0;
    if (self->watch.fd < 0)
        return KT_OK;
    kt_err_t err = read_generation(self, &generation);
    if (err)
        return err;
    const char *fault = find_fault(self, generation);
    if (fault) {
        self->watch.replaced = true;
        snprintf(self->sql.why, sizeof self->sql.why, "%s", fault);
        kt_log_error(
            "LEDGER-REPLACED",
            "path=\"%s\" why=\"%s\" text=\"the ledger was moved or replaced while the coordinator runs: it stops. "
            "Use kithara db backup for copies\"",
            kt_log_quote(path, sizeof path, self->watch.name), fault);
        return KT_ESTATE;
    }
    self->watch.log_inode = log_inode(self);
    uint32_t next         = self->watch.generation < GENERATION_MOST ? self->watch.generation + 1 : 1;
    snprintf(sql, sizeof sql, "PRAGMA user_version = %u", next);
    err = kt_sqlite_exec(self, sql);
    if (!err)
        self->watch.generation = next;
    return err;
}

// What is in the log belongs to the file that was opened. If that was moved, or the log, it is copied back there; a
// copy that was written over it must not get it. The log is set aside, so that the next start does not put it into
// another file. Where file and log are in their place, because a link leads elsewhere now or a state was restored, they
// stay.
void
kt_sqlite_watch_abandon(kt_sqlite_t *self)
{
    static const char *const SUFFIXES[] = {"-wal", "-shm"};
    char                     from[KT_JOB_PATH + 16], to[KT_JOB_PATH + 64];
    struct stat              facts;
    const bool               log_is_there = log_inode(self) == self->watch.log_inode;
    if (!self->watch.written && log_is_there && is_watched(self, self->path, &facts))
        return;
    sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (!self->watch.written)
        (void)sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (!log_is_there)
        return;  // it was moved, too, and what is there belongs to another file
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(from, sizeof from, "%s%s", self->path, SUFFIXES[i]);
        snprintf(to, sizeof to, "%s%s.replaced-%lld", self->path, SUFFIXES[i], (long long)kt_clock_wall_ms());
        if (rename(from, to) == 0)
            kt_log_warn("LEDGER-LOG-KEPT", "file=\"%s\"", to);
    }
}
