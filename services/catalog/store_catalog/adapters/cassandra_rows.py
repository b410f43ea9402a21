"""How products are read from Cassandra: with their stock, both in one row and so of one moment."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

from store_kit.cassandra import Cassandra

from store_catalog.adapters.cassandra_shards import Shards
from store_catalog.domain import Product, ProductId

T = TypeVar("T")
R = TypeVar("R")
_THESE: Final = (
    "SELECT id, sku, name, description, category, price_minor, version, created_ms, updated_ms, available,"
    " stock_version, deleted FROM shelves WHERE shard = ? AND kind = 0 AND id IN ? AND ref = ''"
)
_FOLLOWING: Final = (
    "SELECT id, sku, name, description, category, price_minor, version, created_ms, updated_ms, available,"
    " stock_version, deleted FROM shelves WHERE shard = ? AND kind = 0 AND id > ? LIMIT ?"
)
_AT_ONCE: Final = 64
"""The most statements that one call has under way."""
_ROWS_AT_ONCE: Final = 500
_LONGEST_ID: Final = 255
"""No id is longer; a key of 64 kB would be refused by the database."""


async def each(work: Callable[[T], Awaitable[R]], things: Sequence[T]) -> list[R]:
    """Do the same for many things, some tens at a time; return the results in their order.

    An error is raised when nothing is under way any more.
    """
    results: list[R] = []
    for at in range(0, len(things), _AT_ONCE):
        some = await asyncio.gather(*map(work, things[at : at + _AT_ONCE]), return_exceptions=True)
        for result in some:
            if isinstance(result, BaseException):
                raise result
            results.append(result)
    return results


class Rows:
    """Reads products.

    Args:
        db: the keyspace.
        shards: where they are.
    """

    def __init__(self, db: Cassandra, shards: Shards) -> None:
        self._db = db
        self._shards = shards

    async def products(self, product_ids: Iterable[ProductId], *, serial: bool = False) -> list[Product]:
        """Return those of the products that exist, deleted ones too."""
        divided: dict[int, list[ProductId]] = {}
        for product_id in dict.fromkeys(product_ids):
            if len(product_id) <= _LONGEST_ID:
                divided.setdefault(self._shards.of(product_id), []).append(product_id)
        parts = [
            (shard, ids[at : at + _ROWS_AT_ONCE])
            for shard, ids in divided.items()
            for at in range(0, len(ids), _ROWS_AT_ONCE)
        ]

        async def read(part: tuple[int, list[ProductId]]) -> list[Product]:
            return [_product(row) for row in await self._db.all("products.get", _THESE, part, serial=serial)]

        return [product for found in await each(read, parts) for product in found]

    async def following(self, after: ProductId, limit: int) -> list[Product]:
        """Return live products behind one, some tens of shards at a time by id; none when there are no more.

        By id is by age, and a read model that is built in that order costs two thirds of one built shard by shard.
        """
        first = self._shards.of(after) // _AT_ONCE * _AT_ONCE if after else 0
        while first < self._shards.count:
            shards = range(first, min(first + _AT_ONCE, self._shards.count))
            rows = await self._merged(shards, after, limit)
            live = [product for product in rows if not product.deleted]
            if live:
                return live
            first, after = (first, rows[-1].id) if rows else (first + _AT_ONCE, "")
        return []

    async def _merged(self, shards: range, after: ProductId, limit: int) -> list[Product]:
        """Return products behind one by id, deleted ones too, from several shards; none when there are no more."""
        of_each = max(1, limit // len(shards))

        async def read(shard: int) -> list[Product]:
            rows = await self._db.all("products.scan", _FOLLOWING, (shard, after, of_each))
            return [_product(row) for row in rows]

        parts = await each(read, shards)
        # A shard that gave as many as were asked for may have more behind them: there the order ends.
        end = min((part[-1].id for part in parts if len(part) == of_each), default=None)
        known = [product for part in parts for product in part if end is None or product.id <= end]
        return sorted(known, key=attrgetter("id"))[:limit]


def _product(row: Sequence[Any]) -> Product:
    product_id, sku, *rest = row
    return Product(product_id, sku or None, *rest)
