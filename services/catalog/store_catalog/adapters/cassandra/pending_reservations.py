"""Which reservations may have stopped midway: hints by the minute, written before they pass through a state.

Every process writes to one queue (`store_kit.cassandra.minute_queue`) and looks at a hint once it is old enough.
"""

from collections.abc import Sequence
from typing import Final

from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.minute_queue import MINUTE_MS, MinuteQueue, MinuteTables
from store_kit.clock import Clock

from store_catalog.domain import OrderId

_TABLES: Final = MinuteTables(
    entries="reservation_hints",
    add="INSERT INTO reservation_hints (minute, at_ms, order_id) VALUES (?, ?, ?)",
    list="SELECT at_ms, order_id FROM reservation_hints WHERE minute = ? AND at_ms >= ? AND at_ms < ?",
    marks="hint_marks",
    get_mark="SELECT minute FROM hint_marks WHERE name = ?",
    set_mark="INSERT INTO hint_marks (name, minute) VALUES (?, ?) USING TIMESTAMP ?",
    mark_ms=MINUTE_MS,
)
_MOST: Final = 10_000

Hint = tuple[int, OrderId]
"""When it was written (in milliseconds), about which order."""


class PendingReservations:
    """The hints of all processes.

    Args:
        db: the keyspace.
        clock: which minute it is.
    """

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._clock = clock
        self._queue = MinuteQueue[Hint](db, _TABLES, ("sweep",))

    async def add(self, order_id: OrderId) -> Hint:
        """Write a hint; durable when this returns."""
        now_ms = self._clock.now_ms()
        return await self._queue.add((now_ms, order_id), now_ms)

    def finish(self, hints: Sequence[Hint]) -> None:
        """Note that these need not be looked at any more; only this process knows."""
        for hint in hints:
            self._queue.finish(hint)

    async def waiting(self, older_than_ms: int) -> list[Hint]:
        """Return the hints from before a time that are not finished, as far as this process knows; oldest first."""
        until_ms = min(older_than_ms, self._clock.now_ms() + 1)
        await self._queue.look(until_ms)
        await self._queue.settle()
        return self._queue.waiting(_MOST, until_ms)
