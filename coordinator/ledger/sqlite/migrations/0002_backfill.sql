-- Backfills: big sets of files as one object. States are those of kt_backfill_state_t (0 spooling, 1 running, 2 paused,
-- 3 done, 4 cancelled, 5 broken), kinds 0 folder, 1 list; times are Unix milliseconds.
--
-- backfill_paths is appended once and never changed; a path that is fed has the job 'backfill-<backfill>-<row>'. Items
-- are the jobs that have not succeeded: those that are open, and those that failed or were cancelled.

CREATE TABLE backfills(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL DEFAULT 0,    -- the epoch that works on it
    changes INTEGER NOT NULL DEFAULT 0,  -- a writer expects the number that it has read
    name TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    version TEXT NOT NULL,  -- of the analysis
    cursor TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    kind INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL DEFAULT 0,
    flags INTEGER NOT NULL DEFAULT 0,
    options INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0,
    chunk INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    listed_all INTEGER NOT NULL DEFAULT 0,
    listed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    repeated INTEGER NOT NULL DEFAULT 0,
    left_out INTEGER NOT NULL DEFAULT 0,
    unreadable INTEGER NOT NULL DEFAULT 0,
    fed_row INTEGER NOT NULL DEFAULT 0,
    fed INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL DEFAULT 0,
    ended_ms INTEGER NOT NULL DEFAULT 0,
    rate_ms_0 INTEGER NOT NULL DEFAULT 0,
    rate_n_0 INTEGER NOT NULL DEFAULT 0,
    rate_ms_1 INTEGER NOT NULL DEFAULT 0,
    rate_n_1 INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A list on its way in: chunks of paths, gone when they are listed.
CREATE TABLE backfill_chunks(
    backfill INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX backfill_chunks_once ON backfill_chunks(backfill, chunk);

CREATE TABLE backfill_paths(
    backfill INTEGER NOT NULL,
    row INTEGER NOT NULL,
    bytes INTEGER NOT NULL,     -- 0: not known
    mtime_ns INTEGER NOT NULL,  -- 0: not known
    job INTEGER NOT NULL,       -- an earlier success that stands for it; 0: none
    err INTEGER NOT NULL,       -- why it can be no job; 0: it can
    path TEXT NOT NULL,
    path_key BLOB,              -- the first 16 bytes of SHA-256 of the path, where a path may come twice
    PRIMARY KEY (backfill, row)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX backfill_paths_once ON backfill_paths(backfill, path_key) WHERE path_key IS NOT NULL;
CREATE INDEX backfill_paths_refused ON backfill_paths(backfill, row) WHERE err <> 0;

CREATE TABLE backfill_items(
    backfill INTEGER NOT NULL,
    state INTEGER NOT NULL,  -- 0 open, 1 failed, 2 cancelled
    row INTEGER NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (backfill, state, row)
) STRICT, WITHOUT ROWID;

-- The last success of each file: by it a backfill skips what is unchanged.
CREATE TABLE files(
    path_key BLOB NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    options INTEGER NOT NULL,
    job INTEGER NOT NULL,
    version TEXT NOT NULL,
    path TEXT NOT NULL,
    content_digest BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX files_content ON files(content_digest) WHERE content_digest IS NOT NULL;
