"""Any interleaving of holds, releases, shipments and adjustments keeps the books of every adapter straight."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from store_catalog.domain.products import Product
from store_catalog.domain.reservations import Line
from store_catalog.domain.stock import Adjustment
from store_catalog.problems import InsufficientStock, ReservationReleased, ReservationShipped, StockBelowZero

from services.catalog.tests.stores import (
    ADAPTERS,
    FAR_MS,
    Stores,
    assert_equation,
    cassandra_stores,
    catalog_keyspace,
    sqlite_stores,
)

T = TypeVar("T")
PRODUCTS = 3
ORDERS = st.sampled_from([f"order-{n}" for n in range(6)])
LINES = st.dictionaries(st.integers(0, PRODUCTS - 1), st.integers(1, 4), min_size=1)
REFUSALS = (InsufficientStock, ReservationReleased, ReservationShipped, StockBelowZero)


@dataclass
class Books:
    """The simplest thing that could keep stock: what the adapter must agree with."""

    available: list[int]
    received: list[int]
    sold: list[int]
    held: dict[str, dict[int, int]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)

    def reserve(self, order: str, lines: dict[int, int]) -> str:
        if order in self.ended:
            return self.ended[order]
        if order in self.held:
            return "held"
        if any(self.available[product] < quantity for product, quantity in lines.items()):
            return "short"
        for product, quantity in lines.items():
            self.available[product] -= quantity
        self.held[order] = lines
        return "held"

    def end(self, order: str, end: str) -> str:
        if order in self.ended:
            return self.ended[order]
        if order not in self.held and end == "shipped":
            return "released"
        for product, quantity in self.held.pop(order, {}).items():
            (self.available if end == "released" else self.sold)[product] += quantity
        self.ended[order] = end
        return end

    def adjust(self, product: int, delta: int) -> str:
        if self.available[product] + delta < 0:
            return "below"
        self.available[product] += delta
        self.received[product] += delta
        return "adjusted"


class StockMachine(RuleBasedStateMachine):
    """Does the same to the adapter and to the books; after every step they must agree."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    empty_stores: ClassVar[Callable[[], AbstractAsyncContextManager[Stores]]]

    def __init__(self) -> None:
        super().__init__()
        self.context = type(self).empty_stores()
        self.stores = self.run(self.context.__aenter__())
        self.operations = 0

    def run(self, doing: Awaitable[T]) -> T:
        async def do() -> T:
            return await doing

        return self.loop.run_until_complete(do())

    def outcome(self, doing: Awaitable[Any], done: str) -> str:
        """Return `done`, or what the adapter's refusal means."""
        meanings = dict(zip(REFUSALS, ("short", "released", "shipped", "below"), strict=True))
        try:
            self.run(doing)
        except REFUSALS as refusal:
            return meanings[type(refusal)]
        return done

    @initialize(stock=st.lists(st.integers(0, 9), min_size=PRODUCTS, max_size=PRODUCTS))
    def open_the_shop(self, stock: list[int]) -> None:
        self.products: list[Product] = [self.run(self.stores.product(units)) for units in stock]
        self.books = Books(list(stock), list(stock), [0] * PRODUCTS)

    @rule(order=ORDERS, lines=LINES)
    def reserve(self, order: str, lines: dict[int, int]) -> None:
        wanted = [Line(self.products[product].id, quantity) for product, quantity in lines.items()]
        got = self.outcome(self.stores.stock.reserve_stock(order, wanted, FAR_MS), "held")
        assert got == self.books.reserve(order, lines)

    @rule(order=ORDERS)
    def release(self, order: str) -> None:
        assert self.outcome(self.stores.stock.release_stock(order), "released") == self.books.end(
            order, "released"
        )

    @rule(order=ORDERS)
    def ship(self, order: str) -> None:
        assert self.outcome(self.stores.stock.ship_stock(order), "shipped") == self.books.end(
            order, "shipped"
        )

    @rule(product=st.integers(0, PRODUCTS - 1), delta=st.integers(-9, 9), times=st.integers(1, 3))
    def adjust(self, product: int, delta: int, times: int) -> None:
        self.operations += 1
        adjustment = Adjustment(self.products[product].id, delta, "count", f"op-{self.operations}")
        expected = self.books.adjust(product, delta)
        for _ in range(times if expected == "adjusted" else 1):
            assert self.outcome(self.stores.stock.adjust_stock(adjustment), "adjusted") == expected

    @rule(orders=st.lists(ORDERS, min_size=2, max_size=5), lines=LINES)
    def release_and_reserve_at_once(self, orders: list[str], lines: dict[int, int]) -> None:
        """Calls that wait together are served in the order in which they came."""
        wanted = [Line(self.products[product].id, quantity) for product, quantity in lines.items()]

        async def together() -> list[object]:
            calls = [
                call
                for order in orders
                for call in (
                    self.stores.stock.reserve_stock(order, wanted, FAR_MS),
                    self.stores.stock.release_stock(order),
                )
            ]
            return list(await asyncio.gather(*calls, return_exceptions=True))

        answers = self.run(together())
        assert all(not isinstance(a, BaseException) or isinstance(a, REFUSALS) for a in answers)
        for order in orders:
            self.books.reserve(order, lines)
            self.books.end(order, "released")

    @invariant()
    def the_books_agree(self) -> None:
        rows = self.run(self.stores.rows())
        assert_equation(list(rows.values()))
        for number, product in enumerate(getattr(self, "products", [])):
            stock = rows[product.id].stock
            assert (stock.received, stock.available, stock.sold) == (
                self.books.received[number],
                self.books.available[number],
                self.books.sold[number],
            )
            holds = {hold.order_id: hold.quantity for hold in rows[product.id].holds}
            assert holds == {o: lines[number] for o, lines in self.books.held.items() if number in lines}

    def teardown(self) -> None:
        self.run(self.context.__aexit__(None, None, None))


@contextlib.asynccontextmanager
async def in_new_folder() -> AsyncIterator[Stores]:
    """Open the SQLite adapter somewhere."""
    with tempfile.TemporaryDirectory() as folder:
        async with sqlite_stores(Path(folder)) as stores:
            yield stores


def check(empty_stores: Callable[[], AbstractAsyncContextManager[Stores]], loop: Any, examples: int) -> None:
    """Try some histories on an adapter."""
    members = {"empty_stores": staticmethod(empty_stores), "loop": loop}
    checks = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(type("Machine", (StockMachine,), members), settings=checks)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_books_are_straight_whatever_happens(adapter: str) -> None:
    """After every step of any history the adapter agrees with a model that a child could check."""
    with asyncio.Runner() as runner:
        if adapter == "sqlite":
            check(in_new_folder, runner.get_loop(), 30)
            return
        context = catalog_keyspace()
        keyspace = runner.run(context.__aenter__())
        assert keyspace is not None

        @contextlib.asynccontextmanager
        async def emptied() -> AsyncIterator[Stores]:
            yield await cassandra_stores(keyspace)

        check(emptied, runner.get_loop(), 10)
        runner.run(context.__aexit__(None, None, None))
