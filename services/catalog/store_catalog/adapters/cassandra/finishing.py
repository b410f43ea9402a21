"""How a reservation ends: released, shipped, or withdrawn because some of it was short.

See docs/protocols.md, Reservations.
"""

import asyncio
from typing import Final

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import in_doubt

from store_catalog.adapters.cassandra.committer import ShardCommitter
from store_catalog.adapters.cassandra.operations import End
from store_catalog.adapters.cassandra.pending_reservations import PendingReservations
from store_catalog.domain import (
    OrderId,
    ProductId,
    Reservation,
    ReservationRecord,
    ReservationState,
    abandon,
    begin_end,
    begin_refusal,
    refuse_end,
    transition,
)

_INSERT: Final = "INSERT INTO ended_orders (order_id, state) VALUES (?, ?) USING TTL ?"
_FIND: Final = "SELECT state FROM ended_orders WHERE order_id = ?"


class EndedOrders:
    """How orders have ended, long after their reservation is gone from its shard: a late hold must still be refused.

    A row is written once a reservation can come to no other end, and before it does; so it needs no condition.

    Args:
        db: the keyspace.
        keep_s: how long the ends are known.
    """

    def __init__(self, db: Cassandra, keep_s: int) -> None:
        self._db = db
        self._keep_s = keep_s
        self._writes = GatheredWrites(db, "ended_orders.insert")

    async def insert_end(self, order_id: OrderId, end: ReservationState) -> None:
        """Remember how an order ends; durable when this returns."""
        await self._writes.write(order_id, (_INSERT, (order_id, end, self._keep_s)))

    async def find_end(self, order_id: OrderId) -> ReservationState | None:
        """Return how an order has ended, or will any moment; None: it has not, as far as is known."""
        row = await self._db.one("ended_orders.get", _FIND, (order_id,))
        return None if row is None else ReservationState(row[0])


class Finishing:
    """Takes reservations to their ends.

    Args:
        committer: writes reservations, and gives back or sells what is held.
        ended: which orders have ended.
        pending: told before a reservation passes through a state.
    """

    def __init__(self, committer: ShardCommitter, ended: EndedOrders, pending: PendingReservations) -> None:
        self._committer = committer
        self._ended = ended
        self._pending = pending

    async def end(self, order_id: OrderId, end: ReservationState) -> Reservation:
        """Release or ship what an order holds; released without a hold, it leaves a marker."""
        hint = await self._pending.add(order_id)
        record = await self._begin(order_id, end)
        crossed: tuple[ProductId, ...] = ()
        if record is not None and record.state is not end:
            crossed = await self._conclude(record)
        self._pending.finish([hint])
        return Reservation(order_id, end, crossed=crossed)

    async def withdraw(self, record: ReservationRecord) -> None:
        """Give back an attempt that is short or late; another call may be faster, and may want another end."""
        withdrawing = transition(record.attempt, ReservationState.HOLDING, ReservationState.WITHDRAWING)
        found, _ = await self._committer.step(record.order_id, withdrawing)
        if found is not None and (found.state, found.attempt) == (
            ReservationState.WITHDRAWING,
            record.attempt,
        ):
            await self._end_holds(found)
            await self._finish_state(found)

    async def finish(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """Bring what stopped on its way before a time to its end; None: it did not, or goes on by now."""
        # A hint of our own: a slow caller may finish theirs before this is done.
        hint = await self._pending.add(order_id)
        record, begun = await self._committer.step(order_id, abandon(older_than_ms))
        if record is None or not (begun or record.stopped_before(older_than_ms)):
            self._pending.finish([hint])
            return None
        crossed = await self._conclude(record)
        self._pending.finish([hint])
        return Reservation(order_id, record.state.next, crossed=crossed)

    async def _begin(self, order_id: OrderId, end: ReservationState) -> ReservationRecord | None:
        """Bring a reservation on its way to an end; None: it came to that long ago.

        Raises:
            ReservationShipped: it cannot be released any more.
            ReservationReleased: there is nothing that could be shipped.
        """
        while True:
            record, _ = await self._committer.step(order_id, begin_end(end))
            if record is not None:
                return record
            known = await self._ended.find_end(order_id)
            if known is end:
                return None
            refuse_end(known, end)
            record, refused = await self._committer.step(order_id, begin_refusal(order_id))
            if refused:
                return record

    async def _conclude(self, record: ReservationRecord) -> tuple[ProductId, ...]:
        """Take what passes on its way to an end there; return the products that went in or out of stock."""
        with in_doubt():
            crossed = await self._end_holds(record)
            await self._ended.insert_end(record.order_id, record.state.next)
            await self._finish_state(record)
        return crossed

    async def _finish_state(self, record: ReservationRecord) -> None:
        state = record.state
        await self._committer.step(record.order_id, transition(record.attempt, state, state.next))

    async def _end_holds(self, record: ReservationRecord) -> tuple[ProductId, ...]:
        """End what is held of each line; return the products that went in or out of stock."""
        state = record.state.hold_state
        parts = self._committer.shards.divide(line.product_id for line in record.lines)
        ended = await asyncio.gather(
            *(self._committer.submit(shard, End(record.ref, ids, state)) for shard, ids in parts.items())
        )
        return tuple([product_id for crossed in ended for product_id in crossed])
