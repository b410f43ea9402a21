"""Numbered schema files: applied once, in order, checksummed; a database from newer code is refused."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.(sql|cql)$")


class SchemaError(Exception):
    """The database and the code do not fit together; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One schema file, e.g. `0001_orders.sql`."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of its text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Traversable) -> list[Migration]:
    """Return the schema files of a folder, in order.

    Raises:
        SchemaError: the numbers do not run 1, 2, 3 ... without a gap.
    """
    found = sorted((f for f in folder.iterdir() if _NAME.match(f.name)), key=lambda f: f.name)
    migrations = [Migration(int(f.name[:4]), f.name, f.read_text()) for f in found]
    if [m.number for m in migrations] != list(range(1, len(migrations) + 1)):
        raise SchemaError(f"The schema files are not numbered without a gap: {[m.name for m in migrations]}")
    return migrations


def migrate(connection: sqlite3.Connection, migrations: list[Migration], label: str) -> None:
    """Bring a SQLite database up to date, all files in one transaction.

    Raises:
        SchemaError: it was made by newer code, or an applied file has been changed since.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number INTEGER PRIMARY KEY, name TEXT, checksum TEXT)"
        )
        applied = dict(connection.execute("SELECT number, checksum FROM schema_migrations ORDER BY number"))
        check_applied(applied, migrations, label)
        for migration in migrations[len(applied) :]:
            for statement in _statements(migration.sql):
                connection.execute(statement)
            row = (migration.number, migration.name, migration.checksum)
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", row)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_applied(applied: Mapping[int, str], migrations: Sequence[Migration], label: str) -> None:
    """Pass only a database that this code's schema files made.

    Raises:
        SchemaError: it was made by newer code, or an applied file has been changed since.
    """
    if len(applied) > len(migrations):
        raise SchemaError(
            f"{label} has schema {len(applied)}, this code knows only {len(migrations)}: "
            "it was written by a newer version. Start that version, or use another data folder."
        )
    for migration in migrations[: len(applied)]:
        if applied.get(migration.number) != migration.checksum:
            raise SchemaError(
                f"{label}: {migration.name} was changed after it had been applied. "
                "Restore the file and put the change into a new one."
            )


def _statements(sql: str) -> Iterator[str]:
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
