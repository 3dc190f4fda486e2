-- Typed features. The table feature_rows and the views `features` and `features_history` follow the feature table of the
-- program (sql/columns.c): feature_columns has a row per column, in the order in which they were added.

CREATE TABLE feature_columns(
    place INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    unit TEXT NOT NULL,
    comment TEXT NOT NULL
) STRICT;

-- Up to which result the rows of earlier results are written; done: all are.
CREATE TABLE feature_state(
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    done INTEGER NOT NULL,
    view_digest TEXT NOT NULL
) STRICT;
INSERT INTO feature_state VALUES (0, 0, 0, '');

-- The results of a path, of which the latest counts.
CREATE INDEX inputs_path ON inputs(file_path);
