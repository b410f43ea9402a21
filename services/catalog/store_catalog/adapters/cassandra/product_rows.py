"""How products are read from Cassandra: with their stock, both in one row and so as of the same moment."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from store_kit.cassandra.keyspace import Cassandra

from store_catalog.adapters.cassandra.shards import AT_ONCE, Shards, each
from store_catalog.domain import Product, ProductId

_THESE: Final = (
    "SELECT id, sku, name, description, category, price_minor, version, created_ms, updated_ms, available,"
    " stock_version, deleted FROM shelves WHERE shard = ? AND kind = 0 AND id IN ? AND ref = ''"
)
_FOLLOWING: Final = (
    "SELECT id, sku, name, description, category, price_minor, version, created_ms, updated_ms, available,"
    " stock_version, deleted FROM shelves WHERE shard = ? AND kind = 0 AND id > ? LIMIT ?"
)
_ROWS_AT_ONCE: Final = 500
_LONGEST_ID: Final = 255
"""No id is longer; a key of 64 kB would be refused by the database."""


class ProductRows:
    """Reads products.

    Args:
        db: the keyspace.
        shards: where they are.
    """

    def __init__(self, db: Cassandra, shards: Shards) -> None:
        self._db = db
        self._shards = shards

    async def find(self, product_ids: Iterable[ProductId], *, serial: bool = False) -> list[Product]:
        """Return those of the products that exist, deleted ones too."""
        divided = self._shards.divide(one for one in dict.fromkeys(product_ids) if len(one) <= _LONGEST_ID)
        parts = [
            (shard, ids[at : at + _ROWS_AT_ONCE])
            for shard, ids in divided.items()
            for at in range(0, len(ids), _ROWS_AT_ONCE)
        ]

        async def read(part: tuple[int, list[ProductId]]) -> list[Product]:
            return [_product(row) for row in await self._db.all("products.get", _THESE, part, serial=serial)]

        return [product for found in await each(read, parts) for product in found]

    async def scan(self, after: ProductId, limit: int) -> list[Product]:
        """Return live products behind one by id, from dozens of shards at a time; none when there are no more.

        By id is by age, and a read model that is built in that order costs two thirds of one built shard by shard.
        """
        first = self._shards.of(after) // AT_ONCE * AT_ONCE if after else 0
        while first < self._shards.count:
            shards = range(first, min(first + AT_ONCE, self._shards.count))
            rows = await self._merged(shards, after, limit)
            live = [product for product in rows if not product.deleted]
            if live:
                return live
            first, after = (first, rows[-1].id) if rows else (first + AT_ONCE, "")
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
