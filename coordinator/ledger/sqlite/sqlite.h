// ledger_sqlite -- the SQLite driver of the ledger's SQL seam (sql/sql.h). Private to sqlite/, open/ and to tests that
// break a ledger on purpose. One thread at a time.
#pragma once

#include "coordinator/ledger/migration.h"
#include "coordinator/ledger/sql/sql.h"

typedef struct sqlite3      sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

enum { KT_SQLITE_HEADER = 100 };
enum { KT_SQLITE_THEN = 2 };  // statements that follow one at most

// Rows of one statement: cells in `cells`, row by row.
typedef struct kt_sqlite_answer {
    size_t first, rows;
    int    columns;
} kt_sqlite_answer_t;

typedef struct kt_sqlite {
    kt_sql_t           sql;
    sqlite3           *db;
    sqlite3_stmt      *stmts[KT_SQL_COUNT], *then[KT_SQL_COUNT][KT_SQLITE_THEN];
    kt_sqlite_answer_t answers[KT_SQL_ANSWERS];
    kt_buf_t           cells, cell_bytes;  // of all answers of a pipeline
    int                lock_fd;            // -1 without
    struct {
        int      fd;                               // of the file, -1 without
        uint64_t device, inode, log_inode, bytes;  // bytes: with the header
        char     name[KT_JOB_PATH];                // as it was given, links and all
        uint8_t  header[KT_SQLITE_HEADER];         // as this process wrote it last
        uint32_t generation;
        bool     replaced;  // every call fails with KT_ESTATE
        bool     written;   // and its bytes are others'
    } watch;
    char  *features_put;       // the text of FEATURES_PUT; NULL for a reader
    size_t migrated;           // migrations that opening it applied
    char   path[KT_JOB_PATH];  // for messages
} kt_sqlite_t;

extern const kt_sql_driver_t KT_SQLITE_DRIVER;
// The functions that the shared texts need and SQLite lacks. KT_ENOMEM.
kt_err_t kt_sqlite_functions(kt_sqlite_t *self);
// KT_EDISK, KT_EIO (also a busy file), KT_ESTATE (damaged), KT_ENOMEM, KT_EBADDATA; SQLite's message goes to the log.
kt_err_t kt_sqlite_err(kt_sqlite_t *self, int rc);
kt_err_t kt_sqlite_exec(kt_sqlite_t *self, const char *sql);  // any number of statements, rows dropped

// schema.c: checks the migrations, for the writer applies what is missing. KT_ESCHEMA, KT_ESTATE, KT_EIO, KT_ENOTFOUND.
kt_err_t kt_sqlite_schema(kt_sqlite_t *self, char why[KT_LEDGER_WHY]);
// The migrations of this program and of the ledger; NULL: no ledger yet. *rows: malloc'ed, the caller's.
kt_err_t kt_ledger_sqlite_status(kt_ledger_t *ledger, kt_migration_row_t **rows, size_t *n);

// lock.c: the lock file beside the ledger's. KT_ELOCKED, KT_EIO.
kt_err_t kt_sqlite_lock(kt_sqlite_t *self, char why[KT_LEDGER_WHY]);
void     kt_sqlite_unlock(kt_sqlite_t *self);
// The one name of a ledger however it was written, its folder made if `make`. KT_ENOTFOUND, KT_EIO.
kt_err_t kt_sqlite_resolve(const char *path, bool make, char out[KT_JOB_PATH], char why[KT_LEDGER_WHY]);

// watch.c, of the writer: notes which file was opened. KT_EIO, KT_ENOMEM.
kt_err_t kt_sqlite_watch(kt_sqlite_t *self, const char *name);
// Within a writing call: KT_ESTATE, logged, if the file was moved or replaced; else its next generation.
kt_err_t kt_sqlite_watch_check(kt_sqlite_t *self);
void     kt_sqlite_watch_abandon(kt_sqlite_t *self);  // before the close of a file that was replaced

// backup.c: a copy of the ledger as a new file, complete or not there. KT_EIO, KT_EDISK, KT_EINVAL, with a sentence.
kt_err_t kt_ledger_sqlite_backup(kt_ledger_t *ledger, const char *file, char why[KT_LEDGER_WHY]);
