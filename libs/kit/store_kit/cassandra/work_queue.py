"""A queue of work for several processes: each works off a part of its own; others take over what it leaves lying.

The parts are `store_kit.cassandra.minute_queue`s. As a process is the only one that writes its part, it reads each of
its entries once and knows at any moment up to where it is done. It says so every second in a row of its own, the mark
of its part. What lies behind that mark is done, for the others too: they read only what a mark has left lying for three
seconds, because its process has died or has too much to do.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.minute_queue import (
    CLOSED_AFTER_MS,
    FOR_EVER_MS,
    LATE_MS,
    MINUTE_MS,
    MinuteQueue,
    MinuteTables,
)

Entry = TypeVar("Entry", bound=tuple[Any, ...])
_TURN_MS: Final = 1_000
"""How often marks are written and read."""
_LEFT_LYING_MS: Final = 3_000
_FURTHER_MS: Final = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class WorkTables(MinuteTables):
    """The tables of queues of work; a mark is known by queue and writer, in milliseconds.

    Args:
        list_marks: reads writer, mark and end of each part of a queue.
        set_end: writes the moment after which a part has no entries (queue, writer, end), with it as timestamp.
        delete_mark: deletes the row of a part as it was at a timestamp (timestamp, queue, writer).
    """

    list_marks: str = ""
    set_end: str = ""
    delete_mark: str = ""


class WorkQueue(Generic[Entry]):
    """One queue; an entry begins with the moment when it is due, in milliseconds.

    Args:
        db: the keyspace.
        tables: where entries and marks are.
        name: of the queue.
        writer: of this process' parts; no other process, now or later, may have the same.
        writes: takes the entries of other queues as well; its own when None.
    """

    def __init__(
        self,
        db: Cassandra,
        tables: WorkTables,
        name: str,
        writer: str,
        writes: GatheredWrites | None = None,
    ) -> None:
        self._db = db
        self._writes = writes
        self._tables = tables
        self._name = name
        self._writer = writer
        self._parts = 0
        self._own = self._next_part()
        self._others: dict[str, MinuteQueue[Entry]] = {}
        self._end_ms = self._turned_ms = 0
        self._extending = asyncio.Lock()

    async def add(self, entry: Entry, now_ms: int) -> Entry:
        """Write an entry, for now if its moment is past, and return it as it was written; durable by then."""
        # When the clock was set back, the part moves the entry on to where it is closed.
        at_ms = max(entry[0], now_ms, self._own.closed_ms)
        if at_ms > self._end_ms:
            await self._extend(at_ms, now_ms)
        return await self._own.add(entry, now_ms)

    def finish(self, entries: Iterable[Entry]) -> None:
        """Note entries as finished: a mark that passes them tells the others, within a second or two."""
        for entry in entries:
            next((part for part in self._others.values() if entry in part), self._own).finish(entry)

    async def due(self, now_ms: int, limit: int) -> list[Entry]:
        """Return up to `limit` entries whose moment has come, oldest first: our own, and what others left lying."""
        if self._end_ms:
            await self._own.look(now_ms + 1)
        if not 0 <= now_ms - self._turned_ms < _TURN_MS:
            self._turned_ms = now_ms
            if self._end_ms:
                await self._own.settle()
            await self._take_over(now_ms - _LEFT_LYING_MS)
        parts = (self._own, *self._others.values())
        return sorted(entry for part in parts for entry in part.waiting(limit, now_ms + 1))[:limit]

    def has_part_of(self, writer: str) -> bool:
        """Whether a part of another writer is known, as of the last look at their marks."""
        return writer in self._others

    async def adopt(self, writer: str, mark_ms: int, end_ms: int) -> None:
        """Add a part that was written in another way, until an end and from a mark, if it has none yet."""
        part = self._part(writer)
        if await part.mark_ms() is None:
            # A later one of an older version that ran again says nothing of what was left before.
            await part.move_mark(mark_ms)
        await self._set_end(writer, end_ms)

    async def _extend(self, at_ms: int, now_ms: int) -> None:
        """Say that there may be entries up to a moment and some minutes after it, before one is written."""
        async with self._extending:
            if at_ms <= self._end_ms:
                return
            if self._end_ms and max(now_ms, self._own.closed_ms) > self._end_ms + MINUTE_MS:
                # The others forget a part two minutes after its end.
                self._own = self._next_part()
            if await self._own.mark_ms() is None:
                # Later it must not move: what waits for longer than two minutes would lie behind it.
                await self._own.move_mark(now_ms - CLOSED_AFTER_MS)
            await self._set_end(self._own_writer, at_ms + _FURTHER_MS)
            self._end_ms = at_ms + _FURTHER_MS

    @property
    def _own_writer(self) -> str:
        return f"{self._writer}.{self._parts}"

    def _next_part(self) -> MinuteQueue[Entry]:
        self._parts += 1
        return self._part(self._own_writer, late_ms=0, ends_ms=0)

    async def _set_end(self, writer: str, end_ms: int) -> None:
        cql = (self._tables.set_end, (self._name, writer, end_ms, end_ms))
        await self._db.write(f"{self._tables.marks}.insert", cql)

    async def _take_over(self, before_ms: int) -> None:
        """Take up what others have left lying since before a moment; forget the parts that have come to their end."""
        rows = await self._db.all(f"{self._tables.marks}.list", self._tables.list_marks, (self._name,))
        # Without those that have no entry yet.
        known = {row[0]: row[1:] for row in rows if row[0] != self._own_writer and None not in row}
        for writer, (mark_ms, end_ms) in known.items():
            if writer not in self._others:
                # Here at once: if the next part cannot be read, what this one has is given out all the same.
                self._others[writer] = self._part(writer)
            part = self._others[writer]
            part.ends_ms = end_ms
            part.move_on(mark_ms)
            await part.look(before_ms)
            await part.settle()
            if part.done_ms() > end_ms:
                last = (self._tables.delete_mark, (max(part.done_ms(), end_ms), self._name, writer))
                await self._db.write(f"{self._tables.marks}.delete", last)
        self._others = {writer: part for writer, part in self._others.items() if writer in known}

    def _part(self, writer: str, *, late_ms: int = LATE_MS, ends_ms: int = FOR_EVER_MS) -> MinuteQueue[Entry]:
        name, partition = (self._name, writer), (part_of(self._name, writer),)
        return MinuteQueue(
            self._db, self._tables, name, partition, late_ms=late_ms, ends_ms=ends_ms, writes=self._writes
        )


def part_of(name: str, writer: str) -> str:
    """Return what the partitions of a writer's part are called; a part without a writer is older than parts."""
    return f"{name}@{writer}" if writer else name
