"""SQLite for a service: one writer thread with group commit, reads in the event loop.

How writes are grouped is in `store_kit.sqlite.groups`. Reads use the loop's own connection: they are short by
construction, and a hop to a thread costs more than the query.
"""

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from store_kit.settings import StoreSettings
from store_kit.sqlite.errors import UnusableDisk, read_error, reason_of, refusal
from store_kit.sqlite.groups import GroupWriter
from store_kit.sqlite.identity import Membership, read_only
from store_kit.stores.migrations import Member, Migration, check, migrate, read_migrations
from store_kit.telemetry.metrics import Metrics

Row = tuple[Any, ...]

_BUSY_TIMEOUT_S: Final = 5.0
_PAGE_CACHE_KIB: Final = 2 * 1024
"""For each connection, of which a shop has a dozen; the kernel's cache holds the rest (measured: 16 MiB answered no
faster and took 35 MB more in all)."""


class Sqlite(GroupWriter):
    """One database file.

    Args:
        path: the file; its folder is made when missing.
        migrations: the folder of numbered schema files.
        metrics: where the time of each operation is counted.
        synchronous: `FULL` makes every answered write survive power loss.
        member: which of a shop's files it is; None for one that can be rebuilt.
    """

    def __init__(
        self,
        path: Path,
        migrations: Traversable,
        *,
        metrics: Metrics | None = None,
        synchronous: str = "FULL",
        member: Member | None = None,
    ) -> None:
        super().__init__(path.name, metrics)
        self._path = path
        self._migrations = migrations
        self._synchronous = synchronous
        self._member = member
        self._reader: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Create the file when missing, apply the schema, start the writer.

        Raises:
            SchemaError: the file belongs to newer code or another shop, is not a database, or is missing.
            UnusableDisk: it cannot be opened because of its disk or its permissions.
        """
        try:
            connection = self._opened()
        except sqlite3.Error as error:
            if reason_of(error) is None:
                raise
            raise refusal(self._path, error) from error
        except OSError as error:
            raise UnusableDisk(f"{self._path} cannot be used: {error.strerror}.") from error
        self._begin_writing(connection)

    def _opened(self) -> sqlite3.Connection:
        """Open both connections and return the one for writing; both are closed when one fails."""
        migrations = read_migrations(self._migrations)
        self._look_first(migrations)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The folder may have been there before, readable by others; SQLite's side files take the mode of this file.
        self._path.touch(mode=0o600)
        with contextlib.ExitStack() as opened:
            writer = opened.enter_context(contextlib.closing(self._connect()))
            migrate(writer, migrations, self._path.name, self._member)
            reader = opened.enter_context(contextlib.closing(self._connect()))
            reader.execute("PRAGMA query_only = ON")
            opened.pop_all()
        self._reader = reader
        return writer

    def _look_first(self, migrations: list[Migration]) -> None:
        """Refuse a file before anything in it or next to it is changed."""
        if self._path.exists():
            with read_only(self._path) as connection:
                self._refuse(connection, migrations)
        elif self._member is not None:
            with contextlib.closing(sqlite3.connect(":memory:")) as nothing:
                self._member.decide(nothing)

    def _refuse(self, connection: sqlite3.Connection, migrations: list[Migration]) -> None:
        check(connection, migrations, self._path.name)
        if self._member is not None:
            self._member.decide(connection)

    async def close(self) -> None:
        """Finish the writes that wait, then close the file."""
        await self._end_writing()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def all(self, operation: str, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a short query; `operation` is `table.verb`, for the metrics.

        Raises:
            DatabaseUnavailable: its disk or its files prevent it.
        """
        started = time.perf_counter()
        outcome = "error"
        try:
            rows = self._connection().execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise self._meaning(error, read_error(error)) from error
        else:
            outcome = "ok"
            return rows
        finally:
            self._observe("sqlite", operation, outcome, time.perf_counter() - started)

    def one(self, operation: str, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """Return the first row of a short query, or None."""
        rows = self.all(operation, sql, params)
        return rows[0] if rows else None

    async def delete(self, operation: str, sql: str, keys: Sequence[tuple[Any, ...]]) -> int:
        """Delete the rows of these keys and return how many; without any the writer is left alone."""
        if not keys:
            return 0
        return await self.write(operation, lambda connection: connection.executemany(sql, keys).rowcount)

    async def check(self) -> None:
        """Pass when the file can be read and written; now and then by a small write.

        Raises:
            DatabaseUnavailable: its disk or its files prevent it.
            SchemaError: it turned out to belong to another shop than the files next to it.
        """
        self.one("database.check", "SELECT count(*) FROM schema_migrations")
        if self._member is not None and self._health.wants_a_try():
            await self.write("database.try", self._member.renew)
        self._health.must_be_good()

    def _connection(self) -> sqlite3.Connection:
        if self._reader is None:
            raise RuntimeError(f"{self._path.name} is not open")
        return self._reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
        return connection


def shop_file(name: str, migrations: Traversable, *, settings: StoreSettings, metrics: Metrics) -> Sqlite:
    """Return the file of this name in the data folder, one of those that cannot be rebuilt."""
    return Sqlite(
        settings.data_dir / f"{name}.db",
        migrations,
        metrics=metrics,
        synchronous=settings.sqlite_synchronous,
        member=Membership.of(settings, name),
    )
