"""Fixtures of the crash tests: one shop of four processes for a module, as operators run it."""

import os
import random
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.chaos.grounds import ENVIRONMENT
from tests.support.shop import FourServices


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Keep one event loop for a module, so that its shop can be shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def four(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FourServices]:
    """Run the four services as `store run SERVICE` does, with the breaker as it is by default."""
    settings = {**ENVIRONMENT, "STORE_BREAKER_TTL_S": "2"}
    async with FourServices(tmp_path_factory.mktemp("four"), settings) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections for one test."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
def rng() -> random.Random:
    """Return a generator whose seed is printed; STORE_CHAOS_SEED repeats a run."""
    seed = int(os.environ.get("STORE_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"STORE_CHAOS_SEED={seed}")  # noqa: T201 - this is how a failed run is repeated
    return random.Random(seed)  # noqa: S311 - no secret, a seed repeats it
