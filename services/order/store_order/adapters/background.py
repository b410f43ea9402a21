"""Work that outlives the request that began it, in tasks of this process."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from store_order.ports import StillRunning

T = TypeVar("T")


class BackgroundTasks:
    """Runs work in tasks of their own, so that neither a deadline nor a lost client stops it halfway.

    The service ends it twice: with the workers, while peers in the same process still listen, and as a resource, for
    what the last requests to its own port left behind.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Nothing to prepare."""

    def start(self, _metrics: object = None, /) -> None:
        """Nothing begins by itself."""

    async def stop(self) -> None:
        """Let the work in hand finish."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Let the work of the last requests finish, after the port was closed."""
        await self.stop()

    async def run(self, work: Coroutine[Any, Any, T], within_s: float) -> T:
        """Begin work and return its result.

        Raises:
            StillRunning: it takes longer than `within_s` seconds; it goes on.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait((task,), timeout=max(0.0, within_s))
        if not done:
            raise StillRunning
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, so that asyncio does not report it: a caller that still waits gets it
