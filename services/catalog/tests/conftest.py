"""What the tests of the catalogue share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_catalog.adapters.cassandra.shards import Shards
from store_kit.cassandra.keyspace import Cassandra

from services.catalog.tests.clusters import Cluster
from services.catalog.tests.serving import Shop, catalog_shop
from services.catalog.tests.stores import (
    ADAPTERS,
    Stores,
    cassandra_stores,
    catalog_keyspace,
    emptied,
    sqlite_stores,
)
from tests.support.services import test_cluster

collect_ignore_glob = [] if test_cluster() else ["test_cassandra_*.py"]
"""What only a cluster can show is looked at where there is one (STORE_TEST_DATABASE)."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for a module, so that its keyspace can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def keyspace() -> AsyncIterator[Cassandra | None]:
    """Return a keyspace of the test cluster; None where there is none."""
    async with catalog_keyspace() as opened:
        yield opened


@pytest.fixture
async def cluster(keyspace: Cassandra | None) -> Cluster:
    """Return an empty keyspace with three shards, and a process on it."""
    assert keyspace is not None
    first = await cassandra_stores(keyspace)
    shards = Shards(3)
    await shards.load(keyspace)
    return Cluster(keyspace, shards, first)


@pytest.fixture(params=ADAPTERS)
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Stores]:
    """Return each adapter's empty stores in turn."""
    if request.param == "cassandra":
        assert keyspace is not None
        yield await cassandra_stores(keyspace)
        return
    async with sqlite_stores(tmp_path) as opened:
        yield opened


@pytest.fixture(params=ADAPTERS)
async def shop(
    request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[Shop]:
    """Return a running catalogue service, on each database in turn."""
    where = {}
    if request.param == "cassandra":
        assert keyspace is not None
        where = await emptied(keyspace)
    async with catalog_shop(tmp_path, **where) as running:
        yield running
