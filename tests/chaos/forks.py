"""Processes that start in a tenth of the time: forked from one that has imported everything, and done nothing else.

Hundreds of restarts are affordable so. What runs is what the command line would run, in a process of its own with
its own pid, which SIGKILL ends like any other.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_IMPORTED = ["pytest", "store_cli.up.processes"]
_COVERAGE = "COVERAGE_PROCESS"


class Forked:
    """Stands for `python -m tests.chaos.crashing ...`; has the shape of tests.support.shop.Process."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._arguments = list(command[command.index("tests.chaos.crashing") + 1 :])
        self._log = log
        self._env = dict(env)
        self._process: ForkServerProcess | None = None
        self._said = 0

    def start(self) -> None:
        """Start it; what it says is appended to its log."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.touch()
        self._said = self._log.stat().st_size
        context = multiprocessing.get_context("forkserver")
        _serve_forks()
        self._process = context.Process(target=_run, args=(self._arguments, self._log, self._env))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """Pull the plug: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        self._process.join()
        return self._process.exitcode or 0

    @property
    def exit_code(self) -> int | None:
        """How it ended: minus the signal's number when a signal ended it; None while it runs."""
        return None if self._process is None else self._process.exitcode

    def output(self) -> str:
        """Return what it has said since it was last started."""
        return self._log.read_bytes()[self._said :].decode(errors="replace")


def _serve_forks() -> None:
    """Start the process that forks, once. Coverage stays outside: what is killed saves none, and pays for it."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_COVERAGE)}
    multiprocessing.get_context("forkserver").set_forkserver_preload(_IMPORTED)
    forkserver.ensure_running()
    os.environ.update(kept)


def _run(arguments: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
    """Become the shop; runs in the new process."""
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # they are text files
    os.environ.update(env)
    from tests.chaos.crashing import main  # noqa: PLC0415 - nothing of the shop may be imported by the test

    main(arguments)
