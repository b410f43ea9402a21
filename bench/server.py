"""Servers under measurement: processes pinned to one core, and what the kernel says they cost."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class PinnedServer:
    """A server process on the servers' core, from start to stop.

    Args:
        arguments: what follows `python -m`.
        ready_url: answers 200 when it can be used.
        log: where its output goes.
        env: further variables.
        core: where it must run; None: anywhere.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        ready_url: str,
        log: Path,
        env: Mapping[str, str],
        core: int | None = SERVER_CORE,
    ) -> None:
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
                [sys.executable, "-m", *self._arguments], stdout=log, stderr=log, env=self._env
            )
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})
        while not _answers(self._ready_url):
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._arguments} ended: {self._log.read_text()[-2000:]}")
            time.sleep(0.01)
        self.seconds_to_ready = time.perf_counter() - begun
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, in user and kernel mode, all threads."""
        return cpu_seconds_of(self._process.pid)

    def pss_mb(self) -> float:
        """Return its memory in MB: private pages plus its share of shared ones (PSS)."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def peak_mb(self) -> float:
        """Return the most memory in MB that it ever had (resident, shared pages in full)."""
        return memory_mb(self._process.pid, "VmHWM")


def memory_mb(pid: int, kind: str) -> float:
    """Return what the kernel says of a process' memory in MB: `VmRSS` now, `VmHWM` at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


def cpu_seconds_of(pid: int) -> float:
    """Return the processor time a process has used, in user and kernel mode, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a URL of this machine
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, OSError):
        return False
