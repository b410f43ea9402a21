"""The schema of a cluster grows: from each earlier version, with two runners at once, and with runners that die."""

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import Schema, new_keyspace
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.stores.migrations import SchemaError
from store_kit.telemetry.metrics import Metrics

from tests.cassandra.dying_migration import SERVICE
from tests.support.services import test_cluster

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
LEASE_S = 2
OPTIONS = "WITH comment = 'A test.' AND compaction = {'class': 'LeveledCompactionStrategy'}"
FILES = {
    "0001_things.cql": f"CREATE TABLE IF NOT EXISTS things (id text PRIMARY KEY, name text) {OPTIONS};",
    "0002_colours.cql": "ALTER TABLE things ADD IF NOT EXISTS colour text;"
    f"CREATE TABLE IF NOT EXISTS colours (name text PRIMARY KEY, hex text) {OPTIONS};",
    "0003_sizes.cql": f"CREATE TABLE IF NOT EXISTS sizes (id text PRIMARY KEY, size int) {OPTIONS};"
    "ALTER TABLE sizes ADD IF NOT EXISTS unit text;",
}
BOOKKEEPING = 5
"""Schema statements before the first file: the keyspace and the kit's four tables."""
STATEMENTS = 5


class Grown:
    """A keyspace of the test's own and its folder of schema files.

    Args:
        url: the cluster with a prefix of the test's own.
        folder: where the files are written.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        settings = StoreSettings(database=url, database_timeout_s=10.0)
        secrets, metrics = Secrets(settings), Metrics(SERVICE)
        self.database = new_keyspace(SERVICE, settings=settings, secrets=secrets, metrics=metrics)

    def know(self, files: int) -> Schema:
        """Return the schema of code that has the first so many files."""
        for path in self.folder.iterdir():
            path.unlink()
        for name in list(FILES)[:files]:
            (self.folder / name).write_text(FILES[name])
        return Schema(SERVICE, self.folder, lease_s=LEASE_S)

    async def runner(self, dies_after: int = 0, lease_s: int = LEASE_S) -> asyncio.subprocess.Process:
        """Start a runner in a process of its own."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *(
                "-m",
                "tests.cassandra.dying_migration",
                self.url,
                str(self.folder),
                str(dies_after),
                str(lease_s),
            ),
            stdout=asyncio.subprocess.PIPE,
        )


@pytest.fixture
async def grown(tmp_path: Path) -> AsyncIterator[Grown]:
    """Return a keyspace that does not exist yet."""
    one = Grown(f"{test_cluster()}&prefix=m{uuid.uuid4().hex[:12]}_", tmp_path)
    await one.database.open()
    await one.database.until_usable(60)
    try:
        yield one
    finally:
        await one.database.run("DROP KEYSPACE IF EXISTS {keyspace}")
        await one.database.close()


async def must_be_whole(database: Cassandra, schema: Schema) -> None:
    """Pass when everything is applied and usable."""
    status = await schema.status(database)
    assert (status.applied, status.known, status.waiting) == (3, 3, ())
    await database.write(
        "things.put", ("INSERT INTO things (id, name, colour) VALUES (?, ?, ?)", ("b", "B", "red"))
    )
    await database.write("sizes.put", ("INSERT INTO sizes (id, size, unit) VALUES (?, ?, ?)", ("b", 3, "cm")))


@pytest.mark.parametrize("version", [1, 2])
async def test_an_earlier_version_is_upgraded_with_its_data(grown: Grown, version: int) -> None:
    """What was written under an older schema is there under the new one; only what was missing is applied."""
    assert len(await grown.know(version).migrate(grown.database)) == version
    await grown.database.write("things.put", ("INSERT INTO things (id, name) VALUES (?, ?)", ("a", "old")))
    newer = grown.know(3)
    assert (await newer.status(grown.database)).waiting == tuple(list(FILES)[version:])
    assert list(await newer.migrate(grown.database)) == list(FILES)[version:]
    await must_be_whole(grown.database, newer)
    assert await grown.database.all("things.get", "SELECT name, colour FROM things WHERE id = ?", ("a",)) == [
        ("old", None)
    ]


async def test_a_keyspace_without_the_kits_newest_table_gets_it(grown: Grown) -> None:
    """One that earlier code made, where no file waits: a service waits for the table, and a migration makes it."""
    grown.know(3)
    schema = Schema(SERVICE, grown.folder)
    await schema.migrate(grown.database)
    await grown.database.run("DROP TABLE shop_marks")
    waiting = asyncio.create_task(schema.wait_until_current(grown.database))
    assert list(await schema.migrate(grown.database)) == []
    await asyncio.wait_for(waiting, 60)
    assert await grown.database.has_table("shop_marks")


async def test_two_runners_at_once_work_one_after_the_other(grown: Grown) -> None:
    """Each file is applied by exactly one of them, and both end well."""
    schema = grown.know(3)
    # Nobody dies here, so no lease may end on a busy machine.
    runners = await asyncio.gather(grown.runner(lease_s=60), grown.runner(lease_s=60))
    outputs = [(await runner.communicate())[0].decode() for runner in runners]
    said = [output.rpartition("applied:")[2].split() for output in outputs]
    assert [runner.returncode for runner in runners] == [0, 0]
    assert sorted(said[0] + said[1]) == list(FILES)
    await must_be_whole(grown.database, schema)


@pytest.mark.parametrize("nth", range(1, BOOKKEEPING + STATEMENTS + 1))
async def test_a_runner_that_dies_is_followed_by_one_that_finishes(grown: Grown, nth: int) -> None:
    """SIGKILL after any statement: the next runner waits for the lease to end, repeats the file, and is done."""
    schema = grown.know(3)
    dying = await grown.runner(dies_after=nth)
    await dying.communicate()
    assert dying.returncode == -signal.SIGKILL
    following = await grown.runner(
        lease_s=60
    )  # only the dead one's lease is to end, however busy the machine is
    await following.communicate()
    assert following.returncode == 0
    await must_be_whole(grown.database, schema)


async def test_newer_and_altered_schemas_are_refused(grown: Grown) -> None:
    """Older code does not touch what newer code made, nor does code whose applied file was changed."""
    await grown.know(3).migrate(grown.database)
    with pytest.raises(SchemaError, match="newer version"):
        await grown.know(2).migrate(grown.database)
    grown.know(3)
    (grown.folder / "0002_colours.cql").write_text(FILES["0002_colours.cql"] + "\n-- changed")
    with pytest.raises(SchemaError, match=r"0002_colours\.cql was changed"):
        await Schema(SERVICE, grown.folder).migrate(grown.database)
