"""The read model's first pass at the start of the service."""

import asyncio
from collections.abc import Awaitable, Callable

from store_kit.telemetry.logs import get_logger


class FirstPass:
    """Catches up before the service answers, but lets it start when that takes long.

    A small catalogue is complete when the first request comes. A large one is built while the service runs:
    lists answer 503 with Retry-After until then, products and stock are there at once.
    """

    def __init__(self, follow: Callable[[], Awaitable[int]], wait_s: float) -> None:
        self._follow = follow
        self._wait_s = wait_s
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger("catalogue.index")

    async def open(self) -> None:
        """Follow the feed to its end, at most `wait_s` of it before returning."""
        self._task = asyncio.create_task(self._catch_up(), name="catalogue index first pass")
        await asyncio.wait([self._task], timeout=self._wait_s)

    async def close(self) -> None:
        """Stop, should it still be at it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _catch_up(self) -> None:
        try:
            while await self._follow():
                pass
        except Exception:  # noqa: BLE001 - logged; the worker tries again
            self._log.exception("index.first_pass_failed")
