CREATE TABLE families (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    credentials INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX families_expiry ON families (expires_at_ms);
