"""Each keyspace has its shop's id: one that is missing or another shop's is refused; an older one is adopted."""

import uuid
from collections.abc import AsyncIterator

import pytest
from store_cli.migrate.schemas import migrate
from store_kit.cassandra.identity import SERVICES, look_at
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import new_keyspace
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.stores.shop_identity import Identity, SchemaError
from store_kit.telemetry.metrics import Metrics

from tests.support.services import test_cluster

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
WITHIN_S = 60.0


class Shop:
    """Four keyspaces of a prefix of their own."""

    def __init__(self) -> None:
        prefix = f"t{uuid.uuid4().hex[:12]}_"
        self.settings = StoreSettings(database=f"{test_cluster()}&prefix={prefix}", database_timeout_s=10.0)
        secrets = Secrets(self.settings)
        self.database = new_keyspace(
            "catalog", settings=self.settings, secrets=secrets, metrics=Metrics("catalog")
        )

    async def identities(self) -> list[Identity]:
        return [await look_at(self.database, service) for service in SERVICES]

    async def drop(self, service: str) -> None:
        await self.database.run(f"DROP KEYSPACE IF EXISTS {self.database.where.keyspace(service)}")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Return a shop that has been migrated; its keyspaces go with it."""
    made = Shop()
    await migrate(made.settings, WITHIN_S)
    await made.database.open()
    await made.database.until_usable(WITHIN_S)
    yield made
    for service in SERVICES:
        await made.drop(service)
    await made.database.close()


async def test_the_keyspaces_of_a_shop(shop: Shop) -> None:
    """All agree after one migration; a dropped one is missed until an operator says so; older ones are adopted."""
    found = await shop.identities()
    assert len({one.shop for one in found} - {None}) == 1
    assert {len(one.awaits) for one in found} == {0}

    await shop.drop("user")
    with pytest.raises(SchemaError, match=r"user is missing or empty.*STORE_BEGIN_ANEW"):
        await migrate(shop.settings, WITHIN_S)
    named = shop.database.where.keyspace("user")  # as the refusal has it; the service's name does as well
    await migrate(shop.settings.model_copy(update={"begin_anew": named}), WITHIN_S)
    assert await shop.identities() == found

    for service in SERVICES:
        await must_run(shop.database, f"DROP TABLE {shop.database.where.keyspace(service)}.shop_identity")
    await migrate(shop.settings, WITHIN_S)
    adopted = await shop.identities()
    assert len({one.shop for one in adopted} - {None}) == 1

    await must_run(
        shop.database, "UPDATE shop_identity SET shop = 'another', awaits = '{}' WHERE service = 'catalog'"
    )
    await must_run(shop.database, "DROP TABLE shop_marks")  # so that a migration has something to do
    with pytest.raises(SchemaError, match=r"belongs to shop"):
        await migrate(shop.settings, WITHIN_S)


async def must_run(database: Cassandra, cql: str) -> None:
    """Run a statement of the test's own."""
    await database.run(cql)
