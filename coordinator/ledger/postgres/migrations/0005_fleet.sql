-- The keys that may connect as nodes, and those of join tokens. A row that is revoked stays: it also overrules the file
-- keys/allowed of each coordinator.
CREATE TABLE node_keys(
    public_key text NOT NULL PRIMARY KEY,  -- Z85
    name text NOT NULL,                    -- of the node; '' for any, and for a token
    kind bigint NOT NULL,                 -- 0 node, 1 join token
    revoked bigint NOT NULL DEFAULT 0,
    changed_ms bigint NOT NULL,
    expires_ms bigint NOT NULL DEFAULT 0  -- 0 for never
);
CREATE INDEX node_keys_name ON node_keys(name);

-- Where and when each node was last connected; forgotten: an operator removed it from the list.
CREATE TABLE nodes(
    name text NOT NULL PRIMARY KEY,
    host text NOT NULL,
    seen_ms bigint NOT NULL,
    forgotten_ms bigint NOT NULL DEFAULT 0
);

-- Who drained a node, when and why.
ALTER TABLE node_marks ADD COLUMN drained_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE node_marks ADD COLUMN drained_by text NOT NULL DEFAULT '';
ALTER TABLE node_marks ADD COLUMN drained_why text NOT NULL DEFAULT '';
