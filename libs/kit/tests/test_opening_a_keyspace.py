"""Connecting to a keyspace and migrating it; collected where STORE_TEST_DATABASE names a Cassandra."""

from pathlib import Path

import pytest
from store_kit.stores.migrations import SchemaError

from tests.support.services import fresh_keyspace, within_budget

pytestmark = pytest.mark.anyio

TABLE = """
    CREATE TABLE IF NOT EXISTS things (name text PRIMARY KEY)
    WITH comment = 'One row for each test.' AND compaction = {'class': 'LeveledCompactionStrategy'}
"""


@pytest.mark.parametrize("budget_s", [-1.0, 0.01])
async def test_connecting_does_not_end_with_the_time_of_its_caller(tmp_path: Path, budget_s: float) -> None:
    """It goes on for all others, for as long as it takes."""
    (tmp_path / "0001_things.cql").write_text(TABLE)
    opening = fresh_keyspace("things", tmp_path)
    keyspace = await within_budget(budget_s, opening.__aenter__())
    assert await keyspace.all("things.get", "SELECT name FROM things WHERE name = ?", ("cup",)) == []
    await opening.__aexit__(None, None, None)


async def test_a_schema_file_that_is_not_valid_cql_is_refused_at_once(tmp_path: Path) -> None:
    """Waiting would not mend it; the message names the file."""
    (tmp_path / "0001_things.cql").write_text("CREATE TABLE things (token text PRIMARY KEY)")
    with pytest.raises(SchemaError, match=r"0001_things\.cql is not valid CQL: .*token"):
        await fresh_keyspace("things", tmp_path).__aenter__()
