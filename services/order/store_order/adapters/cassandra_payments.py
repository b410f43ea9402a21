"""The books of the simulated payment provider in Cassandra: a row for each key, under compare-and-set."""

from typing import Final

from store_kit.cassandra import Cassandra, DatabaseOutcomeUnknown
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


class CassandraBooks:
    """Keeps what the provider knows on the order service's keyspace.

    Every change leads to the same state whoever makes it, so a lost answer is settled by reading the state.
    """

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open_if_absent(self, key: str, payment: Payment) -> Payment:
        """Write a payment unless the key is known; return what is known now."""
        row = (
            key,
            payment.state,
            payment.amount_minor,
            payment.currency,
            payment.charges,
            payment.refunds,
            self._clock.now_ms(),
        )

        written = False

        async def apply() -> bool:
            nonlocal written
            written = await self._db.apply("payments.insert", (_OPEN, row))
            return written

        async def known() -> bool:
            return await self.find(key) is not None

        await self._db.settle(apply, known)
        if written:
            return payment
        # What is known may be somebody else's.
        found = await self.find(key)
        if found is None:
            raise DatabaseOutcomeUnknown("The payment was written but is not seen; repeat with the same key.")
        return found

    async def close(self, key: str, was: str, to: Payment) -> bool:
        """Move a payment from one state to another; return whether it is there."""

        async def apply() -> bool:
            values = (to.state, to.refunds, self._clock.now_ms(), key, was)
            return await self._db.apply("payments.close", (_CLOSE, values))

        async def done() -> bool:
            found = await self.find(key)
            return found is not None and found.state == to.state

        return await self._db.settle(apply, done)

    async def find(self, key: str) -> Payment | None:
        """Return what is known under a key, half-done changes ended first; None when nothing is."""
        row = await self._db.one("payments.get", _GET, (key,), serial=True)
        return Payment(*row) if row else None
