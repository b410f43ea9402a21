"""How a reservation ends: released, shipped, or withdrawn because some of it was short (PROTOCOLS 2)."""

import asyncio
from typing import Final

from store_catalog.adapters.cassandra_doubt import in_doubt
from store_catalog.adapters.cassandra_ended import EndedOrders
from store_catalog.adapters.cassandra_hints import Hints
from store_catalog.adapters.cassandra_kept import Kept, State, abandoning, ending, moving, refusing
from store_catalog.adapters.cassandra_operations import End
from store_catalog.adapters.cassandra_shelves import Shelves
from store_catalog.domain import Claim, OrderId, ProductId, Reservation, ReservationState, refuse_end

_AFTER: Final = {State.RELEASING: State.RELEASED, State.SHIPPING: State.SHIPPED}


class Endings:
    """Takes reservations to their ends.

    Args:
        shelves: where reservations are kept, and holds are given back or sold.
        ended: which orders have ended.
        hints: told before a reservation passes through a state.
    """

    def __init__(self, shelves: Shelves, ended: EndedOrders, hints: Hints) -> None:
        self._shelves = shelves
        self._ended = ended
        self._hints = hints

    async def release(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._finish(order_id, State.RELEASED)

    async def ship(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._finish(order_id, State.SHIPPED)

    async def withdraw(self, kept: Kept) -> None:
        """Give back an attempt that is short or late; somebody else may be faster, and may want another end."""
        found, _ = await self._shelves.step(
            kept.order_id, moving(kept.attempt, (State.HOLDING, State.WITHDRAWING))
        )
        if found is not None and (found.state, found.attempt) == (State.WITHDRAWING, kept.attempt):
            await self._end(found, Claim.RELEASED)
            await self._shelves.step(
                kept.order_id, moving(kept.attempt, (State.WITHDRAWING, State.WITHDRAWN))
            )

    async def finish(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """Bring what stopped on its way before a time to its end; None: it did not, or goes on by now."""
        # A hint of our own: whoever was slow may finish theirs before this is done.
        hint = await self._hints.add(order_id)
        kept, begun = await self._shelves.step(order_id, abandoning(older_than_ms))
        end = None if kept is None else _AFTER.get(kept.state)
        if kept is None or end is None or not (begun or kept.updated_ms < older_than_ms):
            self._hints.finish([hint])
            return None
        went = await self._conclude(kept, end)
        self._hints.finish([hint])
        return Reservation(order_id, ReservationState(end), crossed=went)

    async def _finish(self, order_id: OrderId, end: State) -> Reservation:
        hint = await self._hints.add(order_id)
        kept = await self._begin(order_id, end)
        went: tuple[ProductId, ...] = ()
        if kept is not None and kept.state is not end:
            went = await self._conclude(kept, end)
        self._hints.finish([hint])
        return Reservation(order_id, ReservationState(end), crossed=went)

    async def _conclude(self, kept: Kept, end: State) -> tuple[ProductId, ...]:
        """Take what passes on its way to an end there; return the products that went in or out of stock."""
        with in_doubt():
            went = await self._end(kept, ReservationState(end).claim)
            await self._ended.note(kept.order_id, ReservationState(end))
            await self._shelves.step(kept.order_id, moving(kept.attempt, (kept.state, end)))
        return tuple(went)

    async def _begin(self, order_id: OrderId, end: State) -> Kept | None:
        """Bring a reservation on its way to an end; None: it came to that long ago.

        Raises:
            ReservationShipped: it cannot be released any more.
            ReservationReleased: there is nothing that could be shipped.
        """
        while True:
            kept, _ = await self._shelves.step(order_id, ending(end))
            if kept is not None:
                return kept
            known = await self._ended.find(order_id)
            if known is ReservationState(end):
                return None
            refuse_end(known, ReservationState(end))
            kept, refused = await self._shelves.step(order_id, refusing(order_id))
            if refused:
                return kept

    async def _end(self, kept: Kept, claim: Claim) -> list[ProductId]:
        """End what is held of each line; return the products that went in or out of stock."""
        parts = self._shelves.by_shard({line.product_id: line for line in kept.lines})
        ended = await asyncio.gather(
            *(self._shelves.submit(shard, End(kept.ref, tuple(some), claim)) for shard, some in parts.items())
        )
        return [product_id for went in ended for product_id in went]
