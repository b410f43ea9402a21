"""How an order comes to hold its lines: all of them, or none (PROTOCOLS 2).

The reservation is opened before the first hold, its lines are held shard by shard at once, and it is HELD once all are.
Several callers may drive one attempt: holds are keyed by it, and one of them makes the step to HELD.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store_kit.cassandra_errors import still_unknown
from store_kit.clock import Clock
from store_kit.problems import Conflict

from store_catalog.adapters.cassandra_endings import TRIES, Endings, in_doubt
from store_catalog.adapters.cassandra_hints import Hint, Hints
from store_catalog.adapters.cassandra_operations import LONGEST_MS, Hold, Short, Taken
from store_catalog.adapters.cassandra_reservations import Kept, Reservations, State
from store_catalog.adapters.cassandra_shelves import Shelves
from store_catalog.domain import (
    Line,
    OrderId,
    ProductId,
    Reservation,
    ReservationState,
    ReservedLine,
    refuse_hold,
    refuse_late,
    short_of,
)
from store_catalog.problems import ReservationExpired


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A reservation that is being held; `born` and `hint` if this call has opened it."""

    kept: Kept
    born: int | None = None
    hint: Hint | None = None


class Attempts:
    """Holds what orders want.

    Args:
        shelves: where units are held.
        reservations: what is kept for orders.
        hints: told of attempts that begin.
        endings: gives back what cannot be held whole.
        clock: what time it is.
    """

    def __init__(
        self, shelves: Shelves, reservations: Reservations, hints: Hints, endings: Endings, clock: Clock
    ) -> None:
        self._shelves = shelves
        self._reservations = reservations
        self._hints = hints
        self._endings = endings
        self._clock = clock

    async def reserve(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""
        until_ms = min(not_after_ms, self._clock.now_ms() + LONGEST_MS)
        found = await self._refuse_in_advance(order_id, lines, until_ms)
        wanted = tuple([ReservedLine(line.product_id, None, "", line.quantity, 0) for line in lines])
        with in_doubt():
            for _ in range(TRIES):
                attempt = await self._attempt(order_id, found, wanted, until_ms)
                if attempt.kept.state is State.HELD:
                    return Reservation(order_id, ReservationState.HELD, attempt.kept.lines)
                held = await self._hold(attempt, until_ms)
                if held is not None:
                    return held
                found = await self._reservations.find(order_id, serial=True)
        raise still_unknown()

    async def _refuse_in_advance(
        self, order_id: OrderId, lines: Sequence[Line], until_ms: int
    ) -> Kept | None:
        """Refuse what is late or short before anything is written: so ends most of a rush for the last units.

        Otherwise return what is kept for the order, if that was looked at.
        """
        late = self._clock.now_ms() > until_ms
        known = {line.product_id: self._shelves.available(line.product_id) for line in lines}
        seen = await self._look([product_id for product_id, available in known.items() if available is None])
        if not late and not _is_short(lines, known | seen):
            return None
        found = await self._reservations.find(order_id)
        if found is None or found.state is State.WITHDRAWN:
            refuse_late(self._clock.now_ms(), until_ms)
            seen |= await self._look([product_id for product_id in known if product_id not in seen])
            if _is_short(lines, seen):
                raise short_of(lines, seen)
        return found

    async def _look(self, product_ids: Sequence[ProductId]) -> dict[ProductId, int]:
        """Return how much there is of each product now."""
        parts = self._shelves.by_shard(dict.fromkeys(product_ids))
        looks = await asyncio.gather(*(self._shelves.of(shard).look(some) for shard, some in parts.items()))
        found = {product_id: goods for look in looks for product_id, goods in look.items()}
        return {
            product_id: 0 if found[product_id].deleted else found[product_id].stock.available
            for product_id in found
        } | {product_id: 0 for product_id in product_ids if product_id not in found}

    async def _attempt(
        self, order_id: OrderId, found: Kept | None, wanted: tuple[ReservedLine, ...], until_ms: int
    ) -> _Attempt:
        """Open an attempt, or find the one that there is: HOLDING or HELD.

        Raises:
            ReservationReleased: the order was cancelled.
            ReservationShipped: it was shipped.
            ReservationExpired: an attempt would come too late.
        """
        for _ in range(TRIES):
            if found is None or found.state is State.WITHDRAWN:
                opened = await self._open(order_id, found, wanted, until_ms)
                if opened is not None:
                    return opened
            elif found.state is State.WITHDRAWING:
                await self._endings.withdraw(found)
            else:
                refuse_hold(ReservationState(found.state).claim)
                return _Attempt(found)
            found = await self._reservations.find(order_id, serial=True)
        raise still_unknown()

    async def _open(
        self, order_id: OrderId, before: Kept | None, wanted: tuple[ReservedLine, ...], until_ms: int
    ) -> _Attempt | None:
        refuse_late(self._clock.now_ms(), until_ms)
        born = self._shelves.now()
        # At once: both are durable before the first hold, and an attempt without a hold needs no hint.
        opened, hint = await asyncio.gather(
            self._reservations.open(order_id, before, wanted), self._hints.add(order_id)
        )
        return None if opened is None else _Attempt(opened, born, hint)

    async def _hold(self, attempt: _Attempt, until_ms: int) -> Reservation | None:
        """Hold an attempt's lines; None when somebody else has taken it further.

        Raises:
            InsufficientStock: some of them are short; what was held is given back.
            ReservationExpired: it is too late; what was held is given back.
        """
        kept = attempt.kept
        parts = self._shelves.by_shard({line.product_id: line.quantity for line in kept.lines})
        outcomes = await asyncio.gather(
            *(
                self._shelves.submit(shard, Hold(kept.ref, some, until_ms, attempt.born))
                for shard, some in parts.items()
            ),
            return_exceptions=True,
        )
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        refusal = _refusal(kept, outcomes)
        if refusal is not None:
            await self._endings.withdraw(kept)
        elif len(taken) == len(outcomes):
            return await self._held(attempt, taken)
        if refusal is not None:
            raise refusal
        return None

    async def _held(self, attempt: _Attempt, taken: Sequence[Taken]) -> Reservation | None:
        reserved = {line.product_id: line for part in taken for line in part.lines}
        lines = tuple([reserved[line.product_id] for line in attempt.kept.lines])
        if await self._reservations.move(attempt.kept, State.HELD, lines) is None:
            return None
        if attempt.hint is not None:
            self._hints.finish([attempt.hint])
        went = tuple([product_id for part in taken for product_id in part.went])
        return Reservation(attempt.kept.order_id, ReservationState.HELD, lines, went)


def _is_short(lines: Sequence[Line], available: Mapping[ProductId, int | None]) -> bool:
    return any((available[line.product_id] or 0) < line.quantity for line in lines)


def _refusal(kept: Kept, outcomes: Sequence[Taken | Short | BaseException]) -> Conflict | None:
    """Return why an attempt cannot be held; None if nothing is against it, or if it has come to an end already."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in errors:
        if not isinstance(error, Conflict):
            raise error
    for error in errors:
        return error if isinstance(error, ReservationExpired) else None
    short = [outcome for outcome in outcomes if isinstance(outcome, Short)]
    if not short:
        return None
    # What was held of the other shards was not short.
    available = {line.product_id: line.quantity for line in kept.lines}
    for outcome in short:
        available |= outcome.available
    return short_of([Line(line.product_id, line.quantity) for line in kept.lines], available)
