"""How an order comes to hold its lines: all of them, or none (PROTOCOLS 2).

The reservation is opened before the first hold, its lines are held shard by shard at once, and it is HELD once all are.
Several callers may drive one attempt: holds are keyed by it, and one of them makes the step to HELD.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.cassandra_errors import still_unknown
from store_kit.clock import Clock
from store_kit.problems import Conflict

from store_catalog.adapters.cassandra_doubt import in_doubt
from store_catalog.adapters.cassandra_ended import EndedOrders
from store_catalog.adapters.cassandra_endings import Endings
from store_catalog.adapters.cassandra_hints import Hint, Hints
from store_catalog.adapters.cassandra_kept import Kept, State, leaving, moving, opening
from store_catalog.adapters.cassandra_operations import LONGEST_MS, Hold, Short, Taken
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

_TRIES: Final = 20
"""Steps of others that a call follows; each of them brings the reservation nearer to its end."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A reservation that is being held; `born`: the moment before which nothing was held for it, 0: who knows."""

    kept: Kept
    born: int
    hint: Hint


class Attempts:
    """Holds what orders want.

    Args:
        shelves: where reservations are kept and units are held.
        ended: which orders have ended.
        hints: told of attempts that begin.
        endings: gives back what cannot be held whole.
        clock: what time it is.
    """

    def __init__(
        self, shelves: Shelves, ended: EndedOrders, hints: Hints, endings: Endings, clock: Clock
    ) -> None:
        self._shelves = shelves
        self._ended = ended
        self._hints = hints
        self._endings = endings
        self._clock = clock

    async def reserve(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""
        until_ms = min(not_after_ms, self._clock.now_ms() + LONGEST_MS)
        await self._refuse_in_advance(order_id, lines, until_ms)
        wanted = tuple([ReservedLine(line.product_id, None, "", line.quantity, 0) for line in lines])
        with in_doubt():
            for _ in range(_TRIES):
                attempt = await self._open(order_id, wanted, until_ms)
                kept = attempt.kept
                if kept.state is State.HELD:
                    return Reservation(order_id, ReservationState.HELD, kept.lines)
                if kept.state is State.WITHDRAWING:
                    await self._endings.withdraw(kept)
                    continue
                refuse_hold(ReservationState(kept.state).claim)
                held = await self._hold(attempt, until_ms)
                if held is not None:
                    return held
        raise still_unknown()

    async def _refuse_in_advance(self, order_id: OrderId, lines: Sequence[Line], until_ms: int) -> None:
        """Refuse what is short before anything is written: so ends most of a rush for the last units."""
        known = {line.product_id: self._shelves.available(line.product_id) for line in lines}
        seen = await self._look([product_id for product_id, available in known.items() if available is None])
        if not _is_short(lines, known | seen):
            return
        kept, _ = await self._shelves.step(order_id, leaving)
        if kept is not None and kept.state is not State.WITHDRAWN:
            return
        ended = await self._ended.find(order_id)
        if ended is not None:
            refuse_hold(ended.claim)
        refuse_late(self._clock.now_ms(), until_ms)
        seen |= await self._look([product_id for product_id in known if product_id not in seen])
        if _is_short(lines, seen):
            raise short_of(lines, seen)

    async def _look(self, product_ids: Sequence[ProductId]) -> dict[ProductId, int]:
        """Return how much there is of each product now."""
        parts = self._shelves.by_shard(dict.fromkeys(product_ids))
        looks = await asyncio.gather(*(self._shelves.of(shard).look(some) for shard, some in parts.items()))
        found = {product_id: goods.available for look in looks for product_id, goods in look.items()}
        return dict.fromkeys(product_ids, 0) | found

    async def _open(self, order_id: OrderId, wanted: tuple[ReservedLine, ...], until_ms: int) -> _Attempt:
        """Open an attempt, or return what there is.

        Raises:
            ReservationReleased: the order was cancelled long ago.
            ReservationShipped: it was shipped long ago.
            ReservationExpired: there is none, and one would come too late.
        """
        born = self._shelves.now()
        # All at once: durable before the first hold is soon enough, and an attempt without a hold needs no hint.
        hint, ended, (kept, opened) = await asyncio.gather(
            self._hints.add(order_id),
            self._ended.find(order_id),
            self._shelves.step(order_id, opening(order_id, wanted, until_ms), blind=True, weight=len(wanted)),
        )
        if ended is not None:
            if opened and kept is not None:
                end = State(ended)
                await self._shelves.step(order_id, moving(kept.attempt, (State.HOLDING, end)))
            refuse_hold(ended.claim)
        if kept is None:
            raise AssertionError(order_id)
        return _Attempt(kept, born if opened else 0, hint)

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
        refusal = _refusal(kept, outcomes)
        if refusal is not None:
            await self._endings.withdraw(kept)
            self._hints.finish([attempt.hint])
            raise refusal
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        return await self._held(attempt, taken) if len(taken) == len(outcomes) else None

    async def _held(self, attempt: _Attempt, taken: Sequence[Taken]) -> Reservation | None:
        reserved = {line.product_id: line for part in taken for line in part.lines}
        lines = tuple([reserved[line.product_id] for line in attempt.kept.lines])
        order_id, number = attempt.kept.order_id, attempt.kept.attempt
        held = moving(number, (State.HOLDING, State.HELD), lines)
        kept, _ = await self._shelves.step(order_id, held, weight=len(lines))
        if kept is None or (kept.state, kept.attempt) != (State.HELD, number):
            return None
        self._hints.finish([attempt.hint])
        went = tuple([product_id for part in taken for product_id in part.went])
        return Reservation(order_id, ReservationState.HELD, kept.lines, went)


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
