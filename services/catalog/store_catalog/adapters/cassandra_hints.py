"""Which reservations may have stopped half way: hints by the minute, written before they pass through a state.

A hint is looked at once it is old enough, and once more when its minute is closed, two minutes after its end: by then
nothing is added to it any more. Up to where all minutes are closed is kept as a mark, from which every process goes on.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from store_kit.cassandra import Cassandra, Statement
from store_kit.clock import Clock
from store_kit.groups import Groups

from store_catalog.domain import OrderId

_ADD: Final = "INSERT INTO reservation_hints (minute, at_ms, order_id) VALUES (?, ?, ?)"
_LIST: Final = "SELECT at_ms, order_id FROM reservation_hints WHERE minute = ? AND at_ms >= ? AND at_ms < ?"
_MARK: Final = "SELECT minute FROM hint_marks WHERE name = ?"
_SET_MARK: Final = "INSERT INTO hint_marks (name, minute) VALUES (?, ?) USING TIMESTAMP ?"
_NAME: Final = "sweep"
_MINUTE_MS: Final = 60_000
_OPEN_MINUTES: Final = 2
_MINUTES_AT_ONCE: Final = 32

Hint = tuple[int, OrderId]
"""When it was written (in milliseconds), about which order."""


class Hints:
    """The hints of all processes.

    Args:
        db: the keyspace.
        clock: which minute it is.
    """

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._mark: int | None = None
        self._closed = 0
        self._looked_ms = 0
        self._waiting: set[Hint] = set()
        self._finished: set[Hint] = set()
        self._writes: Groups[int, Hint] = Groups(self._write)

    async def add(self, order_id: OrderId) -> Hint:
        """Write a hint; durable when this returns."""
        hint = (self._clock.now_ms(), order_id)
        await self._writes.submit(hint[0] // _MINUTE_MS, hint)
        return hint

    def finish(self, hints: Sequence[Hint]) -> None:
        """Note that nobody needs to look at these any more; only this process knows."""
        self._finished.update(hints)
        self._waiting.difference_update(hints)

    async def waiting(self, older_than_ms: int) -> list[Hint]:
        """Return the hints from before a time that are not finished, as far as this process knows; oldest first."""
        until_ms = min(older_than_ms, self._clock.now_ms() + 1)
        if not await self._begun():
            return []
        await self._look(self._looked_ms, until_ms)
        self._looked_ms = max(self._looked_ms, until_ms)
        await self._close(until_ms // _MINUTE_MS - _OPEN_MINUTES)
        return sorted(self._waiting)

    async def _write(self, minute: int, hints: Sequence[Hint]) -> list[None]:
        if not await self._begun():
            await self._save_mark(minute - _OPEN_MINUTES)
            self._begin(minute - _OPEN_MINUTES)
        statements: list[Statement] = [(_ADD, (minute, *hint)) for hint in hints]
        await self._db.write("reservation_hints.insert", *statements)
        return [None] * len(hints)

    async def _look(self, from_ms: int, to_ms: int) -> None:
        """Take up the hints written from one time until before another."""
        first, last = from_ms // _MINUTE_MS, (to_ms - 1) // _MINUTE_MS
        for at in range(first, last + 1, _MINUTES_AT_ONCE):
            minutes = range(at, min(at + _MINUTES_AT_ONCE, last + 1))
            await asyncio.gather(*(self._read(minute, from_ms, to_ms) for minute in minutes))

    async def _read(self, minute: int, from_ms: int, to_ms: int) -> None:
        async for page in self._db.pages("reservation_hints.list", _LIST, (minute, from_ms, to_ms)):
            self._waiting.update([hint for hint in page if hint not in self._finished])

    async def _close(self, minute: int) -> None:
        """Look a last time at the minutes before this one, and move the mark to the first that is not done with."""
        if minute > self._closed:
            await self._look(self._closed * _MINUTE_MS, minute * _MINUTE_MS)
            self._closed = minute
        oldest = min(self._waiting, default=None)
        done = self._closed if oldest is None else min(self._closed, oldest[0] // _MINUTE_MS)
        if self._mark is None or done > self._mark:
            await self._save_mark(done)
            self._finished = {hint for hint in self._finished if hint[0] >= done * _MINUTE_MS}

    async def _begun(self) -> bool:
        """Say whether there is a mark; the first time, begin behind it."""
        if self._mark is None:
            row = await self._db.one("hint_marks.get", _MARK, (_NAME,))
            if row is None:
                return False
            self._begin(int(row[0]))
        return True

    def _begin(self, minute: int) -> None:
        self._mark = self._closed = minute
        self._looked_ms = minute * _MINUTE_MS

    async def _save_mark(self, minute: int) -> None:
        await self._db.write("hint_marks.insert", (_SET_MARK, (_NAME, minute, minute)))
        self._mark = minute
