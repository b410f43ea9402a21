"""Background work: a step that is repeated until the service drains."""

import asyncio
from collections.abc import Awaitable, Callable

from store_kit.clock import Clock
from store_kit.logs import get_logger
from store_kit.metrics import Metrics
from store_kit.problems import Unavailable


class Worker:
    """Repeats `step`: at once while it finds something to do, else after `every_s` or a nudge.

    Args:
        name: for logs and metrics.
        step: does a bounded piece of work and returns how much it did.
        every_s: the pause after a step that found nothing, in seconds.
        clock: whose time the pause takes.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[int]], every_s: float, clock: Clock) -> None:
        self.name = name
        self._step = step
        self._every_s = every_s
        self._clock = clock
        self._log = get_logger(f"worker.{name}")
        self._nudged = asyncio.Event()
        self._stopping = False
        self._waiting_for: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._metrics: Metrics | None = None

    def start(self, metrics: Metrics | None = None) -> None:
        """Begin; must be called in a running event loop."""
        self._metrics = metrics
        if metrics is not None:
            metrics.worker_started(self.name)
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=f"worker {self.name}")

    async def stop(self) -> None:
        """Let the step in hand finish, then end."""
        self._stopping = True
        self._nudged.set()
        task, self._task = self._task, None
        if task is not None:
            await task

    def nudge(self) -> None:
        """Wake the worker now: there is something to do."""
        self._nudged.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._nudged.clear()
            if await self._safe_step() == 0 and not self._stopping:
                await self._pause()

    async def _safe_step(self) -> int:
        # One bad step must not end the worker: it is logged, counted (and so alerted on) and tried again.
        try:
            done = await self._step()
        except Unavailable as problem:
            self._wait_for(problem.slug, problem.detail)
        except Exception:  # noqa: BLE001 - see above
            self._log.exception("worker.failed", worker=self.name)
        else:
            self._waiting_for = None
            return done
        if self._metrics is not None:
            self._metrics.worker_failed(self.name)
        return 0

    def _wait_for(self, slug: str, detail: str) -> None:
        """Say what is away once, not at every look: a database that is down would fill the log."""
        if slug != self._waiting_for:
            self._log.warning("worker.failed", worker=self.name, reason=detail)
        self._waiting_for = slug

    async def _pause(self) -> None:
        sleep = asyncio.ensure_future(self._clock.sleep(self._every_s))
        nudge = asyncio.ensure_future(self._nudged.wait())
        try:
            await asyncio.wait((sleep, nudge), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            nudge.cancel()
