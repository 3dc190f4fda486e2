-- What the walk over a backfill's folder left out, by kind of name: {"playlists": 3, "images": 2}. '' in rows of before.
ALTER TABLE backfills ADD COLUMN left_out_kinds text NOT NULL DEFAULT '';

-- The warnings of each ended job's last result, one row each, of failures that kept features too.
CREATE VIEW warnings AS
SELECT j.id AS job, j.run, i.message_id, i.media_id, i.file_path, r.stored_ms, r.node,
       r.document::json #>> '{error,code}' AS error, w.value ->> 'code' AS code, w.value ->> 'text' AS text
  FROM jobs j JOIN inputs i ON i.job = j.id JOIN results r ON r.job = j.id AND r.run = j.run
  CROSS JOIN LATERAL json_array_elements(CASE WHEN r.document = '' THEN NULL
       WHEN json_typeof(r.document::json #> '{features,technical,warnings}') = 'array'
       THEN r.document::json #> '{features,technical,warnings}' END) w
 WHERE j.state IN (2, 3);
