"""The identity of a shop's SQLite files: two small tables of the kit's own in each of them.

The other files are opened read-only. One that cannot be read is left out here, and refused by the service that owns it.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store_kit.ids import new_id
from store_kit.settings import StoreSettings
from store_kit.stores.shop_identity import Identity, wanted_identity

FILES: Final = ("catalog", "cart", "orders", "payments", "user")
"""The files of a shop that cannot be rebuilt, without `.db`."""
_BUSY_TIMEOUT_S: Final = 5.0
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS shop_identity (shop TEXT NOT NULL, name TEXT NOT NULL, awaits TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop_marks (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
_READ: Final = "SELECT shop, name, awaits FROM shop_identity"
_TRY: Final = "INSERT OR REPLACE INTO shop_marks VALUES ('try', hex(randomblob(2048)))"
_HAS: Final = "SELECT count(*) FROM sqlite_schema WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Membership:
    """Which of a shop's files one is, and where the others are."""

    path: Path
    begin_anew: bool = False
    """Whether it may begin empty although the others miss it."""

    @classmethod
    def of(cls, settings: StoreSettings, name: str) -> "Membership":
        """Return the membership of the file of this name in the data folder."""
        return cls(settings.data_dir / f"{name}.db", name in settings.begins_anew)

    def decide(self, connection: sqlite3.Connection) -> Identity:
        """Return the identity that the file should have; changes nothing.

        Raises:
            SchemaError: it is missing, or belongs to another shop than the others.
        """
        own = identity(connection, self.path.name)
        others = [look_at(path) for path in members(self.path.parent) if path != self.path]
        return wanted_identity(own, others, new_id(), begin_anew=self.begin_anew)

    def save(self, connection: sqlite3.Connection, wanted: Identity) -> None:
        """Write the identity that the file should have, in the caller's transaction."""
        for table in _TABLES:
            connection.execute(table)
        if identity(connection, self.path.name) != wanted:
            connection.execute("DELETE FROM shop_identity")
            row = (wanted.shop, wanted.calls_itself, json.dumps(dict(wanted.awaits)))
            connection.execute("INSERT INTO shop_identity VALUES (?, ?, ?)", row)

    def renew(self, connection: sqlite3.Connection) -> None:
        """Make a small write, to see whether that is possible, and see whether all files of the shop are there."""
        connection.execute(_TRY)
        if identity(connection, self.path.name).awaits:
            self.save(connection, self.decide(connection))


def members(data: Path) -> list[Path]:
    """Return the paths of a shop's files in a data folder, whether they exist or not."""
    return [data / f"{name}.db" for name in FILES]


def look_at(path: Path) -> Identity:
    """Return the identity of a file; of a missing one an empty identity, of an unreadable one one that is not seen."""
    if not path.exists():
        return Identity(path.name)
    try:
        with read_only(path) as connection:
            return identity(connection, path.name)
    except sqlite3.Error:
        return Identity(path.name, seen=False)


def identity(connection: sqlite3.Connection, name: str) -> Identity:
    """Return the identity of an open file."""
    if not _has(connection, "schema_migrations"):
        return Identity(name)
    used = connection.execute("SELECT count(*) FROM schema_migrations").fetchone()[0] > 0
    row = connection.execute(_READ).fetchone() if _has(connection, "shop_identity") else None
    if row is None:
        return Identity(name, used)
    shop, calls_itself, awaits = row
    return Identity(name, used, shop, calls_itself, json.loads(awaits))


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection that changes nothing, even on a read-only disk.

    To read a file in WAL mode SQLite creates others next to it. Where it may not, the file is read as it is, unless
    there is a log next to it without which it is not complete.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            if path.with_name(f"{path.name}-wal").exists():
                raise
        else:
            yield connection
            return
    with closing(sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)) as connection:
        yield connection


def _has(connection: sqlite3.Connection, table: str) -> bool:
    return bool(connection.execute(_HAS, (table,)).fetchone()[0])
