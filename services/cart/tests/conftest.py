"""What the tests of the cart service share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_cart.adapters.stores import SCHEMA
from store_kit.cassandra.keyspace import Cassandra
from store_kit.stores.database import SQLITE

from services.cart.tests.serving import CartShop, cart_shop
from tests.support.services import empty, fresh_keyspace, test_cluster

collect_ignore = [] if test_cluster() else ["test_cassandra_memory.py", "test_lost_answers.py"]


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Keep one event loop for all, so that a keyspace can be shared: making one takes a second."""
    return "asyncio"


@pytest.fixture(scope="package")
async def keyspace() -> AsyncIterator[Cassandra | None]:
    """Give a keyspace of the test cluster, or None where tests run on SQLite alone."""
    if test_cluster() is None:
        yield None
        return
    async with fresh_keyspace("cart", SCHEMA / "cassandra") as opened:
        yield opened


@pytest.fixture(params=[SQLITE, *(["cassandra"] if test_cluster() else [])])
async def database(request: pytest.FixtureRequest, keyspace: Cassandra | None) -> str:
    """Return STORE_DATABASE for a service under test; the database is empty."""
    if request.param == SQLITE:
        return SQLITE
    assert keyspace is not None
    await empty(keyspace)
    return f"{test_cluster()}&prefix={keyspace.where.prefix}"


@pytest.fixture
async def shop(tmp_path: Path, database: str) -> AsyncIterator[CartShop]:
    """Return a running cart service with small limits."""
    async with cart_shop(tmp_path, database=database, cart_max_quantity=1_000, max_order_lines=3) as running:
        yield running
