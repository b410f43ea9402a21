"""What SQLite's errors mean to the shop: a disk that is full or read-only, a file that is damaged, or a fault of ours.

The codes are those of https://www.sqlite.org/rescode.html; the lower byte is the error, the rest its finer kind.
"""

import sqlite3
from pathlib import Path
from typing import Final

from store_kit.migrations import SchemaError
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable

RETRY_AFTER_S: Final = 5
"""Somebody has to free space or mend a disk: asking again at once helps nobody."""
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
    """Return SQLite's error without its finer kind; 0 for what is none of SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def tells_of_damage(error: BaseException) -> bool:
    """Whether what is in the file is no longer whole; also of what `unusable` made of it."""
    return code_of(error) in _DAMAGED or code_of(error.__cause__ or error) in _DAMAGED


def reason_of(error: BaseException) -> str | None:
    """Say why the database cannot be used; None for a fault of ours: wrong SQL, a broken constraint."""
    return _REASONS.get(code_of(error))


def unusable(error: BaseException) -> DatabaseUnavailable | None:
    """Return what to raise when nothing was changed; None for a fault of ours."""
    reason = reason_of(error)
    if reason is None:
        return None
    return DatabaseUnavailable(
        f"The database cannot do this: {reason}. Nothing was changed; try again later.",
        retry_after_s=RETRY_AFTER_S,
    )


def unread(error: BaseException) -> DatabaseUnavailable | None:
    """Return what to raise when a question failed; None for a fault of ours: a question that wants to write is one."""
    wants_to_write = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY
    return None if wants_to_write else unusable(error)


def uncommitted(error: BaseException) -> DatabaseUnavailable | DatabaseOutcomeUnknown | None:
    """Return what to raise when COMMIT failed; None for a fault of ours.

    A disk that fails while it makes the log durable may have kept it: after a crash SQLite would find the change there.
    One that is full has not taken the end of it.
    """
    if code_of(error) != sqlite3.SQLITE_IOERR:
        return unusable(error)
    return DatabaseOutcomeUnknown(
        "The database's disk failed while it kept this; repeat with the same key.",
        retry_after_s=RETRY_AFTER_S,
    )


def refusal(path: Path, error: sqlite3.Error) -> SchemaError:
    """Return why a service does not start on a database file, with what to do."""
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
