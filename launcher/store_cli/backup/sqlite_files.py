"""The files of a shop on SQLite, copied at one moment while the shop works.

All files are locked for writing, a reader takes its snapshot of each, and the locks are let go again: milliseconds.
What the readers then copy is the shop as a SIGKILL at that moment would have left it, across all services, and the
shop knows how to go on from there. The read model is left out: it is built again from the catalogue.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from store_kit.sqlite.errors import code_of, reason_of
from store_kit.sqlite.identity import look_at, members, read_only
from store_kit.stores.shop_identity import Identity, SchemaError, wanted_identity

from store_cli.backup.folder import BackupError

_LOCK_TIMEOUT_S: Final = 10.0
_PAGES_AT_ONCE: Final = 4096
_NOBODY_WRITES: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def database_files(data: Path) -> list[Path]:
    """Return the files that hold the truth, once each of them is there and one shop's with the others.

    Raises:
        BackupError: there are none, one is missing or empty, or one is a stranger.
    """
    files = members(data)
    found = [look_at(path) for path in files]
    if not any(one.used or not one.seen for one in found):
        raise BackupError(f"{data} is not the data folder of a shop on SQLite: it has no database in use.")
    for path, one in zip(files, found, strict=True):
        _must_belong(path, one, [other for other in found if other is not one])
    return files


def _must_belong(path: Path, one: Identity, others: list[Identity]) -> None:
    if not one.seen:
        return  # copying it says why it cannot be read
    if not one.used:
        raise BackupError(
            f"{path} is missing or empty, so the shop is not whole. Look with store doctor, then start the shop or "
            "restore a backup."
        )
    try:
        wanted_identity(one, others, "unknown")
    except SchemaError as refused:
        raise BackupError(str(refused)) from refused


def copy_databases(files: Sequence[Path], target: Path) -> dict[str, int]:
    """Copy the files into `target` at one moment; return the size of each copy in bytes.

    Raises:
        BackupError: a file could not be read, locked or written, or a copy is damaged.
    """
    with ExitStack() as held:
        readers = _snapshots(files, held)
        return {file.name: _copy(reader, file, target / file.name) for file, reader in readers}


def _snapshots(files: Sequence[Path], held: ExitStack) -> list[tuple[Path, sqlite3.Connection]]:
    with ExitStack() as locks:
        for file in files:
            with _told(file, "locked"):
                _lock(file, locks)
        return [(file, _snapshot(file, held)) for file in files]


def _lock(file: Path, locks: ExitStack) -> None:
    """Keep others from writing, unless the file cannot be written anyway."""
    writer = locks.enter_context(closing(_connect(file)))
    try:
        writer.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if code_of(error) not in _NOBODY_WRITES:
            raise


def _snapshot(file: Path, held: ExitStack) -> sqlite3.Connection:
    with _told(file, "read"):
        reader = held.enter_context(read_only(file))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it sees this moment
        return reader


def _copy(reader: sqlite3.Connection, file: Path, target: Path) -> int:
    with _told(file, f"copied to {target.parent}"), closing(sqlite3.connect(target)) as copy:
        reader.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log next to it
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise BackupError(f"The copy of {target.name} is damaged: {found}")
    return target.stat().st_size


@contextmanager
def _told(file: Path, what: str) -> Iterator[None]:
    """Say of a database's error which file it is about, and what it means."""
    try:
        yield
    except sqlite3.Error as error:
        reason = reason_of(error)
        why = f"{reason}: {error}" if reason else str(error)
        raise BackupError(
            f"{file} could not be {what} ({why}). Nothing was kept of this; mend that (store doctor looks), then try "
            "again."
        ) from error


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
