-- The unit price that the shopper was shown last; NULL in older lines: the one when it was added.
ALTER TABLE lines ADD COLUMN shown_minor INTEGER;

-- What orders took out of carts. `lines` is NULL once the order gave them back: then it takes nothing any more.
CREATE TABLE taken (
    owner TEXT NOT NULL,
    order_id TEXT NOT NULL,
    lines BLOB,
    forget_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, order_id)
) STRICT;

CREATE INDEX taken_by_forget ON taken (forget_ms);
