-- The vectors of results (similarity_vectors.combined_vector), apart from the wide rows of features, so that a search
-- for similar recordings reads nothing else: of each job that of its last run that has one. The numbers are those of
-- the message as IEEE 754 doubles, little-endian; vectors of different methods are not comparable.
CREATE TABLE vectors(
    job bigint NOT NULL PRIMARY KEY,
    run bigint NOT NULL,
    method text NOT NULL,
    value bytea NOT NULL
);
-- At most 768 numbers: they fit into a page, and lie in the row itself, where they are read in order.
ALTER TABLE vectors ALTER COLUMN value SET STORAGE PLAIN;

-- Up to which result the vectors of earlier results are written; done: all are.
ALTER TABLE feature_state ADD COLUMN vectors_job bigint NOT NULL DEFAULT 0;
ALTER TABLE feature_state ADD COLUMN vectors_run bigint NOT NULL DEFAULT 0;
ALTER TABLE feature_state ADD COLUMN vectors_done bigint NOT NULL DEFAULT 0;
