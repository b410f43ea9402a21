"""Background work: a step that is repeated until the service drains."""

import asyncio
from collections.abc import Awaitable, Callable

from store_kit.clock import Clock
from store_kit.problems import Unavailable
from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics


class Worker:
    """Repeats `step`: at once while there is more to do, else after `every_s` or a nudge.

    Args:
        name: for logs and metrics.
        step: does a bounded piece of work and returns how much it did.
        every_s: the pause after a step that left nothing, in seconds.
        clock: whose time the pause takes.
        at_once: how much a step does if there is that much; after less there is no more, and what comes during the
            pause is done together.
        finish: waits, when the worker ends, for what its last step has left under way.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[int]],
        every_s: float,
        clock: Clock,
        *,
        at_once: int = 1,
        finish: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.name = name
        self._step = step
        self._every_s = every_s
        self._clock = clock
        self._at_once = at_once
        self._finish = finish
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
        """Let the step in hand finish, and what it left under way, then end."""
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
            if await self._safely(self._step) < self._at_once and not self._stopping:
                await self._pause()
        if self._finish is not None:
            await self._safely(self._finish)

    async def _safely(self, step: Callable[[], Awaitable[int]]) -> int:
        # One bad step must not end the worker: it is logged, counted (and so alerted on) and tried again.
        try:
            done = await step()
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
