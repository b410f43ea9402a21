"""Servers under measurement: processes pinned to one core, and what the kernel says they cost."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
_ENDS_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 600.0  # a read model of a million products is built in less


@dataclass(frozen=True, slots=True)
class Checkout:
    """A version of the shop that can be started: its folder and the Python that has its packages."""

    folder: Path
    python: Path


HERE: Final = Checkout(Path(__file__).resolve().parents[2], Path(sys.executable))
"""The checkout that this bench is part of."""


class PinnedServer:
    """A server process on the servers' core, from start to stop.

    Args:
        arguments: what follows `python -m`.
        ready_url: answers 200 when it can be used.
        log: where its output goes.
        env: further variables.
        core: where it must run; None: anywhere.
        checkout: the version that is run.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        ready_url: str,
        log: Path,
        env: Mapping[str, str],
        *,
        core: int | None = SERVER_CORE,
        checkout: Checkout = HERE,
    ) -> None:
        self._checkout = checkout
        self._arguments = arguments
        self._ready_url = ready_url
        self._log = log
        self._env = {**os.environ, **env}
        self._core = core
        self.seconds_to_ready = 0.0

    def __enter__(self) -> Self:
        begun = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                [self._checkout.python, "-m", *self._arguments],
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._checkout.folder,
            )
        try:
            if self._core is not None:
                os.sched_setaffinity(self._process.pid, {self._core})
            self._wait_until_ready(begun + _READY_WITHIN_S)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.seconds_to_ready = time.perf_counter() - begun
        return self

    def _wait_until_ready(self, until: float) -> None:
        while not _answers(self._ready_url):
            if self._process.poll() is not None or time.perf_counter() > until:
                raise RuntimeError(f"{self._arguments} did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def killed_and_started(self) -> None:
        """Pull its plug, SIGKILL, and start it again; return when it can be used."""
        self._process.kill()
        self._process.wait()
        self.__enter__()

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, in user and kernel mode, all threads."""
        return cpu_seconds_of(self._process.pid)

    def loop_seconds(self) -> float:
        """Return what its first thread, the one of the event loop, has used of that."""
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9

    def pss_mb(self) -> float:
        """Return its memory in MB: private pages plus its share of shared ones (PSS)."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def own_mb(self) -> float:
        """Return its memory in MB without what it maps of files, which processes of one version would share."""
        return memory_mb(self._process.pid, "RssAnon")

    def peak_mb(self) -> float:
        """Return the most memory in MB that it ever had (resident, shared pages in full)."""
        return memory_mb(self._process.pid, "VmHWM")


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory_mb(pid: int, kind: str) -> float:
    """Return what the kernel says of a process' memory in MB: `VmRSS` now, `VmHWM` at most.

    Raises:
        RuntimeError: the process has ended.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = [int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")]
    if not found:  # nobody has waited for it yet
        raise RuntimeError(f"process {pid} has ended")
    return found[0] / 1024


def cpu_seconds_of(pid: int) -> float:
    """Return the processor time a process has used, in user and kernel mode, all threads."""
    clock = (
        ~pid << 3
    ) | 2  # clock_getcpuclockid(3) of another process, to the nanosecond; /proc counts in ticks of 10 ms
    return time.clock_gettime(clock)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a URL of this machine
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, OSError):
        return False
