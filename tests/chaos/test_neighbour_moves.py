"""A service comes back at another address, as a container does: the others find it by its name, without a restart."""

import sys
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.chaos.grounds import ENVIRONMENT, promoted
from tests.support.names import Names
from tests.support.people import customer
from tests.support.ports import lasting_port
from tests.support.shop import FourServices
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]
NAME: Final = "cart.test"
MOVED: Final = "127.0.0.2"
FOUND_WITHIN_S: Final = 5.0
"""A second for which its address is kept, and a circuit that closes again after another."""


async def test_a_neighbour_that_moves_is_found_again(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    """Orders, which need the cart, go on seconds after the cart came back at another address."""
    port = lasting_port()
    names = Names(tmp_path / "hosts", {NAME: "127.0.0.1"})
    where = {**ENVIRONMENT, "STORE_CART_URL": f"http://{NAME}:{port}"}
    shop = FourServices(tmp_path / "shop", where, program=names.program)
    shop.ports["cart"] = port
    async with shop:
        buyer = await customer(session, shop.url)
        product = await (await promoted(session, shop)).create_product(stock=9)
        (await buyer.add(product)).expect(200)
        (await buyer.order()).expect(201)
        (await buyer.add(product)).expect(200)
        await _move(shop, names)

        async def ordered() -> bool:
            return (await buyer.order()).status == 201

        await until(ordered, "an order is placed", FOUND_WITHIN_S)


async def _move(shop: FourServices, names: Names) -> None:
    shop.processes["cart"].kill()
    names.point(NAME, MOVED)
    command = [sys.executable, "-m", "store_cli", "run", "cart"]
    log = shop.data_dir / "cart.moved.log"
    shop.processes["cart"] = names.program(command, log, {**shop.env, "STORE_HOST": MOVED})
    shop.processes["cart"].start()
    url = f"http://{MOVED}:{shop.ports['cart']}/health/ready"
    await shop.wait_until_ready("cart", url)
