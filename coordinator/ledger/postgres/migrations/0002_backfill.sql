-- Backfills: big sets of files as one object. States are those of kt_backfill_state_t (0 spooling, 1 running, 2 paused,
-- 3 done, 4 cancelled, 5 broken), kinds 0 folder, 1 list; times are Unix milliseconds.
--
-- backfill_paths is appended once and never changed; a path that is fed has the job 'backfill-<backfill>-<row>'. Items are
-- the jobs that have not succeeded: a few thousand that are open, and those that failed or were cancelled.

CREATE SEQUENCE backfill_ids;

CREATE TABLE backfills(
    id bigint NOT NULL PRIMARY KEY DEFAULT nextval('backfill_ids'),
    owner bigint NOT NULL DEFAULT 0,    -- the epoch that works on it
    changes bigint NOT NULL DEFAULT 0,  -- a writer expects the number that it has read
    name text NOT NULL,
    token text NOT NULL UNIQUE,
    source text NOT NULL,
    version text NOT NULL,  -- of the analysis
    cursor text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    kind bigint NOT NULL DEFAULT 0,
    state bigint NOT NULL DEFAULT 0,
    flags bigint NOT NULL DEFAULT 0,
    options bigint NOT NULL DEFAULT 0,
    priority bigint NOT NULL DEFAULT 0,
    chunks bigint NOT NULL DEFAULT 0,
    chunk bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    listed_all bigint NOT NULL DEFAULT 0,
    listed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    left_out bigint NOT NULL DEFAULT 0,
    unreadable bigint NOT NULL DEFAULT 0,
    fed_row bigint NOT NULL DEFAULT 0,
    fed bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    created_ms bigint NOT NULL DEFAULT 0,
    ended_ms bigint NOT NULL DEFAULT 0,
    rate_ms_0 bigint NOT NULL DEFAULT 0,
    rate_n_0 bigint NOT NULL DEFAULT 0,
    rate_ms_1 bigint NOT NULL DEFAULT 0,
    rate_n_1 bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 30, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- A list on its way in: chunks of paths, gone when they are listed.
CREATE TABLE backfill_chunks(
    backfill bigint NOT NULL,
    chunk bigint NOT NULL,
    bytes bytea NOT NULL
);
CREATE UNIQUE INDEX backfill_chunks_once ON backfill_chunks(backfill, chunk);

CREATE TABLE backfill_paths(
    backfill bigint NOT NULL,
    row bigint NOT NULL,
    bytes bigint NOT NULL,     -- 0: not known
    mtime_ns bigint NOT NULL,  -- 0: not known
    job bigint NOT NULL,       -- an earlier success that stands for it; 0: none
    err integer NOT NULL,      -- why it can be no job; 0: it can
    path text NOT NULL,
    path_key bytea,            -- the first 16 bytes of SHA-256 of the path, where a path may come twice
    PRIMARY KEY (backfill, row)
);
CREATE UNIQUE INDEX backfill_paths_once ON backfill_paths(backfill, path_key) WHERE path_key IS NOT NULL;
CREATE INDEX backfill_paths_refused ON backfill_paths(backfill, row) WHERE err <> 0;

CREATE TABLE backfill_items(
    backfill bigint NOT NULL,
    state smallint NOT NULL,  -- 0 open, 1 failed, 2 cancelled
    row bigint NOT NULL,
    job bigint NOT NULL,
    PRIMARY KEY (backfill, state, row)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 1);

-- The last success of each file: by it a backfill skips what is unchanged.
CREATE TABLE files(
    path_key bytea NOT NULL PRIMARY KEY,
    bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    options bigint NOT NULL,
    job bigint NOT NULL,
    version text NOT NULL,
    path text NOT NULL,
    content_digest bytea
);
CREATE INDEX files_content ON files(content_digest) WHERE content_digest IS NOT NULL;
