"""A user service on a free port, with cheap passwords: hashing at full cost has its own test.

With STORE_TEST_DATABASE it keeps its truth in that cluster, else in SQLite.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.running.service import Service
from store_kit.stores.database import SQLITE
from store_user.adapters.stores import SCHEMA
from store_user.app import create_service
from store_user.settings import UserSettings

from services.user.tests.serving import Shop
from tests.support.clock import ManualClock
from tests.support.services import empty, fresh_keyspace, serve_service, test_cluster

Configure = Callable[..., UserSettings]
collect_ignore_glob = [] if test_cluster() else ["test_cassandra_*.py"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Keep one event loop, so that the keyspace can be shared: to make one takes seconds."""
    return "asyncio"


@pytest.fixture(scope="session")
async def keyspace(anyio_backend: str) -> AsyncIterator[Cassandra | None]:
    assert anyio_backend == "asyncio"
    if test_cluster() is None:
        yield None
        return
    async with fresh_keyspace("user", SCHEMA / "cassandra") as opened:
        yield opened


@pytest.fixture
async def database(keyspace: Cassandra | None, anyio_backend: str) -> str:
    """Return what STORE_DATABASE shall be: SQLite, or a keyspace with nothing in it."""
    assert anyio_backend == "asyncio"
    if keyspace is None:
        return SQLITE
    await empty(keyspace)
    return f"{test_cluster()}&prefix={keyspace.where.prefix}"


@pytest.fixture
def configure(tmp_path: Path, database: str) -> Configure:
    """Settings of a test: a folder of its own, cheap passwords, whatever else the test says."""

    def make(**changes: object) -> UserSettings:
        cheap = {"user_argon2_time_cost": 1, "user_argon2_memory_kib": 8, "data_dir": tmp_path}
        # Its threads yield to all others: on a busy machine the last of a crowd would be told to come back.
        patient = {"user_argon2_wait_s": 60.0}
        often = "100000/second"
        raised = {
            f"user_login_{limit}": often for limit in ("limit_account", "limit_address", "slow_account")
        }
        where = {"database": database, "database_timeout_s": 10.0}
        return UserSettings.model_validate(cheap | patient | raised | where | changes)

    return make


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(configure: Configure, clock: ManualClock) -> Service:
    return create_service(configure(), clock=clock)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve_service(service) as session:
        yield session


@pytest.fixture
def shop(client: aiohttp.ClientSession, service: Service) -> Shop:
    return Shop(client, service)
