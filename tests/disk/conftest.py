"""Disks of a few megabytes, to be filled and taken away from a shop."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

SIZE_MB = 24


class Disk:
    """A file system of its own.

    Args:
        place: where it is mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def mount(self) -> None:
        """Make it."""
        self.place.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tmpfs", str(self.place))

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                while _grows(file.fileno(), size):
                    pass

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink()

    def read_only(self, *, yes: bool) -> None:
        """Let it be read only, or written again; nobody may have a file open for writing."""
        _run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.place))

    def unmount(self) -> None:
        """Take it away."""
        _run("umount", "--lazy", str(self.place))


def _grows(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * size) > 0
    except OSError:
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - mount and umount


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Mount a small disk while a test runs, where another user can get at it."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        Path(folder).chmod(0o755)
        made = Disk(Path(folder) / "disk")
        made.mount()
        yield made
        made.unmount()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client session without cookies, which the shop does not use."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened
