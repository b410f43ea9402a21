"""How many orders are in each status, in Cassandra: counters for a gauge, moved once in a while.

A counter costs the database as much as a conditional write, and every order moves several. So a process gathers its
moves and writes their sums when it is asked how things stand, and at its end; one that is killed takes the moves
since the last look with it, by which the gauge is off from then on. The orders themselves are never counted so.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable

from store_order.domain import Order, Status

_MOVE: Final = "UPDATE order_counts SET orders = orders + ? WHERE status = ?"
_GET: Final = "SELECT orders FROM order_counts WHERE status = ?"


class CassandraCounts:
    """The counters of a keyspace, and the moves of this process that are not in them yet.

    Args:
        db: the keyspace.
    """

    def __init__(self, db: Cassandra) -> None:
        self._db = db
        self._moves: Counter[Status] = Counter()

    def moved(self, before: Order | None, after: Order) -> None:
        """Note that an order changed, perhaps its status too."""
        was = before.status if before else None
        if was is after.status:
            return
        self._moves[after.status] += 1
        if was is not None:
            self._moves[was] -= 1

    async def read(self) -> Mapping[Status, int]:
        """Return how many orders are in each status, as far as the counters know."""
        await self._write()
        rows = await asyncio.gather(
            *(self._db.one("order_counts.get", _GET, (status.value,)) for status in Status)
        )
        return {status: max(0, int(row[0])) if row else 0 for status, row in zip(Status, rows, strict=True)}

    async def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Write the last moves while the database is there."""
        await self._write()

    async def _write(self) -> None:
        moves, self._moves = self._moves, Counter()
        await asyncio.gather(*(self._move(status, by) for status, by in moves.items() if by))

    async def _move(self, status: Status, by: int) -> None:
        try:
            await self._db.write_once("order_counts.add", (_MOVE, (by, status.value)))
        except DatabaseUnavailable:
            self._moves[status] += by
        except DatabaseOutcomeUnknown:
            # Repeating could count twice; what was lost leaves the gauge off by as much.
            return
