-- The ledger. States are those of kt_job_state_t (0 queued, 1 claimed, 2 done, 3 failed, 4 cancelled), ranks those of
-- kt_rule_rank (0 high, 1 normal, 2 low); times are Unix milliseconds. SQLite's ledger has the same tables and columns
-- (sqlite/migrations), except lock_key.
--
-- What comes in (inputs) is written once and read once; what changes (jobs) is a narrow row apart from it, so that the
-- two changes that every job goes through never touch the index of message_ids. Results are appended. There are no
-- foreign keys: each would cost a look-up per row, and `kithara audit` checks them all.

CREATE SEQUENCE job_ids;
CREATE SEQUENCE outbox_ids;
CREATE SEQUENCE epochs;

CREATE TABLE inputs(
    job bigint NOT NULL DEFAULT nextval('job_ids'),
    declared_bytes bigint NOT NULL,
    declared_duration_s double precision NOT NULL,
    created_ms bigint NOT NULL,
    rank smallint NOT NULL,
    message_id text NOT NULL,
    media_id text NOT NULL,
    file_path text NOT NULL,
    body_digest bytea,
    body text NOT NULL,  -- the message, byte for byte; '' after its time of retention
    CONSTRAINT inputs_job PRIMARY KEY (job)
);
CREATE UNIQUE INDEX inputs_message ON inputs(message_id);

CREATE TABLE jobs(
    id bigint NOT NULL,
    run bigint NOT NULL DEFAULT 1,
    epoch bigint NOT NULL DEFAULT 0,  -- of the lease under which it is claimed, else 0
    created_ms bigint NOT NULL,
    changed_ms bigint NOT NULL DEFAULT 0,  -- when it was claimed, or ended
    attempts integer NOT NULL DEFAULT 0,  -- of this run
    crashes integer NOT NULL DEFAULT 0,
    state smallint NOT NULL DEFAULT 0,
    rank smallint NOT NULL,
    retained smallint NOT NULL DEFAULT 0,  -- body and documents are gone
    CONSTRAINT jobs_id PRIMARY KEY (id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);
CREATE INDEX jobs_claimable ON jobs(rank, id) WHERE state = 0;
CREATE INDEX jobs_claimed ON jobs(epoch) WHERE state = 1;
CREATE INDEX jobs_unhappy ON jobs(state, id) WHERE state >= 3;
CREATE INDEX jobs_ended ON jobs(changed_ms) WHERE state >= 2 AND retained = 0;

CREATE TABLE results(
    job bigint NOT NULL,
    run bigint NOT NULL,
    processing_us bigint NOT NULL,
    stored_ms bigint NOT NULL,
    attempt bigint NOT NULL,
    err integer NOT NULL,
    published smallint NOT NULL,  -- was stored with a row in the outbox
    detail text NOT NULL,
    node text NOT NULL,
    stages text NOT NULL,
    content_digest bytea,
    document_digest bytea NOT NULL,  -- '' after the time of retention
    document text NOT NULL           -- byte for byte; '' after the time of retention
);
CREATE UNIQUE INDEX results_once ON results(job, run);

-- Documents beyond two kilobytes lie out of line; lz4 packs them five times faster than the default.
DO $$
BEGIN
    ALTER TABLE results ALTER COLUMN document SET COMPRESSION lz4;
    ALTER TABLE inputs ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server has no lz4';
END
$$;

CREATE TABLE attempts(
    job bigint NOT NULL,
    run bigint NOT NULL,
    attempt bigint NOT NULL,
    at_ms bigint NOT NULL,
    err integer NOT NULL,
    crash smallint NOT NULL,
    node text NOT NULL,
    CONSTRAINT attempts_once PRIMARY KEY (job, run, attempt)
);

CREATE TABLE leases(
    coordinator text NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL UNIQUE,
    lock_key bigint NOT NULL,  -- the advisory lock that the coordinator's session holds
    renewed_ms bigint NOT NULL,  -- this database's clock
    expires_ms bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE node_marks(
    name text NOT NULL PRIMARY KEY,
    drained smallint NOT NULL
);

CREATE TABLE outbox(
    id bigint NOT NULL DEFAULT nextval('outbox_ids'),
    epoch bigint NOT NULL,
    job bigint NOT NULL DEFAULT 0,
    run bigint NOT NULL DEFAULT 0,
    created_ms bigint NOT NULL,
    confirmed_ms bigint NOT NULL DEFAULT 0,
    kind smallint NOT NULL,  -- 0 result, 1 reply, 2 dead letter
    err integer NOT NULL,
    message_id text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    bytes bytea  -- of dead letters and replies, until they are confirmed
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 1);
CREATE UNIQUE INDEX outbox_waiting ON outbox(epoch, id) WHERE confirmed_ms = 0;
CREATE UNIQUE INDEX outbox_once ON outbox(job, run) WHERE kind = 0;

-- The counts are the sums over the rows: one row per coordinator, so that none waits for another's.
CREATE TABLE counters(
    coordinator text NOT NULL PRIMARY KEY,
    queued bigint NOT NULL DEFAULT 0,
    claimed bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    retried bigint NOT NULL DEFAULT 0,
    processing_us bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0  -- in the outbox
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE days(
    day bigint NOT NULL,
    coordinator text NOT NULL,
    done bigint NOT NULL,
    PRIMARY KEY (day, coordinator)
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- A call that looked at rows, judged them, and then found them changed by another is taken back and repeated.
CREATE FUNCTION ledger_expect(changed bigint, wanted bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF changed IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION '% rows were to be changed, % are still as they were', wanted, changed USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN changed;
END
$$;
