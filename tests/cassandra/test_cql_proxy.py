"""The proxy does to a statement what it says, and nothing to the others."""

import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown
from store_kit.problems import Unavailable

from tests.cassandra.proxied import Keyspaces, through
from tests.support.cql_proxy import CqlProxy, Fault, Trap
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
INSERT = "INSERT INTO payments (payment_key, state) VALUES (?, ?) IF NOT EXISTS"
GET = "SELECT state FROM payments WHERE payment_key = ?"
PLAIN = "INSERT INTO orders (order_id, event_version, lines) VALUES (?, 1, ?)"
LINES = "SELECT lines FROM orders WHERE order_id = ?"


@pytest.fixture
async def direct(keyspaces: Keyspaces) -> Cassandra:
    return await keyspaces.of("order")


@pytest.fixture
async def proxied(proxy: CqlProxy, direct: Cassandra) -> AsyncIterator[Cassandra]:
    async with through(proxy, direct) as opened:
        yield opened


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


async def state(database: Cassandra, key: str) -> str | None:
    row = await database.one("payments.get", GET, (key,), serial=True)
    return row[0] if row else None


async def insert(database: Cassandra, key: str) -> bool:
    return await database.apply("payments.insert", (INSERT, (key, "OPEN")))


async def back(database: Cassandra) -> None:
    """Wait until the driver has connected again."""

    async def answers() -> bool:
        try:
            await database.check()
        except Unavailable:
            return False
        return True

    await until(answers, "the driver is connected again")


async def test_without_a_trap_everything_passes(proxy: CqlProxy, direct: Cassandra, key: str) -> None:
    """Conditional writes, batches, and rows of several segments come through unchanged, both ways."""
    large = bytes(range(256)) * 2_000
    # Nothing is lost here that would be waited for, so the timeout may be long.
    async with through(proxy, direct, timeout_s=10.0) as proxied:
        assert await insert(proxied, key)
        assert not await insert(proxied, key)
        assert await state(proxied, key) == "OPEN"
        await proxied.write("orders.insert", (PLAIN, (key, large)), (PLAIN, (key, large)))
        assert await proxied.one("orders.lines", LINES, (key,)) == (large,)
    assert await direct.one("orders.lines", LINES, (key,)) == (large,)


async def test_a_lost_request_does_not_happen(
    proxy: CqlProxy, proxied: Cassandra, direct: Cassandra, key: str
) -> None:
    """The client is in doubt; the node has heard nothing."""
    trap = proxy.set(Trap(INSERT, Fault.LOSE_REQUEST))
    with pytest.raises(DatabaseOutcomeUnknown):
        await insert(proxied, key)
    assert trap.sprung.is_set()
    assert await state(direct, key) is None
    await back(proxied)
    assert await insert(proxied, key)


async def test_a_lost_answer_hides_what_happened(
    proxy: CqlProxy, proxied: Cassandra, direct: Cassandra, key: str
) -> None:
    """The client is in doubt; the node has applied it. The second occurrence is left alone."""
    trap = proxy.set(Trap("INSERT INTO payments", Fault.LOSE_ANSWER))
    with pytest.raises(DatabaseOutcomeUnknown):
        await insert(proxied, key)
    assert [answer.says_applied for answer in trap.answers] == [True]
    assert await state(direct, key) == "OPEN"
    await back(proxied)
    assert not await insert(proxied, key)


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_what_is_held_arrives_late(
    proxy: CqlProxy, direct: Cassandra, key: str, *, hangs_up: bool
) -> None:
    """The client gives up waiting, or is gone altogether; later it happens all the same."""
    trap = proxy.set(Trap(INSERT, Fault.HOLD))
    async with through(proxy, direct) as proxied:
        with pytest.raises(DatabaseOutcomeUnknown):
            await insert(proxied, key)
        assert await state(proxied, key) is None, "the connection goes on meanwhile"
        if not hangs_up:
            await trap.release()
            assert not await insert(proxied, key)
    assert await state(direct, key) == (None if hangs_up else "OPEN")
    await trap.release()
    assert await state(direct, key) == "OPEN"
    assert [answer.says_applied for answer in trap.answers] == [True]


async def test_what_is_held_overtakes_its_repetition(
    proxy: CqlProxy, proxied: Cassandra, direct: Cassandra, key: str
) -> None:
    """The first try arrives right before the second, which finds that it is late."""
    proxy.set(Trap(INSERT, Fault.HOLD_UNTIL_NEXT))
    with pytest.raises(DatabaseOutcomeUnknown):
        await insert(proxied, key)
    assert await state(direct, key) is None
    assert not await insert(proxied, key)
    assert await state(direct, key) == "OPEN"


async def test_a_trap_can_catch_a_batch_and_what_follows_it(
    proxy: CqlProxy, proxied: Cassandra, key: str
) -> None:
    """A statement is recognised within a batch; the read that would resolve it can be lost as well."""
    trap = proxy.set(Trap(PLAIN, Fault.LOSE_ANSWER, next_too=True))
    with pytest.raises(DatabaseOutcomeUnknown):
        await proxied.write_once("orders.insert", (PLAIN, (key, b"1")), (PLAIN, (key, b"1")))

    async def read_is_lost() -> bool:
        with contextlib.suppress(Unavailable):
            await proxied.one("orders.lines", LINES, (key,))
        return len(trap.answers) == 2

    await until(read_is_lost, "a read was lost as well")
    await back(proxied)
    assert await proxied.one("orders.lines", LINES, (key,)) == (b"1",)
