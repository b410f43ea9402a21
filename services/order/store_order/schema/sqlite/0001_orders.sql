-- An order's state is small and changes often; its lines are large and change once: so they are apart.
CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    payment_token TEXT NOT NULL,
    line_count INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    total_minor INTEGER,
    currency TEXT,
    next_due_ms INTEGER,
    shipped_ms INTEGER,
    driver TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_user ON orders (user_id, created_ms, order_id);
CREATE INDEX orders_by_user_status ON orders (user_id, status, created_ms, order_id);
CREATE INDEX orders_by_time ON orders (created_ms, order_id);
CREATE INDEX orders_by_status ON orders (status, created_ms, order_id);

CREATE TABLE order_lines (
    order_id TEXT NOT NULL PRIMARY KEY,
    lines BLOB NOT NULL
) STRICT;

-- One row per version: what happened, and the token of whoever wrote it.
CREATE TABLE order_events (
    order_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    mark TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;

-- Hints of work: due rows of the delivery clock, recovery rows, the outbox of notifications.
CREATE TABLE order_work (
    queue TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    PRIMARY KEY (queue, due_ms, order_id, version)
) STRICT, WITHOUT ROWID;

-- Kept with every change, so that nobody ever counts orders.
CREATE TABLE order_counts (
    status TEXT NOT NULL PRIMARY KEY,
    orders INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE order_totals (
    user_id TEXT NOT NULL PRIMARY KEY,
    orders INTEGER NOT NULL,
    spent_minor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
