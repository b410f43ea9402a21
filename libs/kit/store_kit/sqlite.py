"""SQLite for a service: one writer thread with group commit, reads in the event loop.

Writes of many requests share one transaction: each runs in its own SAVEPOINT and decides inside it, one
COMMIT makes them all durable, then all callers are answered together. Reads use the loop's own connection:
they are short by construction, and a hop to a thread costs more than the query.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypeVar

from store_kit.metrics import Metrics
from store_kit.migrations import Member, Migration, check, migrate, read_migrations
from store_kit.problems import Problem
from store_kit.settings import StoreSettings
from store_kit.sqlite_errors import UnusableDisk, reason_of, refusal, uncommitted, unread, unusable
from store_kit.sqlite_health import Health
from store_kit.sqlite_identity import Membership, read_only

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

    __slots__ = ("at_commit", "done", "error", "name", "result", "started", "work")

    def __init__(self, name: str, work: Work, done: "asyncio.Future[Any]") -> None:
        self.name = name
        self.work = work
        self.done = done
        self.started = time.perf_counter()
        self.result: Any = None
        self.error: BaseException | None = None
        self.at_commit = False


class Sqlite:
    """One database file.

    Args:
        path: the file; its folder is made when missing.
        migrations: the folder of numbered schema files.
        metrics: where the time of each operation is counted.
        synchronous: `FULL` makes every answered write survive power loss.
        member: which of a shop's files it is; None for one that holds no truth.
    """

    def __init__(
        self,
        path: Path,
        migrations: Traversable,
        *,
        metrics: Metrics | None = None,
        synchronous: str = "FULL",
        member: Member | None = None,
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._metrics = metrics
        self._synchronous = synchronous
        self._member = member
        self._queue: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._health = Health(path.name)
        self._reader: sqlite3.Connection | None = None
        self._writer: threading.Thread | None = None

    async def open(self) -> None:
        """Create the file when missing, apply the schema, start the writer.

        Raises:
            SchemaError: the file belongs to newer code or another shop, is no database, or is missed.
            UnusableDisk: it cannot be opened as its disk or its rights are now.
        """
        try:
            connection = self._opened()
        except sqlite3.Error as error:
            if reason_of(error) is None:
                raise
            raise refusal(self._path, error) from error
        except OSError as error:
            raise UnusableDisk(f"{self._path} cannot be used: {error.strerror}.") from error
        self._loop = asyncio.get_running_loop()
        self._writer = threading.Thread(
            target=self._write_groups, args=(connection,), name=f"write {self._path.name}"
        )
        self._writer.start()

    def _opened(self) -> sqlite3.Connection:
        """Return the connection for writing, and keep the one for reading; both are closed when one fails."""
        migrations = read_migrations(self._migrations)
        self._look_first(migrations)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A folder that was there before may let others look into it; SQLite's side files take the mode of this one.
        self._path.touch(mode=0o600)
        with contextlib.ExitStack() as opened:
            writer = opened.enter_context(contextlib.closing(self._connect()))
            migrate(writer, migrations, self._path.name, self._member)
            reader = opened.enter_context(contextlib.closing(self._connect()))
            reader.execute("PRAGMA query_only = ON")
            opened.pop_all()
        self._reader = reader
        return writer

    def _look_first(self, migrations: list[Migration]) -> None:
        """Refuse a file before anything in it or beside it is changed."""
        if self._path.exists():
            with read_only(self._path) as connection:
                self._refuse(connection, migrations)
        elif self._member is not None:
            with contextlib.closing(sqlite3.connect(":memory:")) as nothing:
                self._member.decide(nothing)

    def _refuse(self, connection: sqlite3.Connection, migrations: list[Migration]) -> None:
        check(connection, migrations, self._path.name)
        if self._member is not None:
            self._member.decide(connection)

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
        """Return all rows of a short query; `operation` is `table.verb`, for the metrics.

        Raises:
            DatabaseUnavailable: its disk or its files do not let it.
        """
        started = time.perf_counter()
        outcome = "error"
        try:
            rows = self._connection().execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise self._meaning(error, unread(error)) from error
        else:
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

        Raises:
            DatabaseUnavailable: its disk or its files do not let it; nothing was changed.
            DatabaseOutcomeUnknown: the disk failed at the very end.
        """
        if self._writer is None:
            raise RuntimeError(f"{self._path.name} is not open")
        pending = _Operation(operation, work, asyncio.get_running_loop().create_future())
        self._queue.put(pending)
        result: T = await pending.done
        return result

    async def check(self) -> None:
        """Pass when the file can be read and written; now and then by a small write.

        Raises:
            DatabaseUnavailable: its disk or its files do not let it.
            SchemaError: it turned out to be a stranger among the shop's files.
        """
        self.one("database.check", "SELECT count(*) FROM schema_migrations")
        if self._member is not None and self._health.wants_a_try():
            await self.write("database.try", self._member.renew)
        self._health.must_be_good()

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
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_groups(self, connection: sqlite3.Connection) -> None:
        with contextlib.closing(connection):
            last = False
            while not last:
                group, last = self._next_group()
                if group:
                    _run_group(connection, group)
                    self._loop.call_soon_threadsafe(self._answer, group)

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
            error = operation.error
            if isinstance(error, sqlite3.Error):
                meaning = uncommitted if operation.at_commit else unusable
                error = self._meaning(error, meaning(error))
            elif error is None:
                self._health.worked()
            if operation.done.cancelled():
                continue  # whoever waited went away; the write happened all the same
            if error is None:
                operation.done.set_result(operation.result)
            else:
                operation.done.set_exception(error)

    def _meaning(self, error: sqlite3.Error, problem: Problem | None) -> Exception:
        """Return what an error is to the caller, and remember the trouble it tells of."""
        if problem is None:
            return error
        self._health.failed(reason_of(error) or "", problem)
        problem.__cause__ = error
        return problem

    def _observe(self, operation: str, outcome: str, started: float) -> None:
        if self._metrics is not None:
            self._metrics.observe_db("sqlite", operation, outcome, time.perf_counter() - started)


def shop_file(name: str, migrations: Traversable, *, settings: StoreSettings, metrics: Metrics) -> Sqlite:
    """Return the file of this name in the data folder, one of those that hold the shop's truth."""
    return Sqlite(
        settings.data_dir / f"{name}.db",
        migrations,
        metrics=metrics,
        synchronous=settings.sqlite_synchronous,
        member=Membership.of(settings, name),
    )


def _run_group(connection: sqlite3.Connection, group: list[_Operation]) -> None:
    """Run a group in one transaction; when that fails, every operation in it failed by the same error.

    Also one that had failed by itself: what it decided by may have been another's change, which is undone now.
    """
    at_commit = False
    try:
        connection.execute("BEGIN IMMEDIATE")
        for operation in group:
            _run_one(connection, operation)
        at_commit = True
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for operation in group:
            operation.error, operation.at_commit = error, at_commit


def _run_one(connection: sqlite3.Connection, operation: _Operation) -> None:
    connection.execute("SAVEPOINT one")
    try:
        result = operation.work(connection)
        # A cursor stays on this thread: whoever drops one elsewhere resets a statement that may be running here.
        operation.result = None if isinstance(result, sqlite3.Cursor) else result
    except BaseException as error:
        if isinstance(error, sqlite3.Error) and not connection.in_transaction:
            raise  # a full disk ends the whole group's transaction
        operation.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")
