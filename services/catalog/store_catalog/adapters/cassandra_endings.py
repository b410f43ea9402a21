"""How a reservation ends: released, shipped, or withdrawn because some of it was short (PROTOCOLS 2)."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from store_kit.cassandra import DatabaseUnavailable
from store_kit.cassandra_errors import still_unknown

from store_catalog.adapters.cassandra_hints import Hint, Hints
from store_catalog.adapters.cassandra_operations import End
from store_catalog.adapters.cassandra_reservations import Kept, Reservations, State
from store_catalog.adapters.cassandra_shelves import Shelves
from store_catalog.domain import Claim, OrderId, ProductId, Reservation, ReservationState, refuse_end

TRIES: Final = 20
"""Steps of others that a call follows; each of them brings the reservation nearer to its end."""


@contextlib.contextmanager
def in_doubt() -> Iterator[None]:
    """Say of a database that went away half way what is true: nobody knows how far it came."""
    try:
        yield
    except DatabaseUnavailable as error:
        raise still_unknown() from error


class Endings:
    """Takes reservations to their ends.

    Args:
        shelves: where holds are given back or sold.
        reservations: what is kept for orders.
        hints: told before a reservation passes through a state.
    """

    def __init__(self, shelves: Shelves, reservations: Reservations, hints: Hints) -> None:
        self._shelves = shelves
        self._reservations = reservations
        self._hints = hints

    async def release(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._finish(order_id, State.RELEASING, State.RELEASED)

    async def ship(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._finish(order_id, State.SHIPPING, State.SHIPPED)

    async def withdraw(self, kept: Kept) -> None:
        """Give back an attempt that is short or late; somebody else may be faster, and may want another end."""
        if kept.state is State.HOLDING:
            withdrawing = await self._reservations.move(kept, State.WITHDRAWING)
            if withdrawing is None:
                return
            kept = withdrawing
        await self._end(kept, Claim.RELEASED)
        await self._reservations.move(kept, State.WITHDRAWN)

    async def _finish(self, order_id: OrderId, passing: State, end: State) -> Reservation:
        kept = await self._reservations.find(order_id)
        went: list[ProductId] = []
        hints: list[Hint] = []
        with in_doubt():
            for _ in range(TRIES):
                refuse_end(kept.state.meaning if kept else None, ReservationState(end))
                if kept is not None and kept.state is end:
                    self._hints.finish(hints)
                    return Reservation(order_id, ReservationState(end), crossed=tuple(went))
                if kept is not None and kept.state is State.HELD:
                    hints.append(await self._hints.add(order_id))
                if kept is not None and kept.state is passing:
                    went += await self._end(kept, ReservationState(end).claim)
                moved = await self._step(order_id, kept, passing, end)
                kept = moved or await self._reservations.find(order_id, serial=True)
        raise still_unknown()

    async def _step(self, order_id: OrderId, kept: Kept | None, passing: State, end: State) -> Kept | None:
        if kept is None:
            return await self._reservations.refuse(order_id)
        # Of an attempt that was withdrawn nothing is left to be given back.
        to = end if kept.state in (passing, State.WITHDRAWN) else passing
        return await self._reservations.move(kept, to)

    async def _end(self, kept: Kept, claim: Claim) -> list[ProductId]:
        """End what is held of each line; return the products that went in or out of stock."""
        parts = self._shelves.by_shard({line.product_id: line for line in kept.lines})
        ended = await asyncio.gather(
            *(self._shelves.submit(shard, End(kept.ref, tuple(some), claim)) for shard, some in parts.items())
        )
        return [product_id for went in ended for product_id in went]
