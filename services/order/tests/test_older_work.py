"""The hints of a version that had one queue for all processes: they are taken over, also when it still runs or did."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.cassandra.minute_queue import MINUTE_MS
from store_order.adapters.cassandra.work import CassandraWorkQueue
from store_order.domain import Hint, Queue

from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
NOON = 28_000_000
NOON_MS = NOON * MINUTE_MS
Row = tuple[int, str, int, int]


class Older:
    """What an older version has in the keyspace, in one of its queues."""

    def __init__(self) -> None:
        self.mark: int | None = None
        self.hints: dict[int, list[Row]] = {}
        self.parts: dict[str, dict[str, int]] = {}
        self.asked = 0

    def schedule(self, minute: int, order_id: str) -> Hint:
        """Write a hint as the older version did: its process begins with a mark two minutes before its first one."""
        self.mark = minute - 2 if self.mark is None else self.mark
        row = (minute * MINUTE_MS, order_id, 1, 0)
        self.hints.setdefault(minute, []).append(row)
        return Hint(Queue.CLOCK, *row)

    async def one(self, operation: str, _cql: str, params: tuple[str, ...]) -> tuple[int | None] | None:
        """Answer with a mark, of the older version or of a part."""
        if operation == "order_work_marks.get":
            self.asked += 1
            return None if self.mark is None else (self.mark,)
        return (self.parts[params[1]].get("done_ms"),) if params[1] in self.parts else None

    async def all(self, _operation: str, _cql: str, _params: tuple[str]) -> list[tuple[Any, ...]]:
        """List the parts."""
        return [(writer, part.get("done_ms"), part.get("end_ms")) for writer, part in self.parts.items()]

    async def pages(
        self, _operation: str, _cql: str, params: tuple[str, int, int, int]
    ) -> AsyncIterator[list[Row]]:
        """Read hints of a minute; this queue has none but those of the older version."""
        queue, minute, from_ms, to_ms = params
        yield [row for row in self.hints.get(minute, []) if queue == "clock" and from_ms <= row[0] < to_ms]

    async def write(self, operation: str, *statements: Statement) -> None:
        """Keep the furthest mark and end of a part; delete the mark of the older version."""
        for cql, params in statements:
            if operation == "order_work_marks.delete":
                self.mark = None
            else:
                part = self.parts.setdefault(str(params[1]), {})
                column = "done_ms" if "done_ms" in cql else "end_ms"
                part[column] = max(int(params[2]), part.get(column, 0))

    def process(self) -> CassandraWorkQueue:
        """Return the queues as a process of this version has them."""
        db = cast("Cassandra", self)
        return CassandraWorkQueue(db, ManualClock(NOON_MS), GatheredWrites(db, "announcements.insert"))


async def due(work: CassandraWorkQueue, now_ms: int) -> list[Hint]:
    return list(await work.list_due_hints(Queue.CLOCK, now_ms, 10))


async def test_a_mark_that_comes_after_the_start_is_taken_over() -> None:
    """An older version that still runs may write its first hint at any time: it is found within a minute."""
    older = Older()
    work = older.process()
    assert await due(work, NOON_MS) == []
    hint = older.schedule(NOON, "order")
    assert await due(work, NOON_MS + MINUTE_MS + 6_000) == [hint]
    assert older.mark is None


async def test_marks_are_asked_for_once_a_minute_until_there_is_one() -> None:
    """Not at every poll, and no more when the part is known."""
    older = Older()
    work = older.process()
    for second in range(180):
        await due(work, NOON_MS + second * 1_000)
    assert older.asked == 3
    older.schedule(NOON, "order")
    for second in range(180, 600):
        await due(work, NOON_MS + second * 1_000)
    assert older.asked == 4


async def test_what_was_left_before_an_older_version_ran_again_is_found() -> None:
    """Its new mark says nothing of what this version had taken over and not finished."""
    older = Older()
    left = older.schedule(NOON, "left")
    assert await due(older.process(), NOON_MS + 6_000) == [left]
    again = older.schedule(NOON + 60, "again")
    assert await due(older.process(), NOON_MS + 61 * MINUTE_MS) == [left, again]
