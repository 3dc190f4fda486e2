-- Typed features. The table feature_rows and the views `features` and `features_history` follow the feature table of the
-- program (sql/columns.c): feature_columns has a row per column, in the order in which they were added.

DROP VIEW IF EXISTS features;  -- that of earlier programs read the documents

CREATE TABLE feature_columns(
    place bigint NOT NULL PRIMARY KEY,
    name text NOT NULL UNIQUE,
    type text NOT NULL,
    unit text NOT NULL,
    comment text NOT NULL
);

-- Up to which result the rows of earlier results are written; done: all are.
CREATE TABLE feature_state(
    job bigint NOT NULL,
    run bigint NOT NULL,
    done bigint NOT NULL,
    view_digest text NOT NULL
);
INSERT INTO feature_state VALUES (0, 0, 0, '');

-- The results of a path, of which the latest counts.
CREATE INDEX inputs_path ON inputs USING hash (file_path);  -- which has room for a path of any length
