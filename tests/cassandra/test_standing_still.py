"""A process that is stopped for a while, or debugged, goes on where it was."""

import time

import pytest

from tests.cassandra.proxied import Keyspaces

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
STANDS_STILL_S = 9.0
"""Longer than the heartbeat waits to ask for a sign of life, and then for the answer."""


async def test_a_loop_that_stands_still_keeps_its_connections(keyspaces: Keyspaces) -> None:
    """Nobody reads the heartbeat's answers meanwhile: that is no fault of the node."""
    database = await keyspaces.of("order")
    await database.check()
    time.sleep(STANDS_STILL_S)  # noqa: ASYNC251 - the fault
    await database.check()
    assert not database.lacks_majority()
