"""SQLite for a service: one writer thread with group commit, reads in the event loop.

Writes of many requests share one transaction: each runs in its own SAVEPOINT and decides inside it, one
COMMIT makes them all durable, then all callers are answered together. Reads use the loop's own connection:
they are short by construction, and a hop to a thread costs more than the query.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypeVar

from store_kit.metrics import Metrics
from store_kit.migrations import SchemaError, migrate, read_migrations

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Row = tuple[Any, ...]

_GROUP: Final = 256
_BUSY_TIMEOUT_S: Final = 5.0
_PAGE_CACHE_KIB: Final = 2 * 1024
"""For each connection, of which a shop has a dozen; the kernel's cache holds the rest (measured: 16 MiB answered no
faster and took 35 MB more in all)."""


class _Operation:
    """One queued write: what to run, and the future of whoever waits for it."""

    __slots__ = ("done", "error", "name", "result", "started", "work")

    def __init__(self, name: str, work: Work, done: "asyncio.Future[Any]") -> None:
        self.name = name
        self.work = work
        self.done = done
        self.started = time.perf_counter()
        self.result: Any = None
        self.error: BaseException | None = None


class Sqlite:
    """One database file.

    Args:
        path: the file; its folder is made when missing.
        migrations: the folder of numbered schema files.
        metrics: where the time of each operation is counted.
        synchronous: `FULL` makes every answered write survive power loss.
    """

    def __init__(
        self,
        path: Path,
        migrations: Traversable,
        *,
        metrics: Metrics | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._metrics = metrics
        self._synchronous = synchronous
        self._queue: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._reader: sqlite3.Connection | None = None
        self._writer: threading.Thread | None = None

    async def open(self) -> None:
        """Create the file when missing, apply the schema, start the writer.

        Raises:
            SchemaError: the file belongs to newer code, or is no database.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A folder that was there before may let others look into it; SQLite's side files take the mode of this one.
        self._path.touch(mode=0o600)
        try:
            connection = self._connect()
        except sqlite3.DatabaseError as error:
            raise SchemaError(
                f"{self._path} cannot be used as a database ({error}). Put a backup in its place, or begin anew "
                "with another data folder; store doctor looks at all of them."
            ) from error
        migrate(connection, read_migrations(self._migrations), self._path.name)
        self._reader = self._connect()
        self._reader.execute("PRAGMA query_only = ON")
        self._loop = asyncio.get_running_loop()
        self._writer = threading.Thread(
            target=self._write_groups, args=(connection,), name=f"write {self._path.name}"
        )
        self._writer.start()

    async def close(self) -> None:
        """Finish the writes that wait, then close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, writer.join)
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def all(self, operation: str, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a short query; `operation` is `table.verb`, for the metrics."""
        started = time.perf_counter()
        outcome = "error"
        try:
            rows = self._connection().execute(sql, params).fetchall()
            outcome = "ok"
            return rows
        finally:
            self._observe(operation, outcome, started)

    def one(self, operation: str, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Return the first row of a short query, or None."""
        rows = self.all(operation, sql, params)
        return rows[0] if rows else None

    async def write(self, operation: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the next group's transaction; return what it returned once that is durable.

        `work` runs on the writer thread and must decide by what it reads there. An exception takes back
        its own changes only. Who waits may be cancelled; the write happens all the same.
        """
        if self._writer is None:
            raise RuntimeError(f"{self._path.name} is not open")
        pending = _Operation(operation, work, asyncio.get_running_loop().create_future())
        self._queue.put(pending)
        result: T = await pending.done
        return result

    def _connection(self) -> sqlite3.Connection:
        if self._reader is None:
            raise RuntimeError(f"{self._path.name} is not open")
        return self._reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
        return connection

    def _write_groups(self, connection: sqlite3.Connection) -> None:
        closing = False
        while not closing:
            group, closing = self._next_group()
            if group:
                _run_group(connection, group)
                self._loop.call_soon_threadsafe(self._answer, group)
        connection.close()

    def _next_group(self) -> tuple[list[_Operation], bool]:
        first = self._queue.get()
        if first is None:
            return [], True
        group = [first]
        while len(group) < _GROUP:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _answer(self, group: list[_Operation]) -> None:
        for operation in group:
            self._observe(operation.name, "ok" if operation.error is None else "error", operation.started)
            if operation.done.cancelled():
                continue  # whoever waited went away; the write happened all the same
            if operation.error is None:
                operation.done.set_result(operation.result)
            else:
                operation.done.set_exception(operation.error)

    def _observe(self, operation: str, outcome: str, started: float) -> None:
        if self._metrics is not None:
            self._metrics.observe_db("sqlite", operation, outcome, time.perf_counter() - started)


def _run_group(connection: sqlite3.Connection, group: list[_Operation]) -> None:
    """Run a group in one transaction; a failed COMMIT fails every operation in it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for operation in group:
            _run_one(connection, operation)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for operation in group:
            operation.error = operation.error or error


def _run_one(connection: sqlite3.Connection, operation: _Operation) -> None:
    connection.execute("SAVEPOINT one")
    try:
        result = operation.work(connection)
        # A cursor stays on this thread: whoever drops one elsewhere resets a statement that may be running here.
        operation.result = None if isinstance(result, sqlite3.Cursor) else result
    except BaseException as error:  # noqa: BLE001 - whatever the caller's work raises belongs to the caller
        operation.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")
