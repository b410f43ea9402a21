"""The books of the simulated payment provider in an SQLite file of its own."""

import sqlite3
from typing import Final

from store_kit.clock import Clock
from store_kit.sqlite.database import Sqlite

from store_order.ports import Payment

_GET: Final = "SELECT state, amount_minor, currency, charges, refunds FROM payments WHERE payment_key = ?"
_OPEN: Final = "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (payment_key) DO NOTHING"
_CLOSE: Final = (
    "UPDATE payments SET state = ?, refunds = ?, updated_ms = ? WHERE payment_key = ? AND state = ?"
)


class SqlitePaymentStore:
    """Keeps what the provider knows."""

    def __init__(self, db: Sqlite, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def insert_payment(self, key: str, payment: Payment) -> Payment:
        """Write a payment unless the key is known; return what is known now."""
        values = (payment.state, payment.amount_minor, payment.currency, payment.charges, payment.refunds)
        row = (key, *values, self._clock.now_ms())

        def work(connection: sqlite3.Connection) -> Payment:
            if connection.execute(_OPEN, row).rowcount:
                return payment
            return Payment(*connection.execute(_GET, (key,)).fetchone())

        return await self._db.write("payments.open", work)

    async def close_payment(self, key: str, was: str, to: Payment) -> bool:
        """Replace a payment that is in state `was`; return whether it is now as given."""
        values = (to.state, to.refunds, self._clock.now_ms(), key, was)
        return await self._db.write("payments.close", lambda c: bool(c.execute(_CLOSE, values).rowcount))

    async def find_payment(self, key: str) -> Payment | None:
        """Return what is known under a key; None when nothing is."""
        row = self._db.one("payments.get", _GET, (key,))
        return Payment(*row) if row else None
