"""The books of the simulated payment provider in Cassandra: a row for each key, under compare-and-set."""

from typing import Final

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, RowProof
from store_kit.clock import Clock

from store_order.ports import Payment

_GET: Final = "SELECT state, amount_minor, currency, charges, refunds FROM payments WHERE payment_key = ?"
_OPEN: Final = (
    "INSERT INTO payments (payment_key, state, amount_minor, currency, charges, refunds, updated_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
)
_CLOSE: Final = (
    "UPDATE payments SET state = ?, refunds = ?, updated_ms = ? WHERE payment_key = ? IF state = ?"
)


class CassandraPaymentStore:
    """Keeps what the provider knows on the order service's keyspace.

    Every change leads to the same state, whichever process makes it, so a lost answer is resolved by reading the state.
    """

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def insert_payment(self, key: str, payment: Payment) -> Payment:
        """Write a payment unless the key is known; return what is known now."""
        values = (payment.state, payment.amount_minor, payment.currency, payment.charges, payment.refunds)
        row = (key, *values, self._clock.now_ms())
        proof = RowProof("payments.get", _GET, (key,), lambda row: row is not None and tuple(row) == values)
        if await self._db.apply_and_resolve("payments.insert", (_OPEN, row), proof=proof):
            return payment
        found = await self.find_payment(key)
        if found is None:
            raise DatabaseOutcomeUnknown("The payment was written but is not seen; repeat with the same key.")
        return found

    async def close_payment(self, key: str, was: str, to: Payment) -> bool:
        """Move a payment from one state to another; return whether it is there."""
        values = (to.state, to.refunds, self._clock.now_ms(), key, was)
        proof = RowProof("payments.get", _GET, (key,), lambda row: row is not None and row[0] == to.state)
        return await self._db.apply_and_resolve("payments.close", (_CLOSE, values), proof=proof)

    async def find_payment(self, key: str) -> Payment | None:
        """Return what is known under a key, half-done changes ended first; None when nothing is."""
        row = await self._db.one("payments.get", _GET, (key,), serial=True)
        return Payment(*row) if row else None
