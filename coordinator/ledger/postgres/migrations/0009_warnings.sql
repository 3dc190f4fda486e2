-- One document that is no JSON, because somebody changed it, must not break the view for all.
CREATE FUNCTION ledger_json(document text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN document::json;
EXCEPTION WHEN others THEN
    RETURN NULL;
END
$$;
CREATE OR REPLACE VIEW warnings AS
SELECT j.id AS job, j.run, i.message_id, i.media_id, i.file_path, r.stored_ms, r.node,
       d.document #>> '{error,code}' AS error, w.value ->> 'code' AS code, w.value ->> 'text' AS text
  FROM jobs j JOIN inputs i ON i.job = j.id JOIN results r ON r.job = j.id AND r.run = j.run
  CROSS JOIN LATERAL (SELECT ledger_json(r.document) AS document OFFSET 0) d
  CROSS JOIN LATERAL json_array_elements(CASE WHEN json_typeof(d.document #> '{features,technical,warnings}') = 'array'
       THEN d.document #> '{features,technical,warnings}' END) w
 WHERE j.state IN (2, 3) AND json_typeof(w.value) = 'object';
