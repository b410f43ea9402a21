"""The identity of a shop's SQLite files: two small tables of the kit's own in each of them.

The others are looked at read-only, each for itself: a file that cannot be read says nothing, and is refused by the
service that opens it.
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
from store_kit.shop_identity import Identity, settle

FILES: Final = ("catalog", "cart", "orders", "payments", "user")
"""The files of a shop that hold its truth, without `.db`."""
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
    """Whether an operator wants it empty where it is missed."""

    @classmethod
    def of(cls, settings: StoreSettings, name: str) -> "Membership":
        """Return that of the file of this name in the data folder."""
        return cls(settings.data_dir / f"{name}.db", name in settings.begins_anew)

    def decide(self, connection: sqlite3.Connection) -> Identity:
        """Return what the file should bear; changes nothing.

        Raises:
            SchemaError: it is missing, or a stranger among the others.
        """
        own = identity(connection, self.path.name)
        others = [look_at(path) for path in members(self.path.parent) if path != self.path]
        return settle(own, others, new_id(), begin_anew=self.begin_anew)

    def keep(self, connection: sqlite3.Connection, wanted: Identity) -> None:
        """Write what the file should bear, in the caller's transaction."""
        for table in _TABLES:
            connection.execute(table)
        if identity(connection, self.path.name) != wanted:
            connection.execute("DELETE FROM shop_identity")
            row = (wanted.shop, wanted.calls_itself, json.dumps(dict(wanted.awaits)))
            connection.execute("INSERT INTO shop_identity VALUES (?, ?, ?)", row)

    def renew(self, connection: sqlite3.Connection) -> None:
        """Write a little, to see whether that is possible, and see whether all of the shop are there by now."""
        connection.execute(_TRY)
        if identity(connection, self.path.name).awaits:
            self.keep(connection, self.decide(connection))


def members(data: Path) -> list[Path]:
    """Return where a shop's files are in a data folder, whether they are there or not."""
    return [data / f"{name}.db" for name in FILES]


def look_at(path: Path) -> Identity:
    """Return what a file bears; one that is missing is no database yet, one that cannot be read is not seen."""
    if not path.exists():
        return Identity(path.name)
    try:
        with read_only(path) as connection:
            return identity(connection, path.name)
    except sqlite3.Error:
        return Identity(path.name, seen=False)


def identity(connection: sqlite3.Connection, name: str) -> Identity:
    """Return what an open file bears."""
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
    """Give a connection that changes nothing, also where nothing can be changed.

    Beside a file in WAL mode SQLite makes others even to read it. Where it may not, the file is read as it lies there,
    unless there is a log beside it without which it is not whole.

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
