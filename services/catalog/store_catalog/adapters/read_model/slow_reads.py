"""Reads that would keep the event loop for long: a few threads, a connection for each, a bounded queue."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from store_kit.problems import Unavailable

T = TypeVar("T")
Read = Callable[[str, str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs `(operation, sql, parameters)` and returns all rows."""
_WAITING: Final = 64
_THREADS: Final = min(4, os.cpu_count() or 1)
"""SQLite lets go of Python's lock while it works, so reads go on at once, each on a core of its own."""


class SlowReads:
    """Runs expensive reads in threads of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = _threads()
        self._free: list[sqlite3.Connection] = []
        """Connections that no thread uses now."""
        self._waiting = 0
        self._closed = False

    async def run(self, work: Callable[[Read], T]) -> T:
        """Return what `work` makes of what it reads.

        Raises:
            Unavailable: too many such reads wait already.
        """
        if self._waiting >= _WAITING:
            raise Unavailable(
                "Too many expensive searches at once; narrow the search or try again in a moment."
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)
        finally:
            self._waiting -= 1

    async def reset(self) -> None:
        """Let go of the file once no read uses it; the next read opens it again."""
        before, self._threads = self._threads, _threads()
        await asyncio.get_running_loop().run_in_executor(None, before.shutdown)
        while self._free:
            self._free.pop().close()

    async def close(self) -> None:
        """Let go of the file and end the threads."""
        if not self._closed:
            self._closed = True
            await self.reset()
            self._threads.shutdown()

    def _run(self, work: Callable[[Read], T]) -> T:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._connect()
        try:
            return work(partial(_read, connection))
        finally:
            self._free.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="catalogue-index-read")


def _read(
    connection: sqlite3.Connection, _operation: str, sql: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters).fetchall()
