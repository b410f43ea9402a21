import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from perf.bench.lives import Purchase, buy
from perf.bench.load import Connection, connect
from tests.support.canned import HANG_UP, answering

pytestmark = pytest.mark.anyio
TAKEN_BACK = '409 Conflict|{"type": "/problems#order-not-placed"}'


@asynccontextmanager
async def shop(*answers: str) -> AsyncIterator[tuple[int, list[str]]]:
    """Run a shop that gives one answer after the other; give its port and what it is asked."""
    asked: list[str] = []
    left = list(answers)

    def answer(request: str) -> str:
        asked.append(request)
        return left.pop(0)

    async with answering(answer) as port:
        yield port, asked
        assert left == []


async def bought(connection: Connection, products: Sequence[str]) -> int:
    """Buy and hang up."""
    again = await buy(connection, "token", Purchase(products))
    connection.close()
    return again


def routes(asked: Sequence[str]) -> list[str]:
    """Return methods and paths."""
    return [" ".join(request.split(" ", 2)[:2]) for request in asked]


def key(request: str) -> str:
    """Return the key of an order."""
    return request.partition("Idempotency-Key: ")[2].partition("\r\n")[0]


async def test_one_product_is_added_and_several_are_sent_at_once() -> None:
    """As people do; the order is placed when the cart has them."""
    for products, route in ((["a"], "POST /api/cart/items"), (["a", "b"], "PUT /api/cart/items")):
        async with shop("200 OK|", "201 Created|") as (port, asked):
            assert await bought(await connect(port), products) == 0
        assert routes(asked) == [route, "POST /api/orders"]


async def test_whoever_was_cut_off_while_placing_repeats_that_alone() -> None:
    """With its key, and without filling the cart again, which the order may have taken already."""
    purchase = Purchase(["a"])
    async with shop("200 OK|", HANG_UP, "201 Created|") as (port, asked):
        with pytest.raises(ConnectionError):
            await buy(await connect(port), "token", purchase)
        connection = await connect(port)
        await buy(connection, "token", purchase)
        connection.close()
    assert routes(asked) == ["POST /api/cart/items", "POST /api/orders", "POST /api/orders"]
    assert key(asked[1]) == key(asked[2]) == purchase.key


async def test_whoever_was_cut_off_while_filling_has_one_of_it() -> None:
    """Nobody knows whether it was added; so the cart is set."""
    purchase = Purchase(["a"])
    async with shop(HANG_UP, "200 OK|", "201 Created|") as (port, asked):
        with pytest.raises(ConnectionError):
            await buy(await connect(port), "token", purchase)
        connection = await connect(port)
        await buy(connection, "token", purchase)
        connection.close()
    assert routes(asked) == ["POST /api/cart/items", "PUT /api/cart/items", "POST /api/orders"]
    assert json.loads(asked[1].partition("\r\n\r\n")[2]) == {"items": [{"product_id": "a", "quantity": 1}]}


async def test_an_order_that_was_taken_back_is_placed_with_another_key() -> None:
    """Its old key stands for the order that was not placed."""
    async with shop("200 OK|", TAKEN_BACK, "201 Created|") as (port, asked):
        assert await bought(await connect(port), ["a"]) == 1
    assert key(asked[1]) != key(asked[2])


async def test_a_refused_order_is_an_error() -> None:
    """With what the shop said."""
    async with shop("200 OK|", "402 Payment Required|no") as (port, _):
        connection = await connect(port)
        with pytest.raises(RuntimeError, match="answered with 402: b'no'"):
            await buy(connection, "token", Purchase(["a"]))
        connection.close()
