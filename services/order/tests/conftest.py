"""What the tests of the order service share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_order.adapters.stores import SCHEMA
from store_order.settings import OrderSettings

from services.order.tests.serving import Shop, order_shop
from services.order.tests.stores import ADAPTERS, Stores, cassandra_stores, memory_stores, sqlite_stores
from tests.support.services import fresh_keyspace, test_cluster


@pytest.fixture
def settings(tmp_path: Path) -> OrderSettings:
    return OrderSettings(
        data_dir=tmp_path,
        order_tick_s=0.02,
        order_poll_s=0.05,
        order_processing_after_s=60,
        order_heartbeat_s=0.1,
        request_timeout_s=5,
    )


@pytest.fixture
async def shop(settings: OrderSettings, anyio_backend: str) -> AsyncIterator[Shop]:
    assert anyio_backend == "asyncio"
    async with order_shop(settings) as running:
        yield running


@pytest.fixture(scope="module")
async def keyspace() -> AsyncIterator[Cassandra | None]:
    """Make a keyspace for a module, whose `anyio_backend` must be of that scope; None without a cluster."""
    if test_cluster() is None:
        yield None
        return
    async with fresh_keyspace("order", SCHEMA / "cassandra") as opened:
        yield opened


@pytest.fixture(params=ADAPTERS)
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Stores]:
    """Open the stores of each adapter."""
    if request.param == "memory":
        yield memory_stores()
    elif request.param == "sqlite":
        async with sqlite_stores(tmp_path) as opened:
            yield opened
    else:
        assert keyspace is not None
        yield await cassandra_stores(keyspace)
