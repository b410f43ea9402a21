-- An account without its e-mail row is a draft: nobody sees it, the sweeper takes it away.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    is_admin INTEGER NOT NULL,
    claimed INTEGER NOT NULL DEFAULT 0,
    credentials INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_unclaimed ON accounts (created_at_ms) WHERE claimed = 0;
CREATE INDEX accounts_admins ON accounts (id) WHERE is_admin = 1;

CREATE TABLE emails (
    email TEXT PRIMARY KEY,
    account_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
