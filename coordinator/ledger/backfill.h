// ledger_backfill -- a backfill is a big set of files as one object of the ledger: where its paths come from, which of
// them are listed, which were made into jobs (fed), and what became of these. All of it is rows, so that any
// coordinator continues where a crashed one stopped. Several coordinators: a backfill is worked on by the one whose
// epoch owns it (take); the calls with a lease do nothing under another (KT_EFENCED).
//
// Each listed path is a row with a number, 1, 2, ... in the order of listing. A path that is fed becomes the job
// "backfill-<id>-<number>", in the commit that moves the feed on: so feeding twice makes no second job. Open, failed
// and cancelled jobs are items; settle takes the finished ones out, counts them, and records the files of successes,
// by which a later backfill skips what is unchanged. Errors are those of ledger.h.
#pragma once

#include "common/media_names.h"
#include "coordinator/ledger/rows.h"

enum { KT_BACKFILL_NAME = 128, KT_BACKFILL_TOKEN = 80, KT_BACKFILL_DETAIL = 256, KT_BACKFILL_CHUNK = 1 << 20 };
enum {
    KT_BACKFILL_PAGE   = 1000,
    KT_BACKFILL_SPAN   = 5000,
    KT_BACKFILL_CURSOR = 3 * KT_JOB_PATH
};  // most rows of one call

typedef enum kt_backfill_state {
    KT_BACKFILL_SPOOLING,  // its list is still being sent
    KT_BACKFILL_RUNNING,
    KT_BACKFILL_PAUSED,     // nothing is listed or fed; what is open ends
    KT_BACKFILL_DONE,       // everything is listed and has an outcome
    KT_BACKFILL_CANCELLED,  // as PAUSED, and what is queued is cancelled
    KT_BACKFILL_BROKEN,     // its folder cannot be listed (detail); resume tries again
    KT_BACKFILL_STATES
} kt_backfill_state_t;

typedef enum kt_backfill_kind { KT_BACKFILL_FOLDER, KT_BACKFILL_LIST } kt_backfill_kind_t;

typedef enum kt_backfill_flag {
    KT_BACKFILL_ALL    = 1,  // also what is no media by its name
    KT_BACKFILL_FORCE  = 2,  // skips nothing
    KT_BACKFILL_DIGEST = 4,  // skips also by content
} kt_backfill_flag_t;

typedef struct kt_backfill {
    uint64_t            id;
    char                name[KT_BACKFILL_NAME], token[KT_BACKFILL_TOKEN];
    char                source[KT_JOB_PATH];  // the folder; of a list the file's name or "-"
    kt_backfill_kind_t  kind;
    kt_backfill_state_t state;
    uint32_t            flags, options;
    kt_priority_t       priority;
    char                version[16];                 // of analysis and models, for which it skips and records
    char                cursor[KT_BACKFILL_CURSOR];  // where listing goes on, ASCII (backfill_walk.h, backfill_list.h)
    uint64_t            chunks, chunk;               // of a list: how many there are, and the one that is being read
    uint64_t            pages;                       // of listing, so far
    bool                listed_all;
    uint64_t            listed, skipped, refused;  // rows; of these unchanged, and not usable
    uint64_t            repeated, left_out;        // no rows: paths given twice, no media by name
    kt_left_out_t       kinds;  // left_out by kind (a row of an earlier release has the sum alone), unreadable folders
    uint64_t            fed_row, fed, done, failed, cancelled;
    int64_t             created_ms, ended_ms;
    int64_t             rate_ms[2];  // two moments, some ten seconds apart, and how many had ended then: for the rate
    uint64_t            rate_n[2];
    char                detail[KT_BACKFILL_DETAIL];
} kt_backfill_t;

// A path of a page. path is borrowed, but malloc'ed and the caller's from `waiting`.
typedef struct kt_backfill_path {
    const char *path;
    uint64_t    row;
    int64_t     bytes, mtime_ns;  // 0: not known
    kt_err_t    err;              // not usable
    kt_digest_t digest;           // of the content; zero: not taken
    uint64_t    job;              // an earlier success that replaces it; 0: none
} kt_backfill_path_t;

typedef struct kt_backfill_page {
    uint64_t                  id, number;  // number: b.pages of before; a repeated page changes nothing
    const char               *cursor;
    uint64_t                  chunk;
    bool                      last, distinct;  // distinct: no path can have come before
    const kt_backfill_path_t *paths;
    size_t                    n;
    kt_left_out_t             left_out;
    const char               *trouble;  // not NULL: listing cannot go on, BROKEN with this detail
} kt_backfill_page_t;

typedef enum kt_backfill_verb {
    KT_BACKFILL_SEAL,
    KT_BACKFILL_PAUSE,
    KT_BACKFILL_RESUME,
    KT_BACKFILL_CANCEL,
    KT_BACKFILL_RETRY
} kt_backfill_verb_t;

typedef enum kt_backfill_outcome {
    KT_BACKFILL_WAITING,
    KT_BACKFILL_OPEN,
    KT_BACKFILL_SUCCESS,
    KT_BACKFILL_FAILURE,
    KT_BACKFILL_NONE,     // cancelled
    KT_BACKFILL_SKIPPED,  // the document is the earlier one
    KT_BACKFILL_REFUSED,
} kt_backfill_outcome_t;

typedef struct kt_backfill_result {
    uint64_t              row, job;
    kt_backfill_outcome_t outcome;
    kt_err_t              err;
    char                 *path, *document;  // malloc'ed, the caller's; no document: NULL
    size_t                document_bytes;
    bool                  damaged;  // what is stored is no JSON object: no document
    char                  detail[512];
} kt_backfill_result_t;

typedef struct kt_ledger kt_ledger_t;
typedef struct kt_backfill_ops {
    // A new one from wanted's name, token, source, kind, flags, options, priority, version; of a known token the one
    // that has it. A list begins SPOOLING, a folder RUNNING. When a list is sealed its token is free again.
    kt_err_t (*create)(kt_ledger_t *self, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out);
    kt_err_t (*find)(kt_ledger_t *self, uint64_t after, kt_backfill_t *out, size_t capacity, size_t *n);
    // Chunks come in order, each any number of times. KT_ENOTFOUND; KT_EINVAL: a gap, or no longer spooling; KT_ECLASH:
    // other bytes than before under this number.
    kt_err_t (*spool)(kt_ledger_t *self, uint64_t id, uint64_t chunk, const void *bytes, size_t length);
    // As kt_backfill_control (ledger_backfill_rules.h) decides. chunks: of SEAL, how many there must be. KT_ENOTFOUND,
    // KT_EINVAL, KT_EEMPTY.
    kt_err_t (*control)(kt_ledger_t *self, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms);
    // Failed jobs of rows past *after run again, at most want; *after: the last one examined; *n: how many run.
    kt_err_t (*retry)(kt_ledger_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n);
    // With outcomes past `after`, of all rows or of failures and refused ones; documents until max_bytes.
    kt_err_t (*results)(kt_ledger_t *self, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                        kt_backfill_result_t *out, size_t capacity, size_t *n);

    // The unfinished ones that this epoch owns; takes those without an owner; the oldest first.
    kt_err_t (*take)(kt_ledger_t *self, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n);
    kt_err_t (*chunk)(kt_ledger_t *self, uint64_t id, uint64_t chunk, char **bytes, size_t *length);  // malloc'ed
    // Fills job of those that had a success with b's options and version: by path, size and time, or by content digest.
    kt_err_t (*known)(kt_ledger_t *self, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n);
    kt_err_t (*list)(kt_ledger_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page);
    // The next rows to feed, of the KT_BACKFILL_SPAN past b.fed_row.
    kt_err_t (*waiting)(kt_ledger_t *self, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out, size_t *n);
    // Makes these rows jobs; up_to: fed_row afterwards. A repeated call changes nothing.
    kt_err_t (*feed)(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                     const kt_new_job_t *jobs, size_t n, uint64_t up_to);
    // At most want ended items leave; of a CANCELLED one queued jobs are cancelled. With nothing left it is DONE. *n:
    // how many left; *b: the row afterwards.
    kt_err_t (*settle)(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms, size_t *n,
                       kt_backfill_t *b);
} kt_backfill_ops_t;
