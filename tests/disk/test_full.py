"""A full disk under a working shop: it says so, loses nothing, and goes on by itself when there is room again."""

from pathlib import Path

import aiohttp
import pytest

from tests.disk.conftest import Disk
from tests.support.audit import audit
from tests.support.commands import answer_of, said_by
from tests.support.people import Answer, Person, administrator, customer
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.disk]
ENOUGH = 400
"""Writes after which what a file had in reserve is used up."""


def must_be_full(answer: Answer) -> None:
    """Pass an answer that says what is the matter and when to ask again."""
    assert (answer.status, answer.slug) == (503, "database-unavailable"), answer.body
    assert int(answer.headers["Retry-After"]) >= 1
    assert b"Nothing was changed" in answer.body


async def refused(buyer: Person, product: str) -> Answer:
    """Return the first answer to adding to a cart that is not a success: until then there was room in reserve."""
    for _ in range(ENOUGH):
        answer = await buyer.add(product)
        if answer.status != 200:
            return answer
    raise AssertionError("the disk is not full")


async def health(session: aiohttp.ClientSession, shop: EmbeddedShop) -> tuple[int, str]:
    """Return what the health page answers."""
    async with session.get(shop.url("/api/system/health")) as answer:
        return answer.status, await answer.text()


async def test_a_full_disk_is_said_and_nothing_is_lost(disk: Disk, session: aiohttp.ClientSession) -> None:
    """Writes are 503 with the reason, reads go on, health is red; with room again all goes on, and one order is one.

    An order that was refused and is repeated with its key when there is room is one order and one charge.
    """
    async with EmbeddedShop(disk.place / "shop") as shop:
        admin = await administrator(session, shop.url, shop.data_dir)
        product = await admin.create_product(stock=10_000)
        ann, bob = await customer(session, shop.url), await customer(session, shop.url)
        for _ in range(3):
            (await ann.add(product)).expect(200)
        disk.fill()
        must_be_full(await refused(bob, product))
        must_be_full(await ann.add(product))
        ordered = await ann.order(key="the-same")
        assert ordered.status == 503, ordered.body
        async with session.get(shop.url(f"/api/products/{product}")) as answer:
            assert answer.status == 200

        async def red() -> bool:
            status, text = await health(session, shop)
            return status == 503 and "its disk is full" in text

        await until(red, "the health page says that the disk is full")
        code, said = await answer_of("backup", str(disk.place / "b"), data=shop.data_dir, env=shop.env)
        assert (code, said["ok"]) == (1, False)
        code, said = await answer_of("doctor", data=shop.data_dir, env=shop.env)
        assert (code, said["ok"]) == (1, False)
        code, said = await answer_of("audit", "--base-url", shop.base_url, data=shop.data_dir, env=shop.env)
        assert (code, said["ok"]) == (1, False)

        disk.free()

        async def green() -> bool:
            return (await health(session, shop))[0] == 200

        await until(green, "the shop is healthy again")
        again = (await ann.order(key="the-same")).expect(200, 201)
        assert (await ann.order(key="the-same")).expect(200, 201)["id"] == again["id"]
        orders = (await ann.ask("GET", "/api/orders")).expect(200)["items"]
        assert [order["id"] for order in orders] == [again["id"]]
        await audit(shop)
        assert "Traceback" not in shop.process.output()


async def test_a_start_on_a_full_disk_says_so(disk: Disk, tmp_path: Path) -> None:
    """Neither a first start nor a later one ends in a traceback, and both say that the disk is full."""
    async with EmbeddedShop(disk.place / "shop") as shop:
        assert shop.process.stop() == 0
    disk.fill()
    for folder in (shop.data_dir, disk.place / "new"):
        code, output, complaints = await said_by(
            "up", "--port", str(shop.ports["gateway"]), data=folder, env=shop.env
        )
        assert code == 1, complaints
        assert "full" in output + complaints or "No space left" in output + complaints
    env = shop.env | {"STORE_DATA_DIR": ""}
    disk.free()
    code, said = await answer_of("backup", str(tmp_path / "b"), data=shop.data_dir, env=env)
    assert code == 0, said
    disk.fill()
    code, said = await answer_of("restore", str(tmp_path / "b"), data=disk.place / "restored", env=env)
    assert (code, said["ok"]) == (1, False)
    assert not (disk.place / "restored").exists()
