-- The keys that may connect as nodes, and those of join tokens. A row that is revoked stays: it also overrules the file
-- keys/allowed of each coordinator.
CREATE TABLE node_keys(
    public_key TEXT NOT NULL PRIMARY KEY,  -- Z85
    name TEXT NOT NULL,                    -- of the node; '' for any, and for a token
    kind INTEGER NOT NULL,                 -- 0 node, 1 join token
    revoked INTEGER NOT NULL DEFAULT 0,
    changed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL DEFAULT 0  -- 0 for never
) STRICT;
CREATE INDEX node_keys_name ON node_keys(name);

-- Where and when each node was last connected; forgotten: an operator removed it from the list.
CREATE TABLE nodes(
    name TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    forgotten_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who drained a node, when and why.
ALTER TABLE node_marks ADD COLUMN drained_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node_marks ADD COLUMN drained_by TEXT NOT NULL DEFAULT '';
ALTER TABLE node_marks ADD COLUMN drained_why TEXT NOT NULL DEFAULT '';
