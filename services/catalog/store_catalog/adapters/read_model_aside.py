"""Reads that would keep the event loop for long: one thread, its own connection, a bounded queue."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from store_kit.problems import Unavailable

T = TypeVar("T")
Read = Callable[[str, str, Sequence[Any]], list[tuple[Any, ...]]]
_WAITING: Final = 64


class Aside:
    """Runs dear reads one after the other beside the event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="catalogue-index-read")
        self._connection: sqlite3.Connection | None = None
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
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._read))
        finally:
            self._waiting -= 1

    async def reset(self) -> None:
        """Let go of the file; the next read opens it anew."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)

    async def close(self) -> None:
        """Let go of the file and end the thread."""
        if not self._closed:
            self._closed = True
            await self.reset()
            self._thread.shutdown()

    def _read(self, _operation: str, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None)
            self._connection.execute("PRAGMA query_only = ON")
        return self._connection.execute(sql, parameters).fetchall()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
