"""Loads of many products that are killed in the middle and started again; on either database."""

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from store_cli.seed.products import products
from store_cli.shop.client import ATTEMPT_TIMEOUT_S

from tests.support.people import Person, administrator
from tests.support.ports import hold_port, port_of
from tests.support.shop import EmbeddedShop, Process
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SHELF = 2_500
"""Products of a load: five batches."""
BATCH = 500
TO_THE_END_S = 60.0
_KEPT = ("Authorization", "Content-Type")
Forward = Callable[[], Awaitable[web.Response]]
Meddle = Callable[[int, Forward], Awaitable[web.Response]]
"""Decides what becomes of a batch, by its number (from 1)."""


@contextlib.asynccontextmanager
async def between(shop: EmbeddedShop, meddle: Meddle) -> AsyncIterator[str]:
    """Stand between a load and the shop while the block runs, and meddle with one batch after the other."""
    turns, numbers = asyncio.Lock(), iter(range(1, 1_000_000))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def forward(request: web.Request, body: bytes) -> web.Response:
            kept = {name: request.headers[name] for name in _KEPT if name in request.headers}
            try:
                async with session.request(
                    request.method, shop.url(request.path_qs), data=body, headers=kept
                ) as answer:
                    return web.Response(
                        status=answer.status, body=await answer.read(), content_type=answer.content_type
                    )
            except aiohttp.ClientError:
                return web.Response(status=502)

        async def serve(request: web.Request) -> web.Response:
            body = await request.read()
            if request.path != "/api/products/batch":
                return await forward(request, body)
            async with turns:
                return await meddle(next(numbers), lambda: forward(request, body))

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        with hold_port() as holder:
            try:
                await web.TCPSite(runner, "127.0.0.1", port_of(holder)).start()
                yield f"http://127.0.0.1:{port_of(holder)}"
            finally:
                await runner.cleanup()


def load(shop: EmbeddedShop, base_url: str, log: Path) -> Process:
    """Return `store seed`, not yet started."""
    options = ["--products", str(SHELF), "--base-url", base_url, "--data", str(shop.data_dir), "--json"]
    return Process([sys.executable, "-m", "store_cli", "seed", *options], log, {})


async def to_the_end(seeding: Process) -> dict[str, int]:
    """Return what a load reports, which must be success."""
    await until(lambda: not seeding.alive, "the load has ended", TO_THE_END_S)
    assert seeding.exit_code == 0, seeding.output()
    report: dict[str, int] = json.loads(seeding.output().splitlines()[-1])
    return report


async def pages(admin: Person, path: str) -> list[dict[str, Any]]:
    """Return all items of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await admin.ask("GET", f"{path}?limit=100{cursor}")).expect(200)
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def must_have_all_of_it_once(admin: Person) -> None:
    """Compare the stock in the truth and the lists with what was to be loaded: everything, and nothing else."""
    stock = await pages(admin, "/api/admin/stock")
    assert Counter((row["sku"], row["received"]) for row in stock) == Counter(
        (p.sku, p.stock) for p in products(SHELF)
    )

    async def all_listed() -> bool:
        return len(await pages(admin, "/api/products")) >= SHELF

    await until(all_listed, "the load is listed")
    listed = await pages(admin, "/api/products")
    assert Counter((item["sku"], item["name"], item["price_minor"]) for item in listed) == Counter(
        (p.sku, p.name, p.price_minor) for p in products(SHELF)
    )


async def test_a_load_that_is_killed_goes_on_and_doubles_nothing(tmp_path: Path) -> None:
    """SIGKILL while a batch is stored whose answer has not come: started again, the load adds exactly the rest."""
    answered = asyncio.Event()

    async def keep_the_third_answer(number: int, forward: Forward) -> web.Response:
        answer = await forward()
        if number == 3:
            answered.set()
            await asyncio.sleep(ATTEMPT_TIMEOUT_S)
        return answer

    async with EmbeddedShop(tmp_path) as shop, aiohttp.ClientSession() as session:
        admin = await administrator(session, shop.url, shop.data_dir)
        async with between(shop, keep_the_third_answer) as address:
            first = load(shop, address, tmp_path / "first.log")
            first.start()
            await asyncio.wait_for(answered.wait(), TO_THE_END_S)
            first.kill()
        second = load(shop, shop.base_url, tmp_path / "second.log")
        second.start()
        assert await to_the_end(second) == {"created": SHELF - 3 * BATCH, "existing": 3 * BATCH}
        await must_have_all_of_it_once(admin)


async def test_a_load_outlives_a_shop_that_is_killed_under_it(tmp_path: Path) -> None:
    """SIGKILL of the shop while it stores a batch: the load waits, repeats the batch and doubles nothing."""
    async with EmbeddedShop(tmp_path) as shop, aiohttp.ClientSession() as session:
        admin = await administrator(session, shop.url, shop.data_dir)

        async def pull_the_plug_in_the_third(number: int, forward: Forward) -> web.Response:
            under_way = asyncio.ensure_future(forward())
            if number == 3:
                await asyncio.wait((under_way,), timeout=random.uniform(0, 0.05))  # noqa: S311 - any moment will do
                shop.process.kill()
                await under_way
                await shop.start()
                return web.Response(status=502)
            return await under_way

        async with between(shop, pull_the_plug_in_the_third) as address:
            seeding = load(shop, address, tmp_path / "load.log")
            seeding.start()
            report = await to_the_end(seeding)
        assert report["created"] + report["existing"] == SHELF
        await must_have_all_of_it_once(admin)
