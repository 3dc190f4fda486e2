-- One document that is no JSON, because somebody changed it, must not break the view for all.
DROP VIEW warnings;
CREATE VIEW warnings AS
SELECT d.job, d.run, i.message_id, i.media_id, i.file_path, d.stored_ms, d.node,
       json_extract(d.document, '$.error.code') AS error,
       json_extract(w.value, '$.code') AS code, json_extract(w.value, '$.text') AS text
  FROM (SELECT j.id AS job, j.run, r.stored_ms, r.node,
               CASE WHEN json_valid(r.document) THEN r.document ELSE '{}' END AS document
          FROM jobs j JOIN results r ON r.job = j.id AND r.run = j.run WHERE j.state IN (2, 3)) d
  JOIN inputs i ON i.job = d.job
  JOIN json_each(d.document, '$.features.technical.warnings') w ON w.type = 'object';
