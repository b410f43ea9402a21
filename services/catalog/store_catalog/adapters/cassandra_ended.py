"""Which orders have ended, long after their reservation is gone from its shelf: a late hold must still be refused.

A row is written once a reservation can come to no other end, and before it does; so it needs no condition.
"""

from typing import Final

from store_kit.cassandra import Cassandra

from store_catalog.domain import OrderId, ReservationState

_NOTE: Final = "INSERT INTO ended_orders (order_id, state) VALUES (?, ?) USING TTL ?"
_FIND: Final = "SELECT state FROM ended_orders WHERE order_id = ?"


class EndedOrders:
    """The ends of all orders.

    Args:
        db: the keyspace.
        keep_s: how long they are known.
    """

    def __init__(self, db: Cassandra, keep_s: int) -> None:
        self._db = db
        self._keep_s = keep_s

    async def note(self, order_id: OrderId, end: ReservationState) -> None:
        """Remember how an order ends; durable when this returns."""
        await self._db.write("ended_orders.insert", (_NOTE, (order_id, end, self._keep_s)))

    async def find(self, order_id: OrderId) -> ReservationState | None:
        """Return how an order has ended, or will any moment; None: it has not, as far as is known."""
        row = await self._db.one("ended_orders.get", _FIND, (order_id,))
        return None if row is None else ReservationState(row[0])
