CREATE TABLE notifications (
    account_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (account_id, at_ms, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_age ON notifications (at_ms);
