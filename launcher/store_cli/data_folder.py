"""The data folder of an embedded shop, seen from outside: does a shop run on it, and what belongs to it?"""

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from store_kit.sqlite.identity import look_at, members

LOCK_FILE = "lock"
SECRETS: Final = "secrets"
ENOUGH_SIGNS: Final = 2
_OWN: Final = re.compile(
    r"(lock|demo-catalogue-loaded|((catalog|cart|orders|payments|user)|\w*catalog-index)\.db(-wal|-shm|-journal)?)"
)
"""What a shop makes in its folder; the second one is from before it was noted in the database."""
_OWN_SECRET: Final = re.compile(
    r"\.?(signing_key|signing_key_previous|refresh_key|cursor_key|guest_cart_key"
    r"|service_secret_(catalog|cart|order|user)|demo_admin\.(json|new))(\.[0-9a-f]{8})?"
)
"""What it makes in the folder of secrets, and drafts of that."""


class InUse(Exception):
    """A shop runs on the data folder."""


def running_pid(data: Path) -> int | None:
    """Return the process id of a shop that runs on the folder, 0 when it is not known; None when none does.

    Raises:
        OSError: it cannot be found out.
    """
    try:
        with _locked(data):
            return None
    except FileNotFoundError:
        return None
    except InUse as in_use:
        return int(str(in_use)) if str(in_use).isdigit() else 0


def remove(data: Path) -> list[str]:
    """Delete what a shop made in the folder, and the folder when nothing else is in it; return what was left in it.

    Raises:
        InUse: a shop runs on it.
        OSError: something in it cannot be deleted.
    """
    try:
        with _locked(data):
            return _remove(data)
    except FileNotFoundError:
        # Never started with a lock, or started by a version without one.
        return _remove(data)


def _remove(data: Path) -> list[str]:
    secrets = data / SECRETS
    if secrets.is_dir() and not secrets.is_symlink():
        _remove_own(secrets, _OWN_SECRET)
        if not any(secrets.iterdir()):
            secrets.rmdir()
    _remove_own(data, _OWN)
    left = sorted(entry.name for entry in data.iterdir())
    if not left:
        with suppress(OSError):  # a volume's mount or a link to the folder stays, empty
            data.rmdir()
    return left


def _remove_own(folder: Path, own: re.Pattern[str]) -> None:
    for entry in folder.iterdir():
        if own.fullmatch(entry.name) and (entry.is_file() or entry.is_symlink()):
            entry.unlink()


def looks_like_a_shop(data: Path) -> bool:
    """Tell a shop's data folder from any other one by what is in its files: others have a `lock`, too."""
    databases = sum(look_at(path).used for path in members(data))
    return databases + _has_key(data) + _has_administrator(data) >= ENOUGH_SIGNS


def _has_key(data: Path) -> bool:
    try:
        return (data / SECRETS / "signing_key").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    except OSError:
        return False


def _has_administrator(data: Path) -> bool:
    try:
        return bool(
            {"email", "password"} <= json.loads((data / SECRETS / "demo_admin.json").read_bytes()).keys()
        )
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    # Opened to read: that is enough to lock it, and goes where nothing can be written.
    with (data / LOCK_FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(file.read().strip()) from None
        yield
