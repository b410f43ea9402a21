"""What a shop does with memory that it needed for a while."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.people import customers
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
_OF_A_HASH_MB = 19
"""The default. Blocks of over 32 MB are given back at once in any case."""
_FULL_COST = {"STORE_USER_ARGON2_MEMORY_KIB": str(_OF_A_HASH_MB * 1024)}


def own_mb(pid: int) -> float:
    """Return the memory of a process in MB, without what it maps of files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_memory_of_passwords_is_given_back(tmp_path: Path) -> None:
    """While people register, hashes take their memory; when nobody comes any more it is free for others."""
    async with EmbeddedShop(tmp_path, _FULL_COST) as shop, aiohttp.ClientSession() as session:
        people = asyncio.ensure_future(customers(session, shop.url, 4))
        most = 0.0
        while not people.done():
            most = max(most, own_mb(shop.process.pid))
            await asyncio.sleep(0.005)
        await people
        await until(lambda: own_mb(shop.process.pid) < most - 0.75 * _OF_A_HASH_MB, "memory is given back")
