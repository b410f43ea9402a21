-- Owners are 'user:<id>' and 'guest:<id>'. Times are milliseconds since the epoch.
CREATE TABLE carts (
    owner TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    updated_ms INTEGER NOT NULL,
    merged INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Only guests' carts expire, so only they pay for an index.
CREATE INDEX idle_guests ON carts (updated_ms) WHERE owner < 'guest;';

CREATE TABLE lines (
    owner TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    sku TEXT,
    name TEXT NOT NULL,
    price_when_added_minor INTEGER NOT NULL,
    added_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, product_id)
) STRICT, WITHOUT ROWID;

-- What must count once: adds by Idempotency-Key, merges by guest, subtractions by order.
CREATE TABLE operations (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    forget_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX operations_by_forget ON operations (forget_ms);

CREATE TABLE views (
    owner TEXT NOT NULL,
    product_id TEXT NOT NULL,
    viewed_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, product_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX guests_views ON views (viewed_ms) WHERE owner < 'guest;';
