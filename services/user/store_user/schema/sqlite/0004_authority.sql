-- The epoch counts what ends access tokens. An account that is leaving was deleted by its owner and is about to vanish.
ALTER TABLE accounts ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN standing TEXT NOT NULL DEFAULT 'active';
ALTER TABLE accounts ADD COLUMN reset_hash TEXT;
ALTER TABLE accounts ADD COLUMN reset_expires_at_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_leaving ON accounts (id) WHERE standing = 'leaving';
CREATE INDEX families_account ON families (account_id, id);

-- Hints: which accounts are about to change so that access tokens of theirs end.
CREATE TABLE revocations (
    account_id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_age ON revocations (at_ms);
