"""A database whose disk is full, or whose files are read-only or damaged, gives the reason and recovers by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.settings import StoreSettings
from store_kit.sqlite.database import Sqlite
from store_kit.sqlite.errors import UnusableDisk, refusal, uncommitted
from store_kit.sqlite.identity import Membership
from store_kit.stores.shop_identity import SchemaError

pytestmark = pytest.mark.anyio
ROOM: int = 4_294_967_294
"""The largest number of pages there is."""


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_things.sql").write_text(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE);\n"
    )
    return folder


@pytest.fixture
async def database(tmp_path: Path, schema: Path) -> AsyncIterator[Sqlite]:
    member = Membership.of(StoreSettings(data_dir=tmp_path / "data"), "cart")
    opened = Sqlite(tmp_path / "data" / "cart.db", schema, member=member)
    await opened.open()
    yield opened
    await opened.close()


def fill(connection: sqlite3.Connection) -> None:
    """Leave no room for another page, as a full disk does."""
    connection.execute("PRAGMA max_page_count = 1")


def free(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA max_page_count = {ROOM}")


def large(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO things (name) VALUES (hex(randomblob(100000)))")


async def test_a_full_disk_is_unavailable_and_recovers(database: Sqlite) -> None:
    """A write without room is 503 with the reason and when to ask again; the check is red until writes work again."""
    await database.check()
    await database.write("room.take", fill)
    with pytest.raises(DatabaseUnavailable, match=r"its disk is full\. Nothing was changed") as full:
        await database.write("things.insert", large)
    assert int(full.value.headers["Retry-After"]) >= 1
    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        await database.check()
    await database.write("room.give", free)
    await database.write("things.insert", large)
    await database.check()
    assert len(database.all("things.list", "SELECT id FROM things")) == 1


async def test_nothing_of_a_group_stays_when_its_disk_is_full(database: Sqlite) -> None:
    """Writes that shared a transaction with the one that found no room are undone, and their callers are told."""
    await database.write("room.take", fill)

    def small(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO things (name) VALUES ('a')")

    outcomes = await asyncio.gather(
        *(database.write("things.insert", work) for work in (small, small, large)), return_exceptions=True
    )
    kept = database.all("things.list", "SELECT name FROM things")
    assert isinstance(outcomes[2], DatabaseUnavailable)
    assert [row for row in kept if row != ("a",)] == []
    assert (outcomes[0] is None) == (kept == [("a",)])
    assert not isinstance(outcomes[1], sqlite3.IntegrityError) or kept == [("a",)]


async def test_files_that_can_only_be_read_still_answer(database: Sqlite) -> None:
    """A database that cannot be written is read as before; writes and the check say why."""
    await database.check()
    await database.write("mount.ro", lambda c: c.execute("PRAGMA query_only = ON").fetchone())
    with pytest.raises(DatabaseUnavailable, match="can only be read"):
        await database.write("things.insert", large)
    assert database.all("things.list", "SELECT id FROM things") == []
    with pytest.raises(DatabaseUnavailable, match="can only be read"):
        await database.check()


async def test_a_damaged_file_is_unavailable(tmp_path: Path, schema: Path) -> None:
    """A file that is damaged while it is open is a 503, never a fault in the code."""
    database = Sqlite(tmp_path / "x.db", schema)
    await database.open()
    for _ in range(20):
        await database.write("things.insert", large)
    await database.close()
    content = bytearray((tmp_path / "x.db").read_bytes())
    content[8192:] = b"\7" * (len(content) - 8192)
    (tmp_path / "x.db").write_bytes(content)
    await database.open()
    with pytest.raises(DatabaseUnavailable, match="damaged"):
        database.all("things.list", "SELECT * FROM things")
    await database.close()


def test_the_outcome_is_unknown_when_the_disk_fails_at_the_very_end() -> None:
    """A log whose sync failed may or may not be there after a crash; a full disk has not stored its end."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert isinstance(uncommitted(error), DatabaseOutcomeUnknown)
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert isinstance(uncommitted(error), DatabaseUnavailable)


def test_a_refusal_to_start_says_what_to_do() -> None:
    """A full disk and a damaged file are told apart."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    full = refusal(Path("user.db"), error)
    assert isinstance(full, UnusableDisk)
    assert "its disk is full" in str(full)
    assert "Free some space" in str(full)
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    assert "Put a backup in its place" in str(refusal(Path("user.db"), error))


@pytest.mark.parametrize(
    "listed", ["", "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT, checksum TEXT)"]
)
async def test_another_program_s_database_is_refused_untouched(
    tmp_path: Path, schema: Path, listed: str
) -> None:
    """A database with tables but without a list of schema files, or with none on it, is refused and stays as it is."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (id INTEGER)")
    connection.execute(listed)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SchemaError, match=r"x\.db holds tables \(accounts\), but no list"):
        await Sqlite(path, schema).open()
    assert path.read_bytes() == before
