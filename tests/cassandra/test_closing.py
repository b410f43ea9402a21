"""A keyspace can be closed at any moment, also while it is still on its way to being usable."""

import asyncio
import dataclasses
import uuid

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import _RENEW, _TAKE, Schema
from store_kit.telemetry.metrics import Metrics

from tests.cassandra.kit_scenarios import FOLDER
from tests.cassandra.proxied import TIMEOUT_S, Keyspaces
from tests.support.cql_proxy import CqlProxy, Fault, Trap

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
CLOSES_WITHIN_S = 5.0


@pytest.mark.parametrize("statement", [_TAKE, _RENEW])
async def test_closing_interrupts_a_migration(proxy: CqlProxy, keyspaces: Keyspaces, statement: str) -> None:
    """A shop that is told to end while it migrates ends, and leaves the lease to expire."""
    direct, key = await keyspaces.of("order"), uuid.uuid4().hex
    where = dataclasses.replace(direct.where, hosts=("127.0.0.1",), port=proxy.port)

    async def ready(database: Cassandra) -> None:
        await Schema(key, FOLDER, lease_s=1).migrate(database)

    trap = proxy.set(Trap(statement, Fault.HOLD))
    opening = Cassandra(where, "order", metrics=Metrics("order"), timeout_s=10 * TIMEOUT_S, ready=ready)
    task = asyncio.create_task(opening.open())
    await trap.sprung.wait()
    async with asyncio.timeout(CLOSES_WITHIN_S):
        await opening.close()
        await task
    assert not opening.usable
