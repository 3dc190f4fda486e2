-- What the walk over a backfill's folder left out, by kind of name: {"playlists": 3, "images": 2}. '' in rows of before.
ALTER TABLE backfills ADD COLUMN left_out_kinds TEXT NOT NULL DEFAULT '';

-- The warnings of each ended job's last result, one row each, of failures that kept features too.
CREATE VIEW warnings AS
SELECT j.id AS job, j.run, i.message_id, i.media_id, i.file_path, r.stored_ms, r.node,
       json_extract(r.document, '$.error.code') AS error,
       json_extract(w.value, '$.code') AS code, json_extract(w.value, '$.text') AS text
  FROM jobs j JOIN inputs i ON i.job = j.id JOIN results r ON r.job = j.id AND r.run = j.run
  JOIN json_each(CASE WHEN r.document <> '' THEN r.document ELSE '{}' END, '$.features.technical.warnings') w
 WHERE j.state IN (2, 3);
