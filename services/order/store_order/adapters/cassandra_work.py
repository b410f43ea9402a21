"""The work queue in Cassandra: hints by the minute, read while it is young, never again once it is closed.

A hint lies in the minute in which it becomes due, or in the present one if that is past, so that none is put where
nobody looks any more. A minute is closed two minutes after its end, when no hint is left in it; up to where all
are closed is kept as a mark, from which a process that starts goes on. Deleted hints leave tombstones, which are
read for three minutes at most.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from store_kit.cassandra import Cassandra
from store_kit.clock import Clock
from store_kit.groups import Groups

from store_order.domain import Hint, Queue

_ADD: Final = (
    "INSERT INTO order_work (queue, minute, due_ms, order_id, version, looks) VALUES (?, ?, ?, ?, ?, ?)"
)
_DUE: Final = (
    "SELECT due_ms, order_id, version, looks FROM order_work"
    " WHERE queue = ? AND minute = ? AND due_ms >= ? AND due_ms <= ? LIMIT ?"
)
_ANY: Final = "SELECT due_ms FROM order_work WHERE queue = ? AND minute = ? LIMIT 1"
_FORGET: Final = (
    "DELETE FROM order_work WHERE queue = ? AND minute = ? AND due_ms = ? AND order_id = ? AND version = ?"
)
_MARK: Final = "SELECT minute FROM order_work_marks WHERE queue = ?"
_BEGIN: Final = "INSERT INTO order_work_marks (queue, minute) VALUES (?, ?) USING TIMESTAMP ?"
_MINUTE_MS: Final = 60_000
_OPEN_MINUTES: Final = 2
_MINUTES_AT_ONCE: Final = 64
_FULL_LOOK_MS: Final = 5_000
_RECENT_MS: Final = 5_000
_Key = tuple[str, int, str, int]


class CassandraWorkQueue:
    """The work queue on the order service's keyspace.

    Args:
        db: the keyspace.
        clock: which minute it is.
    """

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._marks: dict[Queue, int] = {}
        self._saved: dict[Queue, int] = {}
        self._looked_ms: dict[Queue, int] = {}
        self._minutes: dict[_Key, int] = {}
        self._finished: dict[_Key, int] = {}
        self._writes: Groups[tuple[Queue, int], Hint] = Groups(self._write)

    async def due(self, queue: Queue, now_ms: int, limit: int) -> Sequence[Hint]:
        """Return up to `limit` hints whose time has come, oldest first."""
        await self._forget()
        mark = await self._mark(queue)
        if mark is None:
            return []
        if now_ms - self._looked_ms.get(queue, 0) < _FULL_LOOK_MS:
            # Between full looks only what has just become due is asked for, past the tombstones before it.
            return await self._read(queue, [now_ms // _MINUTE_MS], now_ms - _RECENT_MS, now_ms, limit)
        found = await self._full_look(queue, mark, now_ms, limit)
        if len(found) < limit:
            self._looked_ms[queue] = now_ms
        return found

    async def schedule(self, hints: Sequence[Hint]) -> None:
        """Write hints; durable when this returns."""
        now_ms = self._clock.now_ms()
        await asyncio.gather(*(self._add(hint, now_ms) for hint in hints))

    async def done(self, hints: Sequence[Hint]) -> None:
        """Note hints as finished; they are deleted with the next look at a queue."""
        for hint in hints:
            key = _key(hint)
            self._finished[key] = self._minutes.pop(key, hint.due_ms // _MINUTE_MS)

    async def _add(self, hint: Hint, now_ms: int) -> None:
        minute = max(hint.due_ms, now_ms) // _MINUTE_MS
        await self._begin(hint.queue, min(minute, now_ms // _MINUTE_MS))
        await self._writes.submit((hint.queue, minute), hint)

    async def _write(self, bucket: tuple[Queue, int], hints: Sequence[Hint]) -> list[None]:
        queue, minute = bucket
        await self._db.write(
            "order_work.insert",
            *(
                (_ADD, (queue.value, minute, hint.due_ms, hint.order_id, hint.version, hint.looks))
                for hint in hints
            ),
        )
        return [None] * len(hints)

    async def _begin(self, queue: Queue, minute: int) -> None:
        """Set the first mark of a queue before its first hint."""
        if await self._mark(queue) is None:
            await self._save(queue, minute - _OPEN_MINUTES)

    async def _mark(self, queue: Queue) -> int | None:
        if queue not in self._marks:
            row = await self._db.one("order_work_marks.get", _MARK, (queue.value,))
            if row is None:
                return None
            self._marks[queue] = self._saved[queue] = int(row[0])
        return self._marks[queue]

    async def _save(self, queue: Queue, minute: int) -> None:
        await self._db.write("order_work_marks.insert", (_BEGIN, (queue.value, minute, minute)))
        self._marks[queue] = self._saved[queue] = minute

    async def _full_look(self, queue: Queue, mark: int, now_ms: int, limit: int) -> list[Hint]:
        """Look at every minute that is open; close those that are done with."""
        found: list[Hint] = []
        newest = now_ms // _MINUTE_MS
        for first in range(mark, newest + 1, _MINUTES_AT_ONCE):
            minutes = range(first, min(first + _MINUTES_AT_ONCE, newest + 1))
            found += await self._read(queue, minutes, 0, now_ms, limit - len(found))
            await self._close(queue, minutes, newest)
            if len(found) >= limit:
                break
        return found

    async def _read(
        self, queue: Queue, minutes: Sequence[int], from_ms: int, to_ms: int, limit: int
    ) -> list[Hint]:
        answers = await asyncio.gather(
            *(
                self._db.all("order_work.due", _DUE, (queue.value, minute, from_ms, to_ms, limit))
                for minute in minutes
            )
        )
        found = []
        for minute, rows in zip(minutes, answers, strict=True):
            for row in rows:
                hint = Hint(queue, *row)
                key = _key(hint)
                if key not in self._finished:
                    self._minutes[key] = minute
                    found.append(hint)
        found.sort(key=lambda hint: hint.due_ms)
        return found[:limit]

    async def _close(self, queue: Queue, minutes: Sequence[int], newest: int) -> None:
        """Move the mark over the minutes that ended long enough ago and are empty."""
        for minute in minutes:
            if minute >= newest - _OPEN_MINUTES or minute != self._marks[queue]:
                break
            if await self._db.one("order_work.any", _ANY, (queue.value, minute)) is not None:
                break
            self._marks[queue] = minute + 1
        if self._marks[queue] - self._saved[queue] >= _OPEN_MINUTES:
            await self._save(queue, self._marks[queue])

    async def _forget(self) -> None:
        finished, self._finished = self._finished, {}
        by_minute: dict[tuple[str, int], list[tuple[str, tuple[object, ...]]]] = {}
        for (queue, due_ms, order_id, version), minute in finished.items():
            statement = (_FORGET, (queue, minute, due_ms, order_id, version))
            by_minute.setdefault((queue, minute), []).append(statement)
        await asyncio.gather(
            *(self._db.write("order_work.forget", *statements) for statements in by_minute.values())
        )


def _key(hint: Hint) -> _Key:
    return (hint.queue.value, hint.due_ms, hint.order_id, hint.version)
