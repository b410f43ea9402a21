"""Fixtures of the telemetry tests: one running stack for all of them, because it takes a minute to start."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.support.cassandra import Node
from tests.support.people import Person, customer
from tests.support.services import free_port
from tests.telemetry.programs import missing
from tests.telemetry.shopping import Shopping, open_shop
from tests.telemetry.stack import Stack, running

HERE = "tests/telemetry/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; others may run in the same session."""
    for item in items:
        if HERE in item.nodeid:
            item.add_marker(pytest.mark.telemetry)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Keep one event loop, so that the stack can be shared."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _everything_is_installed() -> None:
    """Say at once, and everything, that is missing."""
    if absent := missing():
        pytest.fail(
            "The telemetry tests run real programs. Missing:\n  " + "\n  ".join(absent), pytrace=False
        )


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Run a Cassandra whose JMX agent is on."""
    data = tmp_path_factory.mktemp("cassandra")
    with Node.alone(data, CASS_METRICS=str(free_port())) as started:
        yield started


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, node: Node) -> AsyncIterator[Stack]:
    """Run the shop and all that watches it."""
    async with running(tmp_path_factory.mktemp("stack"), node) as started:
        yield started


@pytest.fixture(scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture(scope="session")
async def admin(session: aiohttp.ClientSession, stack: Stack) -> Person:
    """Return somebody who was made an administrator, signed in."""
    person = await customer(session, stack.url)
    await stack.shop.promote(person.email)
    return await person.sign_in(person.email)


@pytest.fixture(scope="session")
async def shopping(session: aiohttp.ClientSession, stack: Stack, admin: Person) -> Shopping:
    """Return customers-to-be, with something on the shelves."""
    return await open_shop(session, stack.url, admin)


@pytest.fixture(scope="session")
async def people(shopping: Shopping) -> list[Person]:
    """Return ten customers."""
    return [await shopping.customer() for _ in range(10)]
