"""The conditional writes of the kit: the lease of whoever migrates a schema."""

from pathlib import Path
from typing import Any, Final

from store_kit.cassandra import Cassandra
from store_kit.cassandra_schema import Schema

from tests.cassandra.scenario import Scenario
from tests.support.wait import within

_SCHEMA: Final = "store_kit.cassandra_schema."
FOLDER: Final = Path(__file__).parent / "schema"
_LEASE_S: Final = 2
_OWNER: Final = "SELECT owner FROM schema_lease WHERE service = ?"


async def migrate(db: Cassandra, key: str) -> list[str]:
    """Migrate, as a starting service does."""
    return list(await Schema(key, FOLDER, lease_s=_LEASE_S).migrate(db))


async def a_schema(db: Cassandra, key: str) -> tuple[Any, ...]:
    """Say what is applied and whether the next runner could begin, at the latest when the lease has run out."""

    async def free() -> bool:
        return await db.one("schema_lease.get", _OWNER, (key,), serial=True) is None

    status = await Schema(key, FOLDER).status(db)
    return status.applied, status.waiting, await within(free, 3 * _LEASE_S)


SCENARIOS: Final = tuple(
    Scenario(
        _SCHEMA + name,
        "order",
        play=migrate,
        told=(["0001_things.cql"],),
        effect=a_schema,
        ends=((1, (), True),),
    )
    for name in ("_TAKE", "_RENEW", "_GIVE_BACK")
)
