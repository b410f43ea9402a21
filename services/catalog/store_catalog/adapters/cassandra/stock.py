"""Stock and reservations in Cassandra (docs/protocols.md, Stock and Reservations).

An order holds all of its lines, or none. The reservation is opened before the first hold, its lines are held shard by
shard at once, and it is HELD once all are. Every step is a compare-and-set that may be repeated: a caller that finds a
reservation midway goes on from there. Several callers may drive one attempt: holds are keyed by it, and one of them
makes the step to HELD.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.cassandra.errors import still_unknown
from store_kit.clock import Clock
from store_kit.problems import Conflict, in_doubt

from store_catalog.adapters.cassandra.committer import ShardCommitter
from store_catalog.adapters.cassandra.finishing import EndedOrders, Finishing
from store_catalog.adapters.cassandra.operations import Adjust, Hold, Short, Taken
from store_catalog.adapters.cassandra.pending_reservations import Hint, PendingReservations
from store_catalog.adapters.cassandra.shard_rows import LONGEST_MS
from store_catalog.adapters.cassandra.stock_pages import StockPages
from store_catalog.domain import (
    Adjusted,
    Adjustment,
    Line,
    OrderId,
    ProductId,
    Reservation,
    ReservationRecord,
    ReservationState,
    ReservedLine,
    StockRow,
    begin,
    no_change,
    refuse_hold,
    refuse_late,
    short_of,
    transition,
)
from store_catalog.problems import ReservationExpired

_TRIES: Final = 20
"""Steps of others that a call follows; each of them brings the reservation nearer to its end."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A reservation that is being held; `opened_at`: the moment before which nothing was held for it, 0: unknown."""

    record: ReservationRecord
    opened_at: int
    hint: Hint


class CassandraStockStore:
    """StockStore on the catalogue's keyspace.

    Args:
        committer: changes reservations and quantities.
        ended: which orders have ended.
        pending: finds what stopped midway.
        pages: what an audit reads.
        clock: what time it is.
    """

    def __init__(
        self,
        committer: ShardCommitter,
        ended: EndedOrders,
        pending: PendingReservations,
        pages: StockPages,
        clock: Clock,
    ) -> None:
        self._committer = committer
        self._ended = ended
        self._pending = pending
        self._finishing = Finishing(committer, ended, pending)
        self._clock = clock
        self._pages = pages

    async def reserve_stock(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""
        until_ms = min(not_after_ms, self._clock.now_ms() + LONGEST_MS)
        await self._refuse_in_advance(order_id, lines, until_ms)
        wanted = tuple([ReservedLine(line.product_id, None, "", line.quantity, 0) for line in lines])
        with in_doubt():
            for _ in range(_TRIES):
                attempt = await self._open(order_id, wanted, until_ms)
                record = attempt.record
                if record.state is ReservationState.HELD:
                    return Reservation(order_id, ReservationState.HELD, record.lines)
                if record.state is ReservationState.WITHDRAWING:
                    await self._finishing.withdraw(record)
                    continue
                if record.state is not ReservationState.HOLDING:
                    refuse_hold(record.state.hold_state)
                held = await self._hold(attempt, until_ms)
                if held is not None:
                    return held
        raise still_unknown()

    async def release_stock(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._finishing.end(order_id, ReservationState.RELEASED)

    async def ship_stock(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._finishing.end(order_id, ReservationState.SHIPPED)

    async def adjust_stock(self, adjustment: Adjustment) -> Adjusted:
        """Change what was received, once per operation id, as long as that is known: for a day."""
        shard = self._committer.shards.of(adjustment.product_id)
        adjusted: Adjusted = await self._committer.submit(shard, Adjust(adjustment))
        return adjusted

    async def list_stock(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next products' stock, each as of one moment."""
        return await self._pages.list_stock(after, limit)

    async def list_unfinished(self, older_than_ms: int, limit: int) -> list[Reservation]:
        """Return reservations that are in a passing state since before a time."""
        found: dict[OrderId, Reservation] = {}
        hints = await self._pending.waiting(older_than_ms)
        for at in range(0, len(hints), _AT_ONCE):
            some = hints[at : at + _AT_ONCE]
            passing = await self._passing({order_id for _, order_id in some})
            self._pending.finish([hint for hint in some if hint[1] not in passing])
            for order_id, record in passing.items():
                if record.updated_at_ms < older_than_ms:
                    found[order_id] = Reservation(order_id, record.state)
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    async def finish_reservation(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """End a reservation that is still in a passing state since before then."""
        return await self._finishing.finish(order_id, older_than_ms)

    async def delete_markers(self, older_than_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: what is left of reservations expires by itself."""
        return 0

    async def _passing(self, order_ids: set[OrderId]) -> dict[OrderId, ReservationRecord]:
        parts = self._committer.shards.divide(order_ids)
        found = await asyncio.gather(
            *(self._committer.cache(shard).read_reservations(some) for shard, some in parts.items())
        )
        return {
            order_id: record for part in found for order_id, record in part.items() if record.state.passing
        }

    # ------------------------------------------------------------------------------------------- holding

    async def _refuse_in_advance(self, order_id: OrderId, lines: Sequence[Line], until_ms: int) -> None:
        """Refuse what is short before anything is written: so ends most of a rush for the last units."""
        known = {line.product_id: self._committer.available(line.product_id) for line in lines}
        seen = await self._look([product_id for product_id, available in known.items() if available is None])
        if not _is_short(lines, known | seen):
            return
        record, _ = await self._committer.step(order_id, no_change)
        if record is not None and record.state is not ReservationState.WITHDRAWN:
            return
        ended = await self._ended.find_end(order_id)
        if ended is not None:
            refuse_hold(ended.hold_state)
        refuse_late(self._clock.now_ms(), until_ms)
        seen |= await self._look([product_id for product_id in known if product_id not in seen])
        if _is_short(lines, seen):
            raise short_of(lines, seen)

    async def _look(self, product_ids: Sequence[ProductId]) -> dict[ProductId, int]:
        """Return how much there is of each product now."""
        parts = self._committer.shards.divide(product_ids)
        looks = await asyncio.gather(
            *(self._committer.cache(shard).read_products(some) for shard, some in parts.items())
        )
        found = {product_id: row.available for look in looks for product_id, row in look.items()}
        return dict.fromkeys(product_ids, 0) | found

    async def _open(self, order_id: OrderId, wanted: tuple[ReservedLine, ...], until_ms: int) -> _Attempt:
        """Open an attempt, or return what there is.

        Raises:
            ReservationReleased: the order was cancelled long ago.
            ReservationShipped: it was shipped long ago.
            ReservationExpired: there is none, and one would come too late.
        """
        opened_at = self._committer.now()
        # All at once: durable before the first hold is soon enough, and an attempt without a hold needs no hint.
        hint, ended, (record, opened) = await asyncio.gather(
            self._pending.add(order_id),
            self._ended.find_end(order_id),
            self._committer.step(
                order_id, begin(order_id, wanted, until_ms), assume_absent=True, weight=len(wanted)
            ),
        )
        if record is None:
            raise AssertionError(order_id)
        if ended is not None:
            if opened:
                end = transition(record.attempt, ReservationState.HOLDING, ended)
                await self._committer.step(order_id, end)
            refuse_hold(ended.hold_state)
        return _Attempt(record, opened_at if opened else 0, hint)

    async def _hold(self, attempt: _Attempt, until_ms: int) -> Reservation | None:
        """Hold an attempt's lines; None when another call has taken it further.

        Raises:
            InsufficientStock: some of them are short; what was held is given back.
            ReservationExpired: it is too late; what was held is given back.
        """
        record = attempt.record
        quantities = {line.product_id: line.quantity for line in record.lines}
        holds = {
            shard: Hold(record.ref, {one: quantities[one] for one in ids}, until_ms, attempt.opened_at)
            for shard, ids in self._committer.shards.divide(quantities).items()
        }
        outcomes = await asyncio.gather(
            *(self._committer.submit(shard, hold) for shard, hold in holds.items()), return_exceptions=True
        )
        refusal = _refusal(record, outcomes)
        if refusal is not None:
            await self._finishing.withdraw(record)
            self._pending.finish([attempt.hint])
            raise refusal
        taken = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
        return await self._held(attempt, taken) if len(taken) == len(outcomes) else None

    async def _held(self, attempt: _Attempt, taken: Sequence[Taken]) -> Reservation | None:
        reserved = {line.product_id: line for part in taken for line in part.lines}
        lines = tuple([reserved[line.product_id] for line in attempt.record.lines])
        order_id, number = attempt.record.order_id, attempt.record.attempt
        held = transition(number, ReservationState.HOLDING, ReservationState.HELD, lines)
        record, _ = await self._committer.step(order_id, held, weight=len(lines))
        if record is None or (record.state, record.attempt) != (ReservationState.HELD, number):
            return None
        self._pending.finish([attempt.hint])
        crossed = tuple([product_id for part in taken for product_id in part.crossed])
        return Reservation(order_id, ReservationState.HELD, record.lines, crossed)


def _is_short(lines: Sequence[Line], available: Mapping[ProductId, int | None]) -> bool:
    return any((available[line.product_id] or 0) < line.quantity for line in lines)


def _refusal(record: ReservationRecord, outcomes: Sequence[Taken | Short | BaseException]) -> Conflict | None:
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
    available = {line.product_id: line.quantity for line in record.lines}
    for outcome in short:
        available |= outcome.available
    return short_of([Line(line.product_id, line.quantity) for line in record.lines], available)
