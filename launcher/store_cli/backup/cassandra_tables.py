"""The tables of a shop on Cassandra, exported as JSON rows and put back into empty keyspaces.

A cluster has no moment that all its partitions share. So everything is read twice: when the second reading finds
what the first one found, then between the two there was a moment at which all tables held exactly that. A shop that
works changes something in between, and the export says so instead of keeping a torn copy.
"""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from store_kit.cassandra.keyspace import Cassandra, Statement

from store_cli.backup.folder import BackupError

Row = dict[str, Any]
"""Column -> its value as JSON has it."""
_TRIES: Final = 3
_PAGE: Final = 500
_SUFFIX: Final = ".jsonl.gz"
_AT_ONCE: Final = 64
_PASSING: Final = ("schema_lease", "schema_migrations", "shop_identity")
"""Made again by `store migrate`."""
_TABLES: Final = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
_COLUMNS: Final = (
    "SELECT column_name, kind, type FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name and columns by kind."""

    name: str
    keys: tuple[str, ...]
    counters: tuple[str, ...]


async def tables(database: Cassandra) -> list[Table]:
    """Return the tables that hold the truth of a service, in the order of their names."""
    rows = await database.all("tables.list", _TABLES, (database.keyspace,))
    names = sorted(name for (name,) in rows if name not in _PASSING)
    return [await _table(database, name) for name in names]


async def _table(database: Cassandra, name: str) -> Table:
    columns = await database.all("columns.list", _COLUMNS, (database.keyspace, name))
    keys = tuple(column for column, kind, _ in columns if kind in ("partition_key", "clustering"))
    return Table(name, keys, tuple(column for column, _, type_ in columns if type_ == "counter"))


async def export(databases: Iterable[Cassandra], folder: Path) -> dict[str, int]:
    """Write every table into a file of JSON rows; return how many rows each has.

    Raises:
        BackupError: there were writes meanwhile, each time it was tried.
    """
    all_of = [(database, table) for database in databases for table in await tables(database)]
    for _ in range(_TRIES):
        first = [await _write(database, table, folder) for database, table in all_of]
        if [await _digest(database, table) for database, table in all_of] == [digest for digest, _ in first]:
            counts = [count for _, count in first]
            return {
                _label(database, table): count
                for (database, table), count in zip(all_of, counts, strict=True)
            }
    raise BackupError("The shop was written to while it was read. Stop it (or its traffic), then try again.")


async def put_back(databases: Iterable[Cassandra], folder: Path) -> dict[str, int]:
    """Write every exported row into migrated, empty tables; return how many rows each has.

    Raises:
        BackupError: a table is not empty, or the backup has tables that this code does not know.
    """
    all_of = [(database, table) for database in databases for table in await tables(database)]
    known = {_label(database, table) for database, table in all_of}
    found = _exported(folder)
    if unknown := sorted(found - known):
        raise BackupError(f"The backup has tables that this version does not know: {', '.join(unknown)}.")
    for database, table in all_of:
        if await database.one(f"{table.name}.any", f"SELECT * FROM {table.name} LIMIT 1"):  # noqa: S608 - a name
            raise BackupError(f"{_label(database, table)} is not empty; restore into a fresh prefix.")
    return {
        _label(database, table): await _fill(database, table, folder)
        for database, table in all_of
        if _label(database, table) in found
    }


def _label(database: Cassandra, table: Table) -> str:
    """Return service and table: keyspaces may be called differently where a backup is restored."""
    return f"{database.service}.{table.name}"


def _exported(folder: Path) -> set[str]:
    return {path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")}


async def _rows(database: Cassandra, table: Table) -> AsyncIterator[str]:
    query = f"SELECT JSON * FROM {table.name}"  # noqa: S608 - a name from the schema
    async for page in database.pages(f"{table.name}.export", query, size=_PAGE):
        for (row,) in page:
            yield row


async def _write(database: Cassandra, table: Table, folder: Path) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    with gzip.open(folder / f"{_label(database, table)}{_SUFFIX}", "wt", compresslevel=1) as file:
        async for row in _rows(database, table):
            digest.update(row.encode())
            file.write(row + "\n")
            count += 1
    return digest.hexdigest(), count


async def _digest(database: Cassandra, table: Table) -> str:
    digest = hashlib.sha256()
    async for row in _rows(database, table):
        digest.update(row.encode())
    return digest.hexdigest()


async def _fill(database: Cassandra, table: Table, folder: Path) -> int:
    count = 0
    with gzip.open(folder / f"{_label(database, table)}{_SUFFIX}", "rt") as file:
        while lines := list(islice(file, _AT_ONCE)):
            count += len(lines)
            await _put(database, table, map(json.loads, lines))
    return count


async def _put(database: Cassandra, table: Table, rows: Iterable[Row]) -> None:
    operation = f"{table.name}.restore"
    if table.counters:
        # Never repeated when the answer is lost, for that could count twice: a gauge may be off by a little.
        await asyncio.gather(*(database.write_once(operation, _counted(table, row)) for row in rows))
    else:
        await asyncio.gather(*(database.write(operation, _inserted(table, row)) for row in rows))


def _inserted(table: Table, row: Row) -> Statement:
    """Return the insert of a row with the oldest timestamp there is: what the shop writes later is newer.

    See docs/protocols.md, Unknown outcomes.
    """
    known = {column: value for column, value in row.items() if value is not None}
    columns, places = ", ".join(known), ", ".join("fromJson(?)" for _ in known)
    return (
        f"INSERT INTO {table.name} ({columns}) VALUES ({places}) USING TIMESTAMP 1",  # noqa: S608 - names
        [json.dumps(value) for value in known.values()],
    )


def _counted(table: Table, row: Row) -> Statement:
    """Return the update that brings counters from nothing to what they were."""
    sums = ", ".join(f"{column} = {column} + ?" for column in table.counters)
    where = " AND ".join(f"{column} = fromJson(?)" for column in table.keys)
    values = [row[column] or 0 for column in table.counters] + [json.dumps(row[key]) for key in table.keys]
    return f"UPDATE {table.name} SET {sums} WHERE {where}", values  # noqa: S608 - names from the schema
