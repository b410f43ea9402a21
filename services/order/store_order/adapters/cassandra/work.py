"""The work queues in Cassandra: hints by the minute in which they become due (`store_kit.cassandra.work_queue`)."""

import asyncio
from collections.abc import Sequence
from typing import Final

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.minute_queue import MINUTE_MS
from store_kit.cassandra.work_queue import WorkQueue, WorkTables
from store_kit.clock import Clock
from store_kit.ids import new_id

from store_order.domain import Hint, Queue

_TABLES: Final = WorkTables(
    entries="order_work",
    add="INSERT INTO order_work (queue, minute, due_ms, order_id, version, looks) VALUES (?, ?, ?, ?, ?, ?)",
    list=(
        "SELECT due_ms, order_id, version, looks FROM order_work"
        " WHERE queue = ? AND minute = ? AND due_ms >= ? AND due_ms < ?"
    ),
    marks="order_work_parts",
    get_mark="SELECT done_ms FROM order_work_parts WHERE queue = ? AND writer = ?",
    set_mark="INSERT INTO order_work_parts (queue, writer, done_ms) VALUES (?, ?, ?) USING TIMESTAMP ?",
    set_end="INSERT INTO order_work_parts (queue, writer, end_ms) VALUES (?, ?, ?) USING TIMESTAMP ?",
    list_marks="SELECT writer, done_ms, end_ms FROM order_work_parts WHERE queue = ?",
    delete_mark="DELETE FROM order_work_parts USING TIMESTAMP ? WHERE queue = ? AND writer = ?",
)
_OLDER_MARK: Final = "SELECT minute FROM order_work_marks WHERE queue = ?"
_DELETE_OLDER_MARK: Final = "DELETE FROM order_work_marks USING TIMESTAMP ? WHERE queue = ?"
_OLDER: Final = ""
"""The writer of the part that older versions wrote."""
_EXPIRE_AFTER_MS: Final = 40 * 24 * 60 * MINUTE_MS
_Row = tuple[int, str, int, int]


class CassandraWorkQueue:
    """The work queue on the order service's keyspace.

    Args:
        db: the keyspace.
        clock: which minute it is.
        announcements: writes what must be there before a change.
    """

    def __init__(self, db: Cassandra, clock: Clock, announcements: GatheredWrites) -> None:
        self._db = db
        self._clock = clock
        writer = new_id()
        self._queues = {
            queue: WorkQueue[_Row](db, _TABLES, queue.value, writer, announcements) for queue in Queue
        }
        self._asked_ms: dict[Queue, int] = {}

    async def list_due_hints(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        """Return up to `limit` hints whose time has come, oldest first."""
        await self._adopt(queue, now_ms)
        return [Hint(queue, *row) for row in await self._queues[queue].due(now_ms, limit)]

    async def schedule_hints(self, hints: Sequence[Hint]) -> None:
        """Write hints; durable when this returns."""
        now_ms = self._clock.now_ms()
        await asyncio.gather(*(self._queues[hint.queue].add(_row(hint), now_ms) for hint in hints))

    async def finish_hints(self, hints: Sequence[Hint]) -> None:
        """Note hints as finished: nothing is written for it but the mark that passes them."""
        for hint in hints:
            self._queues[hint.queue].finish([_row(hint)])

    async def _adopt(self, queue: Queue, now_ms: int) -> None:
        """Take over the hints of a version that had one part for all processes; they expire, so it has an end.

        Its first one may come at any time while that version still runs, so this is asked again once a minute.
        """
        asked_ms = self._asked_ms.get(queue)
        asked_lately = asked_ms is not None and 0 <= now_ms - asked_ms < MINUTE_MS
        if asked_lately or self._queues[queue].has_part_of(_OLDER):
            return
        row = await self._db.one("order_work_marks.get", _OLDER_MARK, (queue.value,))
        if row is not None:
            at_ms = int(row[0]) * MINUTE_MS
            await self._queues[queue].adopt(_OLDER, at_ms, at_ms + _EXPIRE_AFTER_MS)
            await self._db.write("order_work_marks.delete", (_DELETE_OLDER_MARK, (int(row[0]), queue.value)))
        self._asked_ms[queue] = now_ms


def _row(hint: Hint) -> _Row:
    return (hint.due_at_ms, hint.order_id, hint.version, hint.looks)
