"""What SQLite's errors mean: a disk that is full or read-only, a file that is damaged, or a fault in our code.

The codes are those of https://www.sqlite.org/rescode.html; the lower byte is the error, the rest its finer kind.
"""

import sqlite3
from pathlib import Path
from typing import Final

from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.stores.migrations import SchemaError

RETRY_AFTER_S: Final = 5
"""An operator has to free space or mend a disk: asking again at once does not help."""
_REASONS: Final = {
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_READONLY: "its files can only be read",
    sqlite3.SQLITE_IOERR: "its disk fails or is full",
    sqlite3.SQLITE_CANTOPEN: "its files cannot be opened",
    sqlite3.SQLITE_NOTADB: "its file is damaged",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_PERM: "its files may not be used",
    sqlite3.SQLITE_BUSY: "another program holds it",
    sqlite3.SQLITE_LOCKED: "another program holds it",
}
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class UnusableDisk(SchemaError):
    """A database cannot be opened as its disk or its files are now; nothing is wrong with what is in it."""


def code_of(error: BaseException) -> int:
    """Return SQLite's error code without its finer kind; 0 for any other error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def tells_of_damage(error: BaseException) -> bool:
    """Whether the file is damaged; also understands the problem that `unusable` made of the error."""
    return code_of(error) in _DAMAGED or code_of(error.__cause__ or error) in _DAMAGED


def reason_of(error: BaseException) -> str | None:
    """Say why the database cannot be used; None for a fault in our code: wrong SQL, a broken constraint."""
    return _REASONS.get(code_of(error))


def unusable(error: BaseException) -> DatabaseUnavailable | None:
    """Return what to raise when nothing was changed; None for a fault in our code."""
    reason = reason_of(error)
    if reason is None:
        return None
    return DatabaseUnavailable(
        f"The database cannot do this: {reason}. Nothing was changed; try again later.",
        retry_after_s=RETRY_AFTER_S,
    )


def read_error(error: BaseException) -> DatabaseUnavailable | None:
    """Return what to raise when a query failed; None for a fault in our code, such as a query that writes."""
    wants_to_write = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY
    return None if wants_to_write else unusable(error)


def uncommitted(error: BaseException) -> DatabaseUnavailable | DatabaseOutcomeUnknown | None:
    """Return what to raise when COMMIT failed; None for a fault in our code.

    A disk that fails while it makes the log durable may have stored all of it: after a crash SQLite would find the
    change there. A full disk has not stored the end of it.
    """
    if code_of(error) != sqlite3.SQLITE_IOERR:
        return unusable(error)
    return DatabaseOutcomeUnknown(
        "The database's disk failed while it stored this; repeat with the same key.",
        retry_after_s=RETRY_AFTER_S,
    )


def refusal(path: Path, error: sqlite3.Error) -> SchemaError:
    """Return why a service does not start with a database file, and what to do."""
    code, reason = code_of(error), reason_of(error)
    if reason is None or code in _DAMAGED:
        return SchemaError(
            f"{path} cannot be used as a database ({error}). Put a backup in its place, or begin anew "
            "with another data folder; store doctor looks at all of them."
        )
    return UnusableDisk(
        f"{path} cannot be used now: {reason} ({error}). Free some space, let this user write the file and its "
        "folder, or mount them writable; then start again. Nothing in it was changed."
    )
