// The schema of the SQLite ledger. States and ranks are stored as numbers (kt_job_state_t; rank 0 is the highest
// priority); `kithara jobs` has their names. Two design notes:
//
// - bodies and results stand apart from jobs, because a job's row is rewritten at every change of state and ought to be
//   small; results are appended in the order in which they come and never changed.
// - queued and claimed jobs have partial indexes, so that a claim costs the same with ten rows as with ten million done
//   ones. Counts are one row (totals) and one a day, written once a transaction: nothing ever counts the table but the
//   audit.
#include "coordinator/ledger/sqlite/sqlite.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { SCHEMA_VERSION = 2 };

static const char SCHEMA[] =
    "CREATE TABLE meta(schema_version INTEGER NOT NULL, next_epoch INTEGER NOT NULL) STRICT;"
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, rank INTEGER NOT NULL,"
    " run INTEGER NOT NULL DEFAULT 1, epoch INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,"
    " crashes INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL, claimed_ms INTEGER NOT NULL DEFAULT 0,"
    " ended_ms INTEGER NOT NULL DEFAULT 0, retained INTEGER NOT NULL DEFAULT 0,"
    " declared_bytes INTEGER NOT NULL, declared_duration_s REAL NOT NULL, message_id TEXT NOT NULL,"
    " media_id TEXT NOT NULL, body_digest BLOB, file_path TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX jobs_message ON jobs(message_id);"
    "CREATE INDEX jobs_claimable ON jobs(rank) WHERE state = 0;"
    "CREATE INDEX jobs_claimed ON jobs(epoch) WHERE state = 1;"
    "CREATE INDEX jobs_unhappy ON jobs(state) WHERE state >= 3;"
    "CREATE INDEX jobs_ended ON jobs(ended_ms) WHERE state >= 2 AND retained = 0;"
    "CREATE TABLE bodies(job INTEGER PRIMARY KEY REFERENCES jobs(id), body TEXT NOT NULL) STRICT;"
    "CREATE TABLE results(job INTEGER NOT NULL REFERENCES jobs(id), run INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " err INTEGER NOT NULL, processing_us INTEGER NOT NULL, stored_ms INTEGER NOT NULL, detail TEXT NOT NULL,"
    " node TEXT NOT NULL, stages TEXT NOT NULL, content_digest BLOB, document_digest BLOB NOT NULL,"
    " document TEXT NOT NULL, published INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX results_once ON results(job, run);"
    "CREATE TABLE attempts(job INTEGER NOT NULL REFERENCES jobs(id), run INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " err INTEGER NOT NULL, crash INTEGER NOT NULL, at_ms INTEGER NOT NULL, node TEXT NOT NULL,"
    " PRIMARY KEY(job, run, attempt)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE leases(coordinator TEXT PRIMARY KEY, epoch INTEGER NOT NULL UNIQUE, expires_ms INTEGER NOT NULL)"
    " STRICT;"
    "CREATE TABLE node_marks(name TEXT PRIMARY KEY, drained INTEGER NOT NULL) STRICT;"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, job INTEGER NOT NULL DEFAULT 0,"
    " run INTEGER NOT NULL DEFAULT 0, err INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " confirmed_ms INTEGER NOT NULL DEFAULT 0, message_id TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',"
    " bytes BLOB) STRICT;"
    "CREATE INDEX outbox_waiting ON outbox(epoch, id) WHERE confirmed_ms = 0;"
    "CREATE UNIQUE INDEX outbox_once ON outbox(job, run) WHERE kind = 0;"
    "CREATE TABLE totals(queued INTEGER NOT NULL, claimed INTEGER NOT NULL, done INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, retried INTEGER NOT NULL, processing_us INTEGER NOT NULL,"
    " outbox_waiting INTEGER NOT NULL) STRICT;"
    "CREATE TABLE days(day INTEGER PRIMARY KEY, done INTEGER NOT NULL) STRICT;"
    "INSERT INTO totals VALUES (0, 0, 0, 0, 0, 0, 0, 0);";

// One number that a statement gives; KT_EAGAIN without a row.
static kt_err_t
ask_number(kt_sqlite_t *self, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int           rc   = sqlite3_prepare_v2(self->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    kt_err_t err = rc == SQLITE_DONE ? KT_EAGAIN : kt_sqlite_err(self, rc);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return err;
}

static kt_err_t
tell_unreadable(const kt_sqlite_t *self, kt_err_t err, char why[KT_LEDGER_WHY])
{
    if (err == KT_ESTATE)
        snprintf(why, KT_LEDGER_WHY,
                 "'%.200s' is damaged or no SQLite file (%.80s): restore it from a copy, or move it away", self->path,
                 sqlite3_errmsg(self->db));
    else
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' cannot be read (%s: %.80s): look at the disk and its rights",
                 self->path, kt_err_text(err), sqlite3_errmsg(self->db));
    return err;
}

static kt_err_t
tell_version(const kt_sqlite_t *self, int64_t version, char why[KT_LEDGER_WHY])
{
    snprintf(why, KT_LEDGER_WHY,
             "the ledger '%.200s' has schema %" PRId64 ", this program has %d: use %s program, or another DATABASE_URL",
             self->path, version, SCHEMA_VERSION, version > SCHEMA_VERSION ? "the newer" : "an older");
    return KT_ESCHEMA;
}

static kt_err_t
check_version(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    int64_t  version = 0;
    kt_err_t err     = ask_number(self, "SELECT schema_version FROM meta", &version);
    if (err && err != KT_EAGAIN)
        return tell_unreadable(self, err, why);
    return version == SCHEMA_VERSION ? KT_OK : tell_version(self, version, why);
}

// Durability for a power cut (synchronous=FULL), a write-ahead log so that readers never stop the writer. The log is
// copied back each 32 MiB (4096 pages; four times as many were no faster) and is cut to 64 when a long reading, such as
// an audit, has made it grow.
static const char WRITER_PRAGMAS[] =
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4096;"
    "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;";

static kt_err_t
set_wal(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    int64_t  logs;  // "wal" is no number; what counts is read back below
    kt_err_t err = ask_number(self, "PRAGMA journal_mode = WAL", &logs);
    int64_t  is  = 0;
    if (!err)
        err = ask_number(self, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is);
    if (err)
        return tell_unreadable(self, err, why);
    if (is)
        return KT_OK;
    snprintf(why, KT_LEDGER_WHY,
             "the ledger '%.200s' lies on a file system without shared memory (a network one?): put it on a local disk",
             self->path);
    return KT_EIO;
}

static kt_err_t
make(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    char version[128];
    snprintf(version, sizeof version, "INSERT INTO meta VALUES (%d, 1)", SCHEMA_VERSION);
    kt_err_t err = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_exec(self, SCHEMA);
    if (!err)
        err = kt_sqlite_exec(self, version);
    err = kt_sqlite_end(self, err);
    return err ? tell_unreadable(self, err, why) : KT_OK;
}

kt_err_t
kt_sqlite_schema(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    int64_t  tables = 0, ours = 0;
    kt_err_t err = ask_number(self, "SELECT count(*), 0 FROM sqlite_schema", &tables);
    if (!err)
        err = ask_number(self, "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'jobs')", &ours);
    if (err)
        return tell_unreadable(self, err, why);
    if (tables && ours != 2) {
        snprintf(why, KT_LEDGER_WHY, "'%.200s' is a database of another program: name another file in DATABASE_URL",
                 self->path);
        return KT_ESCHEMA;
    }
    if (tables && (err = check_version(self, why)))
        return err;
    if (!self->writer && !tables) {
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' is empty: start a coordinator on it first", self->path);
        return KT_ENOTFOUND;
    }
    if (!self->writer)
        return KT_OK;
    if (!tables && (err = kt_sqlite_exec(self, "PRAGMA page_size = 8192")))
        return tell_unreadable(self, err, why);
    if ((err = set_wal(self, why)))
        return err;
    if ((err = kt_sqlite_exec(self, WRITER_PRAGMAS)))
        return tell_unreadable(self, err, why);
    if (!tables && (err = make(self, why)))
        return err;
    return (err = kt_sqlite_backfill_schema(self)) ? tell_unreadable(self, err, why) : KT_OK;
}

int64_t
kt_sqlite_schema_number(void)
{
    return SCHEMA_VERSION;
}
