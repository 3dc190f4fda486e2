-- The vectors of results (similarity_vectors.combined_vector), apart from the wide rows of features, so that a search
-- for similar recordings reads nothing else: of each job that of its last run that has one. The numbers are those of
-- the message as IEEE 754 doubles, little-endian; vectors of different methods are not comparable.
CREATE TABLE vectors(
    job INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    method TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;

-- Up to which result the vectors of earlier results are written; done: all are.
ALTER TABLE feature_state ADD COLUMN vectors_job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feature_state ADD COLUMN vectors_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feature_state ADD COLUMN vectors_done INTEGER NOT NULL DEFAULT 0;
