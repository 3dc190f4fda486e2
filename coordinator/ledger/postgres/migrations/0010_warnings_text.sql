-- Nor must a text that PostgreSQL cannot hold, NUL or half of a surrogate pair in \u escapes: casting to json does not
-- read the texts, the operator does.
CREATE OR REPLACE FUNCTION ledger_json(document text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM document::json #> '{features}';
    RETURN document::json;
EXCEPTION WHEN others THEN
    RETURN NULL;
END
$$;
