"""Numbered schema files: applied once, in order, with checksums; a database of newer code is refused."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final, Protocol

from store_kit.stores.shop_identity import Identity, SchemaError

__all__ = ["Member", "Migration", "SchemaError", "check", "check_applied", "migrate", "read_migrations"]

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT, checksum TEXT)"
)
_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.(sql|cql)$")


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


class Member(Protocol):
    """What makes a database one of a shop's (`store_kit.sqlite.identity`)."""

    def decide(self, connection: sqlite3.Connection, /) -> Identity:
        """Return the identity that it should have, or raise SchemaError; changes nothing."""

    def save(self, connection: sqlite3.Connection, identity: Identity, /) -> None:
        """Write the identity that it should have, in the caller's transaction."""

    def renew(self, connection: sqlite3.Connection, /) -> None:
        """Make a small write, to see whether that is possible, and see whether all files of the shop are there."""


def migrate(
    connection: sqlite3.Connection, migrations: list[Migration], label: str, member: Member | None = None
) -> None:
    """Bring a SQLite database up to date, all files in one transaction, and its identity with them.

    Raises:
        SchemaError: it was made by newer code, an applied file has been changed since, or it belongs to another shop.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        applied = check(connection, migrations, label)
        identity = member.decide(connection) if member else None
        connection.execute(_TABLE)
        for migration in migrations[len(applied) :]:
            for statement in _statements(migration.sql):
                connection.execute(statement)
            row = (migration.number, migration.name, migration.checksum)
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", row)
        if member and identity:
            member.save(connection, identity)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended the transaction already
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, migrations: Sequence[Migration], label: str) -> dict[int, str]:
    """Return the numbers and checksums of the files that were applied to a database; changes nothing.

    Raises:
        SchemaError: it was made by newer code, by another program, or an applied file has been changed since.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    applied: dict[int, str] = {}
    if "schema_migrations" in tables:
        applied = dict(connection.execute("SELECT number, checksum FROM schema_migrations ORDER BY number"))
    check_applied(applied, migrations, label)
    if not applied and tables - {"schema_migrations"}:
        raise SchemaError(
            f"{label} holds tables ({min(tables - {'schema_migrations'})}), but no list of the schema files that made "
            "them: it is another program's, or damaged. Put it away, or restore a backup (store restore)."
        )
    return applied


def check_applied(applied: Mapping[int, str], migrations: Sequence[Migration], label: str) -> None:
    """Pass only a database that the schema files of this code made.

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
