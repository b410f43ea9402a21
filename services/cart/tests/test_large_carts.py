"""Carts that are larger than all that a process remembers: lines that an order gives back pass every limit."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from store_cart.adapters.cassandra import carts as adapter
from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.row_values import encode_lines
from store_cart.domain import Cart, Limits, Line, set_units
from store_cart.domain.ordering import give_back_lines
from store_kit.cassandra.keyspace import Cassandra, Row, Statement

from services.cart.tests.fakes import MUG, USER, line
from services.cart.tests.stores import LONG_MS

pytestmark = pytest.mark.anyio
MOST = adapter._LINES_REMEMBERED
HALF = MOST // 2 + 1


def lines_of(first: int, count: int) -> list[Line]:
    return [line(f"01936c7e-5b7a-7c3e-9f20-{number:012x}") for number in range(first, first + count)]


class OneCart:
    """A keyspace that has a cart, and what an order has taken of it; it makes every change."""

    def __init__(self, has: Sequence[Line], taken: Sequence[Line] = ()) -> None:
        self._cart: Row = (1, 1, encode_lines(has), "", {}, "commit 1")
        self._taken = encode_lines(taken)
        self.reads = 0

    async def one(self, _operation: str, _cql: str, _params: object) -> Row:
        self.reads += 1
        return self._cart

    async def all(self, _operation: str, _cql: str, _params: object) -> list[Row]:
        self.reads += 1
        operation = (None, None, None, None, None, "commit 0", "taken:order", "took", self._taken)
        return [(*self._cart, "cart", None, None), *([operation] if self._taken else [])]

    async def apply_and_resolve(self, _operation: str, *statements: Statement, proof: object) -> bool:
        assert proof
        _ttl, *cart, _lines, _units, commit_id, _key, _before = cast("tuple[Any, ...]", statements[0][1])
        self._cart, self._taken = (*cart, commit_id), b""
        return True


def store_on(db: OneCart) -> CassandraCartStore:
    return CassandraCartStore(cast("Cassandra", db), Limits(1_000, 4 * MOST), 3600)


@pytest.mark.parametrize("count", [MOST - 2, MOST - 1, MOST, MOST + 1])
async def test_a_cart_of_any_size_is_read_and_changed(count: int) -> None:
    """The largest that fits is remembered, which saves a read; a larger one is read each time."""
    db = OneCart(lines_of(0, count))
    store = store_on(db)
    for _ in range(2):
        assert len((await store.read_cart(USER)).lines) == count
    changed = lines_of(0, 1)[0]._replace(quantity=7)
    db.reads = 0
    await store.change_cart(USER, set_units(changed, None))
    assert db.reads == (count + 1 > MOST)
    found = await store.find_line(USER, changed.product_id)
    assert found is not None
    assert found.quantity == 7


async def test_lines_that_an_order_gives_back_are_there_however_many_they_are() -> None:
    """They come to those that were put into the cart in the meantime; the smaller cart is not believed any more."""
    db = OneCart(lines_of(0, HALF), taken=lines_of(HALF, HALF))
    store = store_on(db)
    assert len((await store.read_cart(USER)).lines) == HALF
    assert await store.change_cart(USER, give_back_lines("order", 2, LONG_MS)) == 2
    cart: Cart = await store.read_cart(USER)
    assert (cart.version, len(cart.lines)) == (2, 2 * HALF)
    db.reads = 0
    await store.change_cart(USER, set_units(line(MUG), None))
    assert db.reads == 1
