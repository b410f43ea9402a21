import asyncio
import os
import re
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from store_kit.sqlite.database import Sqlite
from store_kit.stores.migrations import SchemaError
from store_kit.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_things.sql").write_text(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE);\nCREATE TABLE log (line TEXT);\n"
    )
    return folder


@pytest.fixture
async def database(tmp_path: Path, schema: Path) -> AsyncIterator[Sqlite]:
    opened = Sqlite(tmp_path / "data" / "things.db", schema, metrics=Metrics("test"))
    await opened.open()
    yield opened
    await opened.close()


def insert(name: str) -> Callable[[sqlite3.Connection], int | None]:
    return lambda connection: connection.execute("INSERT INTO things (name) VALUES (?)", (name,)).lastrowid


def names(database: Sqlite) -> list[str]:
    return [name for (name,) in database.all("things.list", "SELECT name FROM things ORDER BY id")]


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob("things.db*")}


async def test_files_are_readable_by_their_owner_only(tmp_path: Path, schema: Path) -> None:
    """No other user can read the database or its side files, even in a folder that is open to others."""
    database = Sqlite(tmp_path / "things.db", schema)
    await database.open()
    await database.write("things.insert", insert("a"))
    seen = modes(tmp_path)
    await database.close()
    assert seen == dict.fromkeys(("things.db", "things.db-wal", "things.db-shm"), 0o600)


async def test_a_file_that_is_not_a_database_is_named(tmp_path: Path, schema: Path) -> None:
    """A damaged file is refused with its path and with what can be done."""
    path = write_junk(tmp_path / "things.db")
    with pytest.raises(SchemaError, match=re.escape(str(path)) + ".*store doctor"):
        await Sqlite(path, schema).open()


@pytest.mark.parametrize("refused", ["no database", "newer schema", "bad schema"])
async def test_a_refused_file_is_closed(tmp_path: Path, schema: Path, refused: str) -> None:
    """The file may be replaced after the refusal: nothing has it open any more."""
    path = tmp_path / "x.db"
    if refused == "no database":
        write_junk(path)
    elif refused == "newer schema":
        await open_and_close(tmp_path, schema)
        (schema / "0001_things.sql").unlink()
    else:
        (schema / "0001_things.sql").write_text("CREATE TABLE half (;")
    with pytest.raises((SchemaError, sqlite3.OperationalError)) as caught:
        await open_and_close(tmp_path, schema)
    assert holders(path) == []
    assert caught.tb is not None  # it holds the frames, and with them whatever was not closed


def holders(path: Path) -> list[str]:
    """Return what this process has open of a database: the file itself, its log, its index."""
    opened = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
    return [name for name in opened if name.startswith(str(path))]


def write_junk(path: Path) -> Path:
    path.write_bytes(b"no database " * 1000)
    return path


async def test_answered_write_is_readable(database: Sqlite) -> None:
    """What a write has confirmed is there for the next read."""
    assert await database.write("things.insert", insert("a")) == 1
    assert names(database) == ["a"]
    assert database.one("things.get", "SELECT name FROM things WHERE id = ?", (2,)) is None


async def test_a_cursor_stays_on_the_writer_thread(database: Sqlite) -> None:
    """Work that ends with a cursor answers None: dropped in the loop, it would disturb the writer's statements."""
    assert await database.write("things.insert", lambda c: c.execute("INSERT INTO log VALUES ('x')")) is None


async def test_failed_write_takes_back_only_itself(database: Sqlite) -> None:
    """When one write of a group fails, the others stay."""

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO log VALUES ('half')")
        connection.execute("INSERT INTO things (name) VALUES ('a')")

    outcomes = await asyncio.gather(
        database.write("things.insert", insert("a")),
        database.write("things.insert", half),
        database.write("things.insert", insert("b")),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], sqlite3.IntegrityError)
    assert names(database) == ["a", "b"]
    assert database.all("log.list", "SELECT * FROM log") == []


async def test_many_writers_share_one_transaction(database: Sqlite) -> None:
    """A thousand concurrent writes all land, and each sees what came before it."""

    def add_one(connection: sqlite3.Connection) -> int:
        (count,) = connection.execute("SELECT count(*) FROM things").fetchone()
        connection.execute("INSERT INTO things (name) VALUES (?)", (str(count),))
        return int(count)

    seen = await asyncio.gather(*(database.write("things.insert", add_one) for _ in range(1000)))
    assert sorted(seen) == list(range(1000))


async def test_work_for_many_items_is_done_at_once(database: Sqlite) -> None:
    """Callers that wait for the same work share one run of it, and each gets its own result."""
    runs: list[int] = []

    def insert_all(connection: sqlite3.Connection, items: Sequence[str]) -> Sequence[str]:
        runs.append(len(items))
        connection.executemany("INSERT INTO things (name) VALUES (?)", [(item,) for item in items])
        return [item.upper() for item in items]

    begun, go_on = threading.Event(), threading.Event()

    def take_long(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(60)

    earlier = asyncio.create_task(database.write("log.insert", take_long))
    await asyncio.to_thread(begun.wait, 60)
    writes = asyncio.gather(*(database.write_together("things.insert", insert_all, name) for name in "abc"))
    for _ in range(3):
        await asyncio.sleep(0)  # they are handed over, and wait behind the one that takes long
    go_on.set()
    assert await writes == ["A", "B", "C"]
    await earlier
    assert (runs, names(database)) == ([3], ["a", "b", "c"])


async def test_an_item_that_fails_fails_alone(database: Sqlite) -> None:
    """What was done together and failed is undone and done for each: who is at fault is told, the others stay."""

    def insert_all(connection: sqlite3.Connection, items: Sequence[str]) -> Sequence[None]:
        connection.executemany("INSERT INTO things (name) VALUES (?)", [(item,) for item in items])
        return [None] * len(items)

    writes = [database.write_together("things.insert", insert_all, name) for name in "abac"]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 2 + [sqlite3.IntegrityError, type(None)]
    assert names(database) == ["a", "b", "c"]


async def test_cancelled_caller_does_not_undo_the_write(database: Sqlite) -> None:
    """A caller that goes away cannot stop its write half way."""
    task = asyncio.create_task(database.write("things.insert", insert("kept")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write("things.insert", insert("next"))
    assert names(database) == ["kept", "next"]


async def test_reader_cannot_write(database: Sqlite) -> None:
    """The event loop's connection is read-only."""
    with pytest.raises(sqlite3.OperationalError):
        database.all("things.insert", "INSERT INTO things (name) VALUES ('x')")


async def test_close_finishes_what_waits(tmp_path: Path, schema: Path) -> None:
    """Writes that were accepted before close are durable after it."""
    first = Sqlite(tmp_path / "a.db", schema)
    await first.open()
    waiting = [asyncio.create_task(first.write("things.insert", insert(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await first.close()
    await asyncio.gather(*waiting)
    again = Sqlite(tmp_path / "a.db", schema)
    await again.open()
    assert len(names(again)) == 50
    await again.close()
    with pytest.raises(RuntimeError, match="not open"):
        names(again)
    with pytest.raises(RuntimeError, match="not open"):
        await again.write("things.insert", insert("x"))


async def test_newer_database_is_refused(tmp_path: Path, schema: Path) -> None:
    """Old code does not touch a database that newer code has written."""
    (schema / "0002_more.sql").write_text("CREATE TABLE more (id INTEGER);")
    await open_and_close(tmp_path, schema)
    (schema / "0002_more.sql").unlink()
    with pytest.raises(SchemaError, match=r"x\.db has schema 2, this code knows only 1"):
        await open_and_close(tmp_path, schema)


async def test_changed_migration_is_refused(tmp_path: Path, schema: Path) -> None:
    """A schema file that was applied must stay as it was."""
    await open_and_close(tmp_path, schema)
    (schema / "0001_things.sql").write_text("CREATE TABLE other (id INTEGER);")
    with pytest.raises(SchemaError, match=r"0001_things\.sql was changed"):
        await open_and_close(tmp_path, schema)


async def test_failed_migration_leaves_nothing(tmp_path: Path, schema: Path) -> None:
    """A schema file that fails half way leaves the database as it was."""
    (schema / "0002_bad.sql").write_text("CREATE TABLE half (id INTEGER);\nCREATE TABLE things (id INTEGER);")
    with pytest.raises(sqlite3.OperationalError):
        await open_and_close(tmp_path, schema)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == []


async def test_gap_in_numbers_is_refused(tmp_path: Path, schema: Path) -> None:
    """Schema files are numbered without a gap."""
    (schema / "0003_gap.sql").write_text("SELECT 1;")
    with pytest.raises(SchemaError, match="without a gap"):
        await open_and_close(tmp_path, schema)


async def open_and_close(tmp_path: Path, schema: Path) -> None:
    database = Sqlite(tmp_path / "x.db", schema)
    await database.open()
    await database.close()
