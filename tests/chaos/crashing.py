"""A composition root that only tests have: the shop, or one service of it, with a crash point around every port.

`python -m tests.chaos.crashing up --port N` and `... run SERVICE` do what `store up` and `store run` do. Where the
plan in the data folder says so, the process kills itself with SIGKILL: nothing is flushed, closed or answered.
"""

import argparse
import inspect
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from store_cli.up.processes import run_alone, run_shop

from tests.chaos.boundaries import Boundary, Folder, Plan, When, details_of
from tests.chaos.effects import is_look

P = TypeVar("P")
_HOST = "127.0.0.1"


class CrashPoints:
    """Watches every boundary of every port of this process.

    Args:
        folder: where the plan is; it may come, change and go while the process runs.
        die: ends the process at once.
    """

    def __init__(self, folder: Folder, die: Callable[[], None]) -> None:
        self._folder = folder
        self._die = die
        self._stamp: tuple[int, int] | None = None
        self._plan: Plan | None = None
        self._passes = 0
        self._counts: Counter[tuple[str, ...]] = Counter()

    def wrap(self, name: str, port: P, /) -> P:
        """Return the port with a crash point before and after each call."""
        service = type(port).__module__.partition(".")[0].removeprefix("store_")
        return cast("P", _Watched(self, service, name, port))

    def reach(
        self, port: tuple[str, str], method: str, when: When, values: Sequence[Any], result: Any = None
    ) -> None:
        """Note a boundary, or die there, if the plan is about what the call carries or gave."""
        plan = self._current_plan()
        if plan is None or not any(mark in repr((values, result)) for mark in plan.marks):
            return
        self._passes += 1
        details = details_of(values, plan.marks) or details_of((result,), plan.marks) or [""]
        passed = [self._boundary(port, method, detail, when) for detail in details]
        for boundary in passed:
            self._folder.note(boundary)
        here = plan.kill in passed or self._passes == plan.kill_nth
        if here and self._folder.take_trigger(plan):
            self._die()

    def _boundary(self, port: tuple[str, str], method: str, detail: str, when: When) -> Boundary:
        if is_look(*port, method):
            return Boundary(*port, method, detail, when)
        look = (*port, method, detail, when)
        self._counts[look] += 1
        return Boundary(*port, method, detail, when, self._counts[look])

    def _current_plan(self) -> Plan | None:
        try:
            found = self._folder.plan_path.stat()
            if self._stamp != (found.st_ino, found.st_mtime_ns):
                self._plan = self._folder.read_plan()
                self._stamp = (found.st_ino, found.st_mtime_ns)
                self._counts.clear()
                self._passes = 0
        except FileNotFoundError:
            self._stamp, self._plan = None, None
        return self._plan


def _kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """A port whose every call passes two crash points."""

    def __init__(self, points: CrashPoints, service: str, name: str, port: object) -> None:
        self._points, self._where, self._port = points, (service, name), port

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)
        if inspect.iscoroutinefunction(call):
            call = self._watched(method, call)
        setattr(self, method, call)
        return call

    def _watched(self, method: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def watched(*args: Any, **kwargs: Any) -> Any:
            values = (*args, *kwargs.values())
            self._points.reach(self._where, method, "before", values)
            try:
                result = await call(*args, **kwargs)
            except Exception as refusal:
                self._points.reach(self._where, method, "after", values, refusal)
                raise
            self._points.reach(self._where, method, "after", values, result)
            return result

        return watched


def main(arguments: Sequence[str]) -> None:
    """Run the shop or one service with crash points."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    up.add_argument("--port", type=int, required=True)
    up.add_argument("--no-catalogue", action="store_true", required=True)
    commands.add_parser("run").add_argument("service")
    asked = parser.parse_args(arguments)
    data = Path(os.environ["STORE_DATA_DIR"])
    points = CrashPoints(Folder(data), _kill_myself)
    if asked.command == "up":
        run_shop(asked.port, data, _HOST, catalogue=False, wrap=points.wrap)
    else:
        run_alone(asked.service, data, _HOST, points.wrap)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
