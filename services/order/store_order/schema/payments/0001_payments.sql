-- The simulated provider's own books, in a file of their own: the shop reaches them by the payments port only.
CREATE TABLE payments (
    payment_key TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('CHARGED', 'DECLINED', 'REFUNDED', 'VOIDED')),
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    charges INTEGER NOT NULL,
    refunds INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
