"""The files of a shop on SQLite, copied as of one moment while the shop works.

All files are locked for writing, a reader takes its snapshot of each, and the locks are let go again: milliseconds.
What the readers then copy is the shop as a SIGKILL at that moment would have left it, across all services, and the
shop knows how to go on from there.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from store_cli.backups.folder import BackupError

READ_MODEL: Final = "catalog-index.db"
"""Is built again from the catalogue, so it is left out."""
_LOCK_TIMEOUT_S: Final = 10.0
_PAGES_AT_ONCE: Final = 4096


def database_files(data: Path) -> list[Path]:
    """Return the files that hold the truth.

    Raises:
        BackupError: there are none.
    """
    found = sorted(path for path in data.glob("*.db") if path.name != READ_MODEL)
    if not found:
        raise BackupError(f"{data} is not the data folder of a shop on SQLite: it has no database.")
    return found


def copy_databases(files: Sequence[Path], target: Path) -> dict[str, int]:
    """Copy the files into `target` as of one moment; return the size of each copy in bytes.

    Raises:
        BackupError: a file could not be locked, or a copy is damaged.
    """
    with ExitStack() as held:
        readers = _snapshots(files, held)
        return {file.name: _copy(reader, target / file.name) for file, reader in readers}


def _snapshots(files: Sequence[Path], held: ExitStack) -> list[tuple[Path, sqlite3.Connection]]:
    with ExitStack() as locks:
        for file in files:
            writer = locks.enter_context(closing(_connect(file)))
            try:
                writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise BackupError(f"{file} could not be locked ({error}); try again.") from error
        readers = [(file, held.enter_context(closing(_connect(file)))) for file in files]
        for _, reader in readers:
            reader.execute("BEGIN")
            reader.execute(
                "SELECT count(*) FROM sqlite_schema"
            ).fetchone()  # from here on it sees this moment
        return readers


def _copy(reader: sqlite3.Connection, target: Path) -> int:
    with closing(sqlite3.connect(target)) as copy:
        reader.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise BackupError(f"The copy of {target.name} is damaged: {found}")
    return target.stat().st_size


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
