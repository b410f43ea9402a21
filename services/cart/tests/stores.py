"""The stores of both databases, as tests use them: a cart's changes are made by one call each."""

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store_cart.adapters.cassandra.carts import CassandraCartStore
from store_cart.adapters.sqlite.carts import SqliteCartStore
from store_cart.adapters.stores import SCHEMA
from store_cart.domain.carts import (
    Cart,
    CartSize,
    CartSummary,
    Limits,
    Line,
    LineChange,
    Ordered,
    Owner,
    Shown,
)
from store_cart.domain.changes import Versions, add_units, remove_line, replace_lines, set_units, show_prices
from store_cart.domain.merging import MergeReport
from store_cart.domain.ordering import give_back_lines, subtract_order, take_lines
from store_cart.ports import CartStore
from store_kit.cassandra.keyspace import Cassandra
from store_kit.shop import MOST_ORDER_LINES
from store_kit.sqlite.database import Sqlite

from tests.support.services import test_cluster

ADAPTERS: Final = ("sqlite", *(["cassandra"] if test_cluster() else []))
LIMITS: Final = Limits(max_quantity=1_000, max_lines=3)
WHOLESALE: Final = Limits(max_quantity=1_000, max_lines=MOST_ORDER_LINES)
LONG_MS: Final = 10**15
"""How long what counts once is known, where a test does not care."""


@dataclass
class Carts:
    """A store of carts."""

    store: CartStore

    async def read(self, owner: Owner) -> Cart:
        return await self.store.read_cart(owner)

    async def line(self, owner: Owner, product_id: str) -> Line | None:
        return await self.store.find_line(owner, product_id)

    async def add(
        self,
        owner: Owner,
        line: Line,
        key: str | None = None,
        versions: Collection[int] | None = None,
        remember_ms: int = LONG_MS,
    ) -> LineChange:
        change = add_units(line, frozen(versions), key=key, remember_ms=remember_ms)
        return await self.store.change_cart(owner, change)

    async def put(self, owner: Owner, line: Line, versions: Collection[int] | None = None) -> LineChange:
        return await self.store.change_cart(owner, set_units(line, frozen(versions)))

    async def remove(
        self, owner: Owner, product_id: str, at_ms: int, versions: Collection[int] | None = None
    ) -> LineChange:
        return await self.store.change_cart(owner, remove_line(product_id, at_ms, frozen(versions)))

    async def replace(
        self, owner: Owner, lines: Sequence[Line], at_ms: int, versions: Collection[int] | None = None
    ) -> CartSize:
        return await self.store.change_cart(owner, replace_lines(lines, at_ms, frozen(versions)))

    async def show(self, owner: Owner, shown: Sequence[Shown]) -> None:
        await self.store.change_cart(owner, show_prices(shown))

    async def subtract(
        self, user: Owner, order_id: str, ordered: Sequence[Ordered], at_ms: int, remember_ms: int = LONG_MS
    ) -> int:
        change = subtract_order(order_id, ordered, at_ms, remember_ms)
        return await self.store.change_cart(user, change)

    async def take(
        self, user: Owner, order_id: str, version: int, at_ms: int, remember_ms: int = LONG_MS
    ) -> int:
        return await self.store.change_cart(user, take_lines(order_id, version, at_ms, remember_ms))

    async def give_back(self, user: Owner, order_id: str, at_ms: int, remember_ms: int = LONG_MS) -> int:
        return await self.store.change_cart(user, give_back_lines(order_id, at_ms, remember_ms))

    async def merge(self, guest: Owner, user: Owner, at_ms: int, remember_ms: int = LONG_MS) -> MergeReport:
        return await self.store.merge_carts(guest, user, at_ms, remember_ms)

    async def is_merged(self, guest: Owner) -> bool:
        return await self.store.is_cart_merged(guest)

    async def page(self, after: Owner | None, limit: int) -> list[CartSummary]:
        return await self.store.list_carts(after, limit)

    async def sweep(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:
        return await self.store.sweep_carts(now_ms, guests_idle_since_ms, limit)


def frozen(versions: Collection[int] | None) -> Versions:
    return None if versions is None else frozenset(versions)


@dataclass
class Stores:
    """A store, and others over the same rows."""

    carts: Carts
    another: Carts
    """Of a second process."""
    large: Carts
    """Where wholesalers' carts fit."""
    brief: Carts
    """Where guests' carts do not live long."""


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Sqlite]:
    """Open a SQLite file of carts for the time of a test."""
    database = Sqlite(folder / "cart.db", SCHEMA / "sqlite")
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def on_sqlite(database: Sqlite) -> Stores:
    carts = Carts(SqliteCartStore(database, LIMITS))
    return Stores(carts, carts, Carts(SqliteCartStore(database, WHOLESALE)), carts)


def on_cassandra(keyspace: Cassandra) -> Stores:
    return Stores(
        Carts(CassandraCartStore(keyspace, LIMITS, 3600)),
        Carts(CassandraCartStore(keyspace, LIMITS, 3600)),
        Carts(CassandraCartStore(keyspace, WHOLESALE, 3600)),
        Carts(CassandraCartStore(keyspace, LIMITS, 1)),
    )
