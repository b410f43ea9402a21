"""The tables of queues by the minute in memory, with what may go wrong: slow, broken and unreadable."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.cassandra.minute_queue import MINUTE_MS, MinuteQueue, MinuteTables
from store_kit.cassandra.work_queue import WorkQueue, WorkTables
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable

SHARED = MinuteTables("work", "add", "list", "marks", "get", "set", MINUTE_MS)
PARTS = WorkTables("work", "add", "list", "marks", "get", "set", 1, "marks", "end", "delete")
NOON = 1_000
NOON_MS = NOON * MINUTE_MS
Entry = tuple[int, str]


class Tables:
    """Entries by their partition, and marks by the name of their queue; of each column the greatest timestamp wins."""

    def __init__(self) -> None:
        self.entries: dict[tuple[Any, ...], set[Entry]] = {}
        self.marks: dict[tuple[str, ...], dict[str, int]] = {}
        self.deleted: dict[tuple[str, ...], int] = {}
        self.log: list[str] = []
        self.rows_read = 0
        self.page_rows = 1_000
        self.reading = self.most_reading = 0
        self.breaks_at = -1
        self.gate: asyncio.Event | None = None
        self.read_gate: asyncio.Event | None = None
        self.broken = False
        self.unreadable = ""

    async def one(self, operation: str, cql: str, params: tuple[str, ...]) -> tuple[int] | None:
        """Return a mark."""
        self.log.append(operation)
        assert cql == "get"
        mark = self._seen(params).get("set")
        return None if mark is None else (mark,)

    async def all(self, operation: str, cql: str, params: tuple[str]) -> list[tuple[Any, ...]]:
        """Return the marks of a queue."""
        self.log.append(operation)
        assert cql == "marks"
        found = [(name[1], self._seen(name)) for name in self.marks if name[0] == params[0]]
        return [(writer, row.get("set"), row.get("end")) for writer, row in found if row]

    async def pages(self, operation: str, cql: str, params: tuple[Any, ...]) -> AsyncIterator[list[Entry]]:
        """Yield entries of a partition."""
        self.log.append(operation)
        assert cql == "list"
        *partition, from_ms, to_ms = params
        if partition[0] == self.unreadable or partition[1] == self.breaks_at:
            raise DatabaseUnavailable("No answer.")
        self.reading += 1
        self.most_reading = max(self.reading, self.most_reading)
        rows = sorted(row for row in self.entries.get(tuple(partition), ()) if from_ms <= row[0] < to_ms)
        self.rows_read += len(rows)
        if self.read_gate is not None:
            await self.read_gate.wait()
        self.reading -= 1
        for at in range(0, max(len(rows), 1), self.page_rows):
            yield rows[at : at + self.page_rows]

    async def write(self, operation: str, *statements: Statement) -> None:
        """Do what statements say."""
        self.log.append(operation)
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise DatabaseOutcomeUnknown("No answer.")
        for cql, params in statements:
            if cql == "add":
                *partition, at_ms, what = params
                self.entries.setdefault(tuple(partition), set()).add((at_ms, what))
            elif cql == "delete":
                timestamp, *name = params
                self.deleted[tuple(name)] = timestamp
            else:
                *name, value, timestamp = params
                assert value == timestamp
                row = self.marks.setdefault(tuple(name), {})
                row[cql] = max(value, row.get(cql, 0))

    def _seen(self, name: tuple[str, ...]) -> dict[str, int]:
        deleted = self.deleted.get(name, 0)
        return {column: value for column, value in self.marks.get(name, {}).items() if value > deleted}

    def queue(self) -> MinuteQueue[Entry]:
        """Return a queue that several processes write, as another one of them has it."""
        return MinuteQueue(cast("Cassandra", self), SHARED, ("due",), ("due",))

    def process(self, writer: str) -> WorkQueue[Entry]:
        """Return a queue of parts, as one process has it."""
        return WorkQueue(cast("Cassandra", self), PARTS, "due", writer)
