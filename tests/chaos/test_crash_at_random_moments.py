"""SIGKILL at moments that nobody chose, while shoppers fill carts, order and cancel."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.forks import Forked
from tests.chaos.grounds import ENVIRONMENT, MODULE, Ground, Way, open_ground
from tests.chaos.shoppers import Shopper, Traffic
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SHOPPERS = 6
PRODUCTS = 20
STOCK = 100_000
GENTLE = 0.2
"""How many of the dead were told to end a moment before, and so die while they drain."""
STARTS = 15
TIMINGS = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.5",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.5",
    "STORE_ORDER_DELIVERY_MIN_S": "0.5",
    "STORE_ORDER_DELIVERY_MAX_S": "2",
}


@contextlib.asynccontextmanager
async def shopping(ground: Ground, rng: random.Random) -> AsyncIterator[Traffic]:
    """Keep shoppers busy while the block runs; afterwards let them finish what they are at."""
    products = [await ground.admin.create_product(stock=STOCK) for _ in range(PRODUCTS)]
    traffic, stop = Traffic(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SHOPPERS):
            shopper = Shopper(
                ground.session,
                ground.shop.url,
                products,
                traffic,
                random.Random(rng.random()),  # noqa: S311 - a seed repeats it
            )
            tasks.create_task(shopper.shop_until(stop))
        try:
            yield traffic
        finally:
            stop.set()


async def strike(ground: Ground, rng: random.Random) -> bool:
    """Kill the shop, or one of its services, at any moment, draining or not; start it again, soon or at once.

    Returns whether SIGKILL is what ended it: one that drains may have come to its end before.
    """
    await asyncio.sleep(rng.uniform(0.0, 0.5))
    victim = ground.shop.processes[rng.choice(sorted(ground.shop.processes))]
    if rng.random() < GENTLE:
        os.kill(victim.pid, signal.SIGTERM)
        await asyncio.sleep(rng.uniform(0.0, 0.2))
    victim.kill()
    killed = victim.exit_code == -signal.SIGKILL
    if ground.way == "four":
        await asyncio.sleep(rng.uniform(0.0, 0.5))
    await ground.revive()
    return killed


async def survive(ground: Ground, rng: random.Random, strikes: int) -> Traffic:
    """Kill so many times under load; then judge every visit and the whole shop."""
    killed = 0
    async with shopping(ground, rng) as traffic:
        while killed < strikes:
            killed += await strike(ground, rng)
    await ground.at_rest()
    books = await ground.books()
    for visit in traffic.visits:
        await visit.judge(books)
    audited = await ground.audited()
    assert audited["ok"], audited["violations"]
    assert audited["passing"] == 0
    print(  # noqa: T201 - the figures of the run
        f"{ground.way}: {killed} killed, {len(traffic.visits)} visits, {traffic.answered} answers, "
        f"{traffic.cut_off} cut off, {traffic.refused} answered 503, orders {audited['orders']}"
    )
    return traffic


@pytest.mark.parametrize(
    ("way", "strikes"),
    [
        pytest.param("embedded", 5),
        pytest.param("embedded", 50, marks=pytest.mark.chaos),
        pytest.param("four", 50, marks=pytest.mark.chaos),
    ],
)
async def test_random_moments(way: Way, strikes: int, rng: random.Random, tmp_path: Path) -> None:
    """However often the plug is pulled, nothing acknowledged is lost and the books are right."""
    async with open_ground(way, tmp_path, TIMINGS) as ground:
        traffic = await survive(ground, rng, strikes)
    assert traffic.cut_off >= strikes
    assert any(visit.answers for visit in traffic.visits)


@pytest.mark.chaos
async def test_killed_while_starting(rng: random.Random, tmp_path: Path) -> None:
    """A first start that was cut short anywhere, and a second one too, leave a folder on which a shop starts."""
    for number in range(STARTS):
        data_dir = tmp_path / str(number)
        for _ in range(2):
            shop = EmbeddedShop(data_dir, ENVIRONMENT, command=(MODULE, "up"), program=Forked)
            shop.process.start()
            await asyncio.sleep(rng.uniform(0.0, 0.4))
            shop.process.kill()
        async with open_ground("embedded", data_dir, TIMINGS) as ground:
            product_id = await ground.admin.create_product(stock=1)
            newcomer = await ground.newcomer()
            (await newcomer.add(product_id)).expect(200, 201)
            (await newcomer.order()).expect(201)
