-- Files that are gone: their last results are not the latest of any file.
CREATE TABLE removed_paths(
    file_path text NOT NULL,
    removed_ms bigint NOT NULL,
    removed_at timestamptz NOT NULL
);
CREATE INDEX removed_paths_path ON removed_paths USING hash (file_path);  -- which has room for a path of any length
