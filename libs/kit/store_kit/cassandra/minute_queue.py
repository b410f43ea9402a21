"""A queue in Cassandra: entries by the minute, each read when its moment comes, and none ever deleted.

A poll reads from where the last one ended, so it never passes over what is done. What is finished is remembered by
the process that finished it, for as long as it may be read again. Up to where everything is finished is stored as a
mark: nothing before it is ever read, and a process that starts goes on from there. Old entries expire by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.cassandra.moments import Moments

Entry = TypeVar("Entry", bound=tuple[Any, ...])
MINUTE_MS: Final = 60_000
LATE_MS: Final = 5_000
"""How long after its moment an entry of another process may be written and still be found by the next look."""
CLOSED_AFTER_MS: Final = 120_000
"""How long after it a moment is looked at for the last time: by then nothing is written for it any more."""
FOR_EVER_MS: Final = 1 << 60
_ROOM: Final = 10_000
_MINUTES_AT_ONCE: Final = 32
_FEW_ROWS: Final = 1_000
"""Fewer than these in one step, and the next step is twice as many minutes."""


@dataclass(frozen=True, slots=True)
class MinuteTables:
    """The two tables of queues, and the statements for them.

    Args:
        entries: the table of entries, for the metrics.
        add: inserts an entry; its parameters are the queue's partition, the minute, and the entry.
        list: reads the entries of a partition and minute from one moment until before another.
        marks: the table of marks, for the metrics.
        get_mark: reads a queue's mark by its name.
        set_mark: writes it (name, mark) with the mark as timestamp, so that the furthest mark stays.
        mark_ms: the unit of a mark in milliseconds.
    """

    entries: str
    add: str
    list: str
    marks: str
    get_mark: str
    set_mark: str
    mark_ms: int = 1


class MinuteQueue(Generic[Entry]):
    """The entries of one queue. An entry begins with its moment in milliseconds.

    Args:
        db: the keyspace.
        tables: where they are.
        name: the key of the queue's mark.
        partition: what precedes the minute in the key of an entry's partition.
        late_ms: how much of what was read is read again, since others may write late; 0 if this process is the only
            one that writes.
        ends_ms: the last moment that has an entry, as far as that is known.
        writes: takes the entries of other queues as well; its own when None.

    Attributes:
        closed_ms: up to where it has been looked for the last time; no entry is written before it.
    """

    def __init__(
        self,
        db: Cassandra,
        tables: MinuteTables,
        name: tuple[str, ...],
        partition: tuple[str, ...] = (),
        *,
        late_ms: int = LATE_MS,
        ends_ms: int = FOR_EVER_MS,
        writes: GatheredWrites | None = None,
    ) -> None:
        self._db = db
        self._tables = tables
        self._name = name
        self._partition = partition
        self._late_ms = late_ms
        self.ends_ms = ends_ms
        self._mark_ms: int | None = None
        self.closed_ms = self._looking_ms = self._looked_ms = 0
        self._writes = writes or GatheredWrites(db, f"{tables.entries}.insert")
        self._writing: Moments[Entry] = Moments()
        self._waiting: Moments[Entry] = Moments()
        self._finished: Moments[Entry] = Moments()

    def __contains__(self, entry: object) -> bool:
        """Whether an entry waits."""
        return entry in self._waiting

    async def add(self, entry: Entry, now_ms: int) -> Entry:
        """Write an entry, for now if its moment is past, and return it as it was written; durable by then."""
        if await self.mark_ms() is None:
            await self.move_mark(now_ms - CLOSED_AFTER_MS)
        # Never behind a mark that was written already, whatever the clock says.
        at_ms = max(entry[0], now_ms, self.closed_ms)
        entry = cast("Entry", (at_ms, *entry[1:]))
        if self.ends_ms < FOR_EVER_MS:
            self.ends_ms = max(self.ends_ms, at_ms)
        self._writing.add(entry)
        partition = (*self._partition, at_ms // MINUTE_MS)
        try:
            await self._writes.write(
                (self._tables.entries, *partition), (self._tables.add, (*partition, *entry))
            )
        finally:
            self._writing.discard(entry)
        if at_ms < self._looking_ms:
            # A look that began before this was durable may have missed it.
            self._take(entry)
        return entry

    def finish(self, entry: Entry) -> None:
        """Note that an entry need not be looked at any more; only this process knows."""
        self._waiting.discard(entry)
        if entry[0] >= self.closed_ms:
            self._finished.add(entry)

    def waiting(self, limit: int, before_ms: int) -> list[Entry]:
        """Return entries from before a moment that are not finished, as far as is known; oldest first."""
        return self._waiting.oldest(limit, before_ms)

    async def look(self, before_ms: int) -> None:
        """Take up the entries from before a moment that has come, as many as there is room for."""
        mark_ms = await self.mark_ms()
        if mark_ms is None or len(self._waiting) >= _ROOM:
            return
        self._looking_ms = before_ms
        closable_ms = before_ms
        if self._late_ms:
            closable_ms = (before_ms - CLOSED_AFTER_MS) // MINUTE_MS * MINUTE_MS
        # First what can be closed: after a long time without a look that is nearly all, and it is read only once.
        async for at_ms in self._take_up(max(self.closed_ms, mark_ms), closable_ms):
            self.closed_ms = max(self.closed_ms, at_ms)
        self._finished.forget_before(self.closed_ms)
        if len(self._waiting) >= _ROOM:
            return
        # Not before what is closed: what was finished there is forgotten, and would be taken up again and again.
        from_ms = max(self._looked_ms - self._late_ms, self.closed_ms, mark_ms)
        async for at_ms in self._take_up(from_ms, before_ms):
            self._looked_ms = max(self._looked_ms, at_ms)

    async def settle(self) -> None:
        """Move the mark up to where everything is finished; not past the last entry again and again."""
        mark_ms = await self.mark_ms()
        if mark_ms is not None and mark_ms <= self.ends_ms:
            await self.move_mark(self.done_ms())

    def done_ms(self) -> int:
        """Return up to which moment everything is finished, as far as this process knows."""
        oldest_ms = (self.closed_ms, self._waiting.oldest_ms(), self._writing.oldest_ms())
        return min(at_ms for at_ms in oldest_ms if at_ms is not None)

    async def mark_ms(self) -> int | None:
        """Return the moment before which everything is finished, for every process; None before the first entry."""
        if self._mark_ms is None:
            row = await self._db.one(f"{self._tables.marks}.get", self._tables.get_mark, self._name)
            if row is not None and row[0] is not None:
                self.move_on(int(row[0]) * self._tables.mark_ms)
        return self._mark_ms

    def move_on(self, mark_ms: int) -> None:
        """Hear that another process has moved the mark."""
        self._mark_ms = max(mark_ms, self._mark_ms or 0)
        self._waiting.forget_before(self._mark_ms)

    async def move_mark(self, mark_ms: int) -> None:
        """Say that all before a moment is finished, for every process, unless that has been said."""
        mark = mark_ms // self._tables.mark_ms
        if self._mark_ms is None or mark > self._mark_ms // self._tables.mark_ms:
            cql: Statement = (self._tables.set_mark, (*self._name, mark, mark))
            await self._db.write(f"{self._tables.marks}.insert", cql)
            self.move_on(mark * self._tables.mark_ms)

    async def _take_up(self, from_ms: int, to_ms: int) -> AsyncIterator[int]:
        """Read entries from one moment until before another; say after each step how far this came.

        Where there is little, a step is many minutes; where there is much, one, for there is room for so much only.
        """
        at_ms, at_once, last_ms = from_ms, 1, min(to_ms - 1, self.ends_ms)
        while at_ms <= last_ms:
            first = at_ms // MINUTE_MS
            minutes = range(first, min(first + at_once, last_ms // MINUTE_MS + 1))
            rows = 0
            async for minute, page in self._pages(minutes, from_ms, to_ms):
                rows += len(page)
                self._take_page(minute * MINUTE_MS, page)
                if page and len(self._waiting) >= _ROOM:
                    yield int(page[-1][0])
                    return
            at_ms = minutes.stop * MINUTE_MS
            at_once = min(2 * at_once, _MINUTES_AT_ONCE) if rows < _FEW_ROWS else max(at_once // 2, 1)
            yield min(at_ms, to_ms)
        yield to_ms

    async def _pages(self, minutes: range, from_ms: int, to_ms: int) -> AsyncIterator[tuple[int, list[Any]]]:
        """Yield the pages of minutes in their order; the first one of each is read at the same time."""
        # Whole where it can be: older versions wrote what was late as it was into the present minute.
        wheres = [(*self._partition, at, from_ms if at * MINUTE_MS < from_ms else 0, to_ms) for at in minutes]
        tables = self._tables
        readers = [self._db.pages(f"{tables.entries}.list", tables.list, where) for where in wheres]
        pages = await asyncio.gather(*(anext(reader, []) for reader in readers))
        for minute, reader, page in zip(minutes, readers, pages, strict=True):
            yield minute, page
            async for further in reader:
                yield minute, further

    def _take_page(self, begins_ms: int, page: Sequence[Any]) -> None:
        for entry in page:
            self._take(entry if entry[0] >= begins_ms else (begins_ms, *entry[1:]))

    def _take(self, entry: Any) -> None:
        if entry not in self._finished:
            self._waiting.add(entry)
