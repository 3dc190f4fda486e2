-- Files that are gone: their last results are not the latest of any file.
CREATE TABLE removed_paths(
    file_path TEXT NOT NULL,
    removed_ms INTEGER NOT NULL,
    removed_at TEXT NOT NULL
) STRICT;
CREATE INDEX removed_paths_path ON removed_paths(file_path);
