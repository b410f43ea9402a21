"""A backup is the shop as of one moment: restored, it knows every order answered before, and its books agree."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.audit import audit
from tests.support.people import Answer, Person, administrator, customers
from tests.support.services import test_cluster
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SHOPPERS = 8


async def store(shop: EmbeddedShop, *arguments: str) -> tuple[int, dict[str, object]]:
    """Run a command of `store` beside a shop; return its exit code and what it says as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "store_cli", *arguments, "--json", "--data", str(shop.data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **shop.env},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(output)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    """Run an empty shop that may be stopped."""
    async with EmbeddedShop(tmp_path / "shop") as running:
        yield running


async def keep_ordering(buyer: Person, product: str, answered: list[Answer], enough: asyncio.Event) -> None:
    """Fill the cart and order, over and over."""
    while not enough.is_set():
        (await buyer.add(product)).expect(200)
        answered.append(await buyer.order())


async def restored(backup: Path, folder: Path) -> EmbeddedShop:
    """Return a shop, not yet started, on what a backup holds."""
    other = EmbeddedShop(folder)
    code, said = await store(other, "restore", str(backup))
    assert code == 0, said
    return other


async def test_a_backup_of_a_working_shop_is_right(
    shop: EmbeddedShop, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """While orders go on (on Cassandra: once they rest), a backup holds each that was answered before it began."""
    admin = await administrator(session, shop.url, shop.data_dir)
    product = await admin.create_product(stock=1_000_000)
    buyers = await customers(session, shop.url, SHOPPERS)
    answered: list[Answer] = []
    enough = asyncio.Event()
    work = [asyncio.create_task(keep_ordering(buyer, product, answered, enough)) for buyer in buyers]
    await until(lambda: len(answered) >= 10 * SHOPPERS, "orders go on")
    if test_cluster():
        enough.set()
        await asyncio.gather(*work)
        assert shop.process.stop() == 0
    before = [answer.expect(201)["id"] for answer in answered]
    code, said = await store(shop, "backup", str(tmp_path / "backup"))
    assert code == 0, said
    enough.set()
    await asyncio.gather(*work)
    shop.kill_all()

    async with await restored(tmp_path / "backup", tmp_path / "restored") as other:
        again = await administrator(session, other.url, other.data_dir)
        for order_id in before:
            found = (await again.ask("GET", f"/api/orders/{order_id}")).expect(200)
            assert found["status"] in ("CREATED", "PROCESSING", "SHIPPING", "DELIVERED")
        await Person(session, other.url).sign_in(buyers[0].email)
        await audit(other)


async def test_a_damaged_backup_is_refused(
    shop: EmbeddedShop, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A file that was altered, a folder in the way: nothing is restored, and the reason is said."""
    await (await administrator(session, shop.url, shop.data_dir)).create_product(stock=1)
    assert shop.process.stop() == 0
    backup = tmp_path / "backup"
    assert (await store(shop, "backup", str(backup)))[0] == 0
    code, said = await store(shop, "backup", str(backup))
    assert (code, "exists already" in str(said["error"])) == (1, True)
    code, said = await store(shop, "restore", str(backup))
    assert (code, "exists already" in str(said["error"])) == (1, True)
    victim = next(path for path in backup.iterdir() if path.suffix in (".db", ".gz"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    other = EmbeddedShop(tmp_path / "other")
    code, said = await store(other, "restore", str(backup))
    assert (code, "was altered" in str(said["error"])) == (1, True)
    assert not other.data_dir.exists()
