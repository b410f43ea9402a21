"""Any sequence of cart operations does what a plain dictionary would."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.sqlite.carts import SqliteCartStore
from store_cart.adapters.stores import SCHEMA
from store_cart.domain.carts import Limits, Ordered, Owner
from store_cart.problems import CartChanged, CartFull, CartMerged, KeyReused, QuantityLimit
from store_kit.problems import PreconditionFailed, Problem
from store_kit.sqlite.database import Sqlite

from services.cart.tests.fakes import CARD, CLOCK, GUEST, LAMP, MUG, USER, line
from services.cart.tests.stores import Carts
from tests.support.services import empty, fresh_keyspace, test_cluster

LIMITS = Limits(max_quantity=20, max_lines=3)
PRODUCTS = st.sampled_from((MUG, LAMP, CLOCK, CARD))
OWNERS = st.sampled_from((USER, GUEST))
QUANTITIES = st.integers(1, 21)
KEYS = st.none() | st.sampled_from(("a", "b"))
ORDERS = st.sampled_from(("order-3", "order-4"))
STEPS = st.one_of(
    st.tuples(st.just("add"), OWNERS, PRODUCTS, QUANTITIES, KEYS),
    st.tuples(st.just("put"), OWNERS, PRODUCTS, QUANTITIES),
    st.tuples(st.just("remove"), OWNERS, PRODUCTS),
    st.tuples(
        st.just("replace"), OWNERS, st.dictionaries(PRODUCTS, QUANTITIES), st.none() | st.integers(0, 5)
    ),
    st.tuples(st.just("merge")),
    st.tuples(
        st.just("subtract"), st.sampled_from(("order-1", "order-2")), st.dictionaries(PRODUCTS, QUANTITIES)
    ),
    st.tuples(st.just("take"), ORDERS, st.integers(-1, 0)),
    st.tuples(st.just("give_back"), ORDERS),
)


@dataclass
class Model:
    """Carts as dictionaries; raises the type of problem that the store must raise."""

    lines: dict[Owner, dict[str, int]] = field(default_factory=lambda: {USER: {}, GUEST: {}})
    versions: dict[Owner, int] = field(default_factory=lambda: {USER: 0, GUEST: 0})
    done: dict[Any, Any] = field(default_factory=dict)
    merged: bool = False
    taken: dict[str, dict[str, int] | None] = field(default_factory=dict)

    def add(self, owner: Owner, product: str, quantity: int, key: str | None) -> None:
        known = self.done.get((owner, key)) if key else None
        if known == (product, quantity):
            return
        if known:
            raise KeyReused
        more = self.lines[owner].get(product, 0) + quantity
        self._become(owner, self.lines[owner] | {product: more}, {product})
        if key:
            self.done[owner, key] = (product, quantity)

    def put(self, owner: Owner, product: str, quantity: int) -> None:
        self._become(owner, self.lines[owner] | {product: quantity}, {product})

    def remove(self, owner: Owner, product: str) -> None:
        if product in self.lines[owner]:
            self._become(owner, {p: q for p, q in self.lines[owner].items() if p != product})

    def replace(self, owner: Owner, lines: dict[str, int], version: int | None) -> None:
        if version is not None and version != self.versions[owner]:
            raise PreconditionFailed
        self._become(owner, lines, set(lines))

    def merge(self) -> None:
        if self.merged:
            return
        mine, fits = dict(self.lines[USER]), False
        for product, quantity in self.lines[GUEST].items():
            if product in mine or len(mine) < LIMITS.max_lines:
                had, fits = mine.get(product, 0), True
                mine[product] = max(had, min(had + quantity, LIMITS.max_quantity))
        if fits:
            self._become(USER, mine)
        self.lines[GUEST], self.merged = {}, True
        self.versions[GUEST] += 1

    def subtract(self, order: str, lines: dict[str, int]) -> None:
        if order not in self.done:
            self.done[order] = True
            left = {p: q - lines.get(p, 0) for p, q in self.lines[USER].items()}
            self._become(USER, {p: q for p, q in left.items() if q > 0})

    def take(self, order: str, behind: int) -> None:
        """Take the cart as it was `behind` versions ago."""
        if order in self.taken:
            if self.taken[order] is None:
                raise CartChanged
            return
        if behind:
            raise CartChanged
        self.taken[order] = self.lines[USER]
        self._become(USER, {})

    def give_back(self, order: str) -> None:
        lines = self.taken.get(order)
        self.taken[order] = None
        if lines is not None:
            mine = dict(self.lines[USER])
            for product, quantity in lines.items():
                mine[product] = mine.get(product, 0) + quantity
            self.lines[USER] = mine
            self.versions[USER] += 1

    def _become(self, owner: Owner, lines: dict[str, int], written: Collection[str] | None = None) -> None:
        """Change a cart; limits count for what a shopper writes, not for what comes back or goes."""
        if written is not None and len(lines) > LIMITS.max_lines:
            raise CartFull
        if any(lines[product] > LIMITS.max_quantity for product in written or ()):
            raise QuantityLimit
        if owner.is_guest and self.merged:
            raise CartMerged
        self.lines[owner] = dict(lines)
        self.versions[owner] += 1


async def apply(carts: Carts, number: int, name: str, *args: Any) -> None:
    match name, args:
        case "take", (order, behind):
            version = (await carts.read(USER)).version + behind
            await carts.take(USER, order, version, number)
        case "give_back", (order,):
            await carts.give_back(USER, order, number)
        case "add", (owner, product, quantity, key):
            await carts.add(owner, line(product, quantity, added_at_ms=number), key)
        case "put", (owner, product, quantity):
            await carts.put(owner, line(product, quantity, added_at_ms=number))
        case "remove", (owner, product):
            await carts.remove(owner, product, number)
        case "replace", (owner, lines, version):
            expected = None if version is None else {version}
            new = [line(p, q, added_at_ms=number) for p, q in lines.items()]
            await carts.replace(owner, new, number, expected)
        case "merge", ():
            await carts.merge(GUEST, USER, number)
        case "subtract", (order, lines):
            await carts.subtract(USER, order, [Ordered(*line) for line in lines.items()], number)


async def check(carts: Carts, model: Model, number: int, step: tuple[Any, ...]) -> None:
    """Do one step on both; they must agree on the outcome and on what is there afterwards."""
    expected: type[Problem] | None = None
    try:
        getattr(model, step[0])(*step[1:])
    except Problem as problem:
        expected = type(problem)
    if expected is None:
        await apply(carts, number, *step)
    else:
        # Where a step breaks two rules at once, which of them is named first does not matter.
        with pytest.raises((expected, CartFull, QuantityLimit, CartMerged)):
            await apply(carts, number, *step)
    for owner in (USER, GUEST):
        cart = await carts.read(owner)
        assert {found.product_id: found.quantity for found in cart.lines} == model.lines[owner]
        assert cart.version == model.versions[owner]


@dataclass
class Grounds:
    """Where examples run: an event loop, and a store that is empty for each of them."""

    runner: asyncio.Runner
    empty_store: Callable[[], AbstractAsyncContextManager[Carts]]
    examples: int

    def run(self, steps: list[tuple[Any, ...]]) -> None:
        self.runner.run(self._run(steps))

    async def _run(self, steps: list[tuple[Any, ...]]) -> None:
        async with self.empty_store() as carts:
            model = Model()
            for number, step in enumerate(steps, 1):
                await check(carts, model, number, step)


@contextlib.asynccontextmanager
async def on_sqlite() -> AsyncIterator[Carts]:
    with tempfile.TemporaryDirectory() as folder:
        database = Sqlite(Path(folder) / "cart.db", SCHEMA / "sqlite", synchronous="NORMAL")
        await database.open()
        try:
            yield Carts(SqliteCartStore(database, LIMITS))
        finally:
            await database.close()


@contextlib.contextmanager
def on_cassandra(runner: asyncio.Runner) -> Iterator[Grounds]:
    stack = contextlib.AsyncExitStack()
    keyspace = runner.run(stack.enter_async_context(fresh_keyspace("cart", SCHEMA / "cassandra")))

    @contextlib.asynccontextmanager
    async def empty_store() -> AsyncIterator[Carts]:
        await empty(keyspace)
        yield Carts(CassandraCartStore(keyspace, LIMITS, 3600))

    try:
        yield Grounds(runner, empty_store, examples=20)
    finally:
        runner.run(stack.aclose())


@pytest.fixture(params=["sqlite", *(["cassandra"] if test_cluster() else [])])
def grounds(request: pytest.FixtureRequest) -> Iterator[Grounds]:
    with asyncio.Runner() as runner:
        if request.param == "sqlite":
            yield Grounds(runner, on_sqlite, examples=80)
        else:
            with on_cassandra(runner) as opened:
                yield opened


def test_a_cart_behaves_like_a_dictionary_with_limits(grounds: Grounds) -> None:
    """Adds, sets, removals, replacements, merges and subtractions in any order agree with the model."""

    @given(st.lists(STEPS, max_size=25))
    @settings(max_examples=grounds.examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def agrees(steps: list[tuple[Any, ...]]) -> None:
        grounds.run(steps)

    agrees()
