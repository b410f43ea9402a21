"""The data folder of an embedded shop, seen from outside: does a shop run on it, and what belongs to it?"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "lock"


class InUse(Exception):
    """A shop runs on the data folder."""


def running_pid(data: Path) -> int | None:
    """Return the process id of a shop that runs on the folder, 0 when it is not known; None when none does."""
    try:
        with _locked(data):
            return None
    except FileNotFoundError:
        return None
    except InUse as in_use:
        return int(str(in_use)) if str(in_use).isdigit() else 0


def remove(data: Path) -> None:
    """Delete the folder with everything in it, unless a shop runs on it.

    Raises:
        InUse: a shop does.
        OSError: something in it cannot be deleted.
    """
    try:
        with _locked(data):
            shutil.rmtree(data)
    except FileNotFoundError:
        # Never started with a lock, or started by a version without one.
        shutil.rmtree(data)


def looks_like_a_shop(data: Path) -> bool:
    """Tell a shop's data folder from any other one, so that nobody's home is deleted by a slip."""
    entries = {entry.name for entry in data.iterdir()}
    return (
        not entries or bool(entries & {LOCK_FILE, "user.db"}) or (data / "secrets" / "signing_key").exists()
    )


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    with (data / LOCK_FILE).open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(file.read().strip()) from None
        yield
