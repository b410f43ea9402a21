-- Products: the truth. A deleted product stays as a tombstone. `ref` is short for the long id in tables beside it.
CREATE TABLE products (
    ref INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sku TEXT,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    price_minor INTEGER NOT NULL CHECK (price_minor > 0),
    version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    description TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX products_by_sku ON products (sku) WHERE sku IS NOT NULL AND deleted = 0;

-- Stock: received = available + sum(holds) + sold. Apart from products, for it changes with every sale.
CREATE TABLE stock (
    ref INTEGER PRIMARY KEY REFERENCES products (ref),
    received INTEGER NOT NULL CHECK (received >= 0),
    available INTEGER NOT NULL CHECK (available >= 0),
    sold INTEGER NOT NULL CHECK (sold >= 0),
    version INTEGER NOT NULL,
    CHECK (received >= available + sold)
) STRICT;

-- One row per order. What is left after the end is the marker that refuses late holds.
CREATE TABLE reservations (
    ref INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    lines BLOB
) STRICT;

CREATE INDEX reservations_passing ON reservations (updated_at_ms)
WHERE state IN ('HOLDING', 'RELEASING', 'SHIPPING');

CREATE INDEX reservations_ended ON reservations (updated_at_ms) WHERE state IN ('RELEASED', 'SHIPPED');

-- Active holds only; a hold never expires.
CREATE TABLE holds (
    product_ref INTEGER NOT NULL,
    reservation_ref INTEGER NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (product_ref, reservation_ref)
) STRICT, WITHOUT ROWID;

-- Why stock was received or written off, and what each operation answered, so that it counts once.
CREATE TABLE stock_adjustments (
    product_ref INTEGER NOT NULL,
    operation_id TEXT NOT NULL,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received INTEGER NOT NULL,
    available INTEGER NOT NULL,
    sold INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (product_ref, operation_id)
) STRICT, WITHOUT ROWID;

-- Which products changed; positions are never used twice.
CREATE TABLE feed (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    stock_version INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE feed_trimmed (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    position INTEGER NOT NULL
) STRICT;

INSERT INTO feed_trimmed VALUES (1, 0);
