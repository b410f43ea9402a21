"""The conditional writes of the kit: the lease of a migration, and the shop's id."""

from pathlib import Path
from typing import Any, Final

from store_kit.cassandra.identity import row_of, save
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import Schema
from store_kit.stores.shop_identity import Identity, Kind

from tests.cassandra.scenario import Scenario
from tests.support.wait import within

_SCHEMA: Final = "store_kit.cassandra.schema."
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


def _wanted(db: Cassandra, **awaits: Kind) -> Identity:
    return Identity(db.keyspace, used=True, shop="a-shop", calls_itself=db.keyspace, awaits=awaits)


async def name_shop(db: Cassandra, key: str) -> str:
    """Give a keyspace its shop's id, as the first start does."""
    await save(db, key, await row_of(db, db.keyspace, key), _wanted(db, another="new"))
    return "kept"


async def see_all(db: Cassandra, key: str) -> str:
    """Note that all others have been seen, as a later look does."""
    await save(db, key, await row_of(db, db.keyspace, key), _wanted(db))
    return "kept"


async def an_identity(db: Cassandra, key: str) -> tuple[Any, ...]:
    """Return the identity of the keyspace."""
    found = await row_of(db, db.keyspace, key)
    return found.shop, dict(found.awaits)


_NAMED: Final = Scenario(
    "store_kit.cassandra.identity._MAKE",
    "order",
    play=name_shop,
    told=("kept",),
    effect=an_identity,
    ends=(("a-shop", {"another": "new"}),),
)
_SEEN: Final = Scenario(
    "store_kit.cassandra.identity._CHANGE",
    "order",
    prepare=name_shop,
    play=see_all,
    told=("kept",),
    effect=an_identity,
    ends=(("a-shop", {}),),
)
SCENARIOS: Final = (
    _NAMED,
    _SEEN,
    *(
        Scenario(
            _SCHEMA + name,
            "order",
            play=migrate,
            told=(["0001_things.cql"],),
            effect=a_schema,
            ends=((1, (), True),),
        )
        for name in ("_TAKE", "_RENEW", "_GIVE_BACK")
    ),
)
