"""Fixtures of the tests that need a real Cassandra (STORE_TEST_DATABASE)."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.stores.database import Cluster

from tests.cassandra.proxied import Keyspaces
from tests.chaos.conftest import rng
from tests.support.cql_proxy import CqlProxy
from tests.support.services import fresh_keyspace, test_cluster

__all__ = ["rng"]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Return where the node is that these tests may use."""
    url = test_cluster()
    assert url, "run these tests by `make test-cassandra`, which starts a node for them"
    return Cluster.parse(url)


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[CqlProxy]:
    """Stand between the driver and the node."""
    async with CqlProxy(cluster.hosts[0], cluster.port) as running:
        yield running


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for a module, so that its keyspaces can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def keyspaces() -> AsyncIterator[Keyspaces]:
    """Make the keyspace of a service when it is first asked for; drop them all at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(service: str) -> Cassandra:
            schema = files(f"store_{service}") / "schema" / "cassandra"
            return await stack.enter_async_context(fresh_keyspace(service, schema))

        yield Keyspaces(make)
