-- The ledger. Tables and columns are those of PostgreSQL's (postgres/migrations). States are those of kt_job_state_t (0
-- queued, 1 claimed, 2 done, 3 failed, 4 cancelled), ranks those of kt_rule_rank (0 high, 1 normal, 2 low); times are
-- Unix milliseconds.
--
-- What comes in (inputs) is written once and read once; what changes (jobs) is a narrow row apart from it. Results are
-- appended. Queued and claimed jobs have partial indexes, so that a claim costs the same with ten rows as with ten
-- million done ones.

CREATE TABLE epochs(next INTEGER NOT NULL) STRICT;
INSERT INTO epochs VALUES (1);

CREATE TABLE inputs(
    job INTEGER PRIMARY KEY,
    declared_bytes INTEGER NOT NULL,
    declared_duration_s REAL NOT NULL,
    created_ms INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    media_id TEXT NOT NULL,
    file_path TEXT NOT NULL,
    body_digest BLOB,
    body TEXT NOT NULL  -- the message, byte for byte; '' after its time of retention
) STRICT;
CREATE UNIQUE INDEX inputs_message ON inputs(message_id);

CREATE TABLE jobs(
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL DEFAULT 1,
    epoch INTEGER NOT NULL DEFAULT 0,  -- of the lease under which it is claimed, else 0
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL DEFAULT 0,  -- when it was claimed, or ended
    attempts INTEGER NOT NULL DEFAULT 0,  -- of this run
    crashes INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL DEFAULT 0,
    rank INTEGER NOT NULL,
    retained INTEGER NOT NULL DEFAULT 0  -- body and documents are gone
) STRICT;
CREATE INDEX jobs_claimable ON jobs(rank, id) WHERE state = 0;
CREATE INDEX jobs_claimed ON jobs(epoch) WHERE state = 1;
CREATE INDEX jobs_unhappy ON jobs(state, id) WHERE state >= 3;
CREATE INDEX jobs_ended ON jobs(changed_ms) WHERE state >= 2 AND retained = 0;

CREATE TABLE results(
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    processing_us INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    err INTEGER NOT NULL,
    published INTEGER NOT NULL,  -- was stored with a row in the outbox
    detail TEXT NOT NULL,
    node TEXT NOT NULL,
    stages TEXT NOT NULL,
    content_digest BLOB,
    document_digest BLOB NOT NULL,  -- '' after the time of retention
    document TEXT NOT NULL          -- byte for byte; '' after the time of retention
) STRICT;
CREATE UNIQUE INDEX results_once ON results(job, run);

CREATE TABLE attempts(
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    err INTEGER NOT NULL,
    crash INTEGER NOT NULL,
    node TEXT NOT NULL,
    PRIMARY KEY (job, run, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases(
    coordinator TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL UNIQUE,
    renewed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE node_marks(
    name TEXT NOT NULL PRIMARY KEY,
    drained INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox(
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    job INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    confirmed_ms INTEGER NOT NULL DEFAULT 0,
    kind INTEGER NOT NULL,  -- 0 result, 1 reply, 2 dead letter
    err INTEGER NOT NULL,
    message_id TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    bytes BLOB  -- of dead letters and replies, until they are confirmed
) STRICT;
CREATE UNIQUE INDEX outbox_waiting ON outbox(epoch, id) WHERE confirmed_ms = 0;
CREATE UNIQUE INDEX outbox_once ON outbox(job, run) WHERE kind = 0;

-- The counts are the sums over the rows. One writer: one row.
CREATE TABLE counters(
    coordinator TEXT NOT NULL PRIMARY KEY,
    queued INTEGER NOT NULL DEFAULT 0,
    claimed INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    retried INTEGER NOT NULL DEFAULT 0,
    processing_us INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0  -- in the outbox
) STRICT;
INSERT INTO counters(coordinator) VALUES ('');

CREATE TABLE days(
    day INTEGER NOT NULL,
    coordinator TEXT NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (day, coordinator)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER epochs_new AFTER INSERT ON leases BEGIN
    UPDATE epochs SET next = next + 1;
END;
CREATE TRIGGER epochs_again AFTER UPDATE OF epoch ON leases WHEN new.epoch <> old.epoch BEGIN
    UPDATE epochs SET next = next + 1;
END;
CREATE TRIGGER jobs_retain AFTER UPDATE OF retained ON jobs WHEN new.retained <> old.retained BEGIN
    UPDATE inputs SET body = '' WHERE job = new.id;
    UPDATE results SET document = '', document_digest = x'' WHERE job = new.id;
END;
CREATE TRIGGER attempts_count AFTER INSERT ON attempts BEGIN
    UPDATE jobs SET attempts = attempts + 1, crashes = crashes + new.crash WHERE id = new.job;
END;
