"""The writing half of a SQLite file: the writes of many callers in one transaction, each of which fails alone.

Each decides inside the transaction, one COMMIT makes them all durable, then all callers are answered together.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from store_kit.problems import Problem
from store_kit.sqlite.errors import reason_of, uncommitted, unusable
from store_kit.sqlite.health import Health
from store_kit.telemetry.metrics import Metrics

T = TypeVar("T")
Item = TypeVar("Item")
Work = Callable[[sqlite3.Connection, Sequence[Any]], Sequence[Any]]

_GROUP: Final = 256


class _Operation:
    """One queued write: what to run for which item, and the future that its caller awaits."""

    __slots__ = ("at_commit", "done", "error", "item", "name", "result", "started", "work")

    def __init__(self, name: str, work: Work, item: Any) -> None:
        self.name = name
        self.work = work
        self.item = item
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.started = time.perf_counter()
        self.result: Any = None
        self.error: BaseException | None = None
        self.at_commit = False


class GroupWriter:
    """Writes to one file, from a thread of its own; `Sqlite` opens the file and reads.

    Args:
        label: the file's name, for messages.
        metrics: where the time of each write is counted.
    """

    def __init__(self, label: str, metrics: Metrics | None) -> None:
        self._label = label
        self._observe = _unobserved if metrics is None else metrics.observe_db
        self._turn: list[_Operation] = []
        self._queue: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._health = Health(label)
        self._writer: threading.Thread | None = None

    async def write(self, operation: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the next group's transaction; return what it returned once that is durable.

        `work` runs on the writer thread and must decide by what it reads there. An exception undoes its own changes
        only; it may be run again when another's undoes the group. A waiting caller may be cancelled; the write happens
        all the same.

        Raises:
            DatabaseUnavailable: its disk or its files prevent it; nothing was changed.
            DatabaseOutcomeUnknown: the disk failed at the very end.
        """
        result: T = await self._queued(_Operation(operation, lambda connection, _: (work(connection),), None))
        return result

    async def write_together(
        self, operation: str, work: Callable[[sqlite3.Connection, Sequence[Item]], Sequence[T]], item: Item
    ) -> T:
        """Run `work` once for the items of all callers that wait for it; return what it returned for this one.

        As `write` otherwise. When `work` raises it is undone and run for each item alone, so that an error reaches the
        caller whose item it is about. It must be the same function for all, e.g. one of a module.

        Raises:
            DatabaseUnavailable: its disk or its files prevent it; nothing was changed.
            DatabaseOutcomeUnknown: the disk failed at the very end.
        """
        result: T = await self._queued(_Operation(operation, work, item))
        return result

    def _queued(self, operation: _Operation) -> "asyncio.Future[Any]":
        """Queue a write; those of one turn of the loop are handed over together, so that they share a transaction."""
        if self._writer is None:
            raise RuntimeError(f"{self._label} is not open")
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(operation)
        return operation.done

    def _hand_over(self) -> None:
        turn, self._turn = self._turn, []
        for operation in turn:
            self._queue.put(operation)

    def _begin_writing(self, connection: sqlite3.Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = threading.Thread(
            target=self._write_groups, args=(connection,), name=f"write {self._label}"
        )
        self._writer.start()

    async def _end_writing(self) -> None:
        """Finish the writes that wait."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._hand_over()
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, writer.join)

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
            outcome = "ok" if operation.error is None else "error"
            self._observe("sqlite", operation.name, outcome, time.perf_counter() - operation.started)
            error = operation.error
            if isinstance(error, sqlite3.Error):
                meaning = uncommitted if operation.at_commit else unusable
                error = self._meaning(error, meaning(error))
            elif error is None:
                self._health.worked()
            if operation.done.cancelled():
                continue  # the caller is gone; the write happened all the same
            if error is None:
                operation.done.set_result(operation.result)
            else:
                operation.done.set_exception(error)

    def _meaning(self, error: sqlite3.Error, problem: Problem | None) -> Exception:
        """Return what an error means to the caller, and note it for the health check."""
        if problem is None:
            return error
        self._health.failed(reason_of(error) or "", problem)
        problem.__cause__ = error
        return problem


def _unobserved(_system: str, _operation: str, _outcome: str, _seconds: float) -> None:
    """Stand for metrics where nobody looks."""


def _run_group(connection: sqlite3.Connection, group: Sequence[_Operation]) -> None:
    """Run a group in one transaction; when that fails, every operation in it fails with the same error.

    So does one that had already failed by itself: it may have decided by a change of another, which is undone now.
    """
    at_commit = False
    try:
        connection.execute("BEGIN IMMEDIATE")
        if not all(_ran(connection, batch) for batch in _batches(group)):
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for operation in group:
                _run_alone(connection, operation)
        at_commit = True
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for operation in group:
            operation.error, operation.at_commit = error, at_commit


def _batches(group: Sequence[_Operation]) -> Iterable[Sequence[_Operation]]:
    """Return the operations by the work that they share."""
    batches: dict[Work, list[_Operation]] = {}
    for operation in group:
        batches.setdefault(operation.work, []).append(operation)
    return batches.values()


def _ran(connection: sqlite3.Connection, batch: Sequence[_Operation]) -> bool:
    """Run a batch; False when something of it must be undone.

    A savepoint around each would cost a tenth of the writer's time, and an operation that fails has rarely changed
    anything.
    """
    before = connection.total_changes
    try:
        _run(connection, batch)
    except BaseException as error:
        if isinstance(error, sqlite3.Error) and not connection.in_transaction:
            raise  # a full disk ends the whole group's transaction
        batch[0].error = error
        return len(batch) == 1 and connection.in_transaction and connection.total_changes == before
    return True


def _run_alone(connection: sqlite3.Connection, operation: _Operation) -> None:
    operation.error = None
    connection.execute("SAVEPOINT one")
    try:
        _run(connection, (operation,))
    except BaseException as error:
        if isinstance(error, sqlite3.Error) and not connection.in_transaction:
            raise  # a full disk ends the whole group's transaction
        operation.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _run(connection: sqlite3.Connection, batch: Sequence[_Operation]) -> None:
    results = batch[0].work(connection, [operation.item for operation in batch])
    for operation, result in zip(batch, results, strict=True):
        # A cursor stays on this thread: dropping one elsewhere resets a statement that may be running here.
        operation.result = None if isinstance(result, sqlite3.Cursor) else result
