"""The stock of all products with what orders hold of it, as an audit reads it: shard by shard, in pages.

Several reads never see the same moment. So a product is shown only if its version was the same before its holds were
read and after; one that changed meanwhile is read again, alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from store_kit.cassandra.keyspace import Cassandra, DatabaseUnavailable

from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.domain import ActiveHold, ProductId, Stock, StockRow, order_of

_FOLLOWING: Final = (
    "SELECT id, sku, received, available, sold, stock_version FROM shelves"
    " WHERE shard = ? AND kind = 0 AND id > ? LIMIT ?"
)
_THESE: Final = (
    "SELECT id, sku, received, available, sold, stock_version FROM shelves"
    " WHERE shard = ? AND kind = 0 AND id IN ? AND ref = ''"
)
_HOLDS: Final = "SELECT id, ref, quantity FROM shelves WHERE shard = ? AND kind = 1 AND id IN ?"
_TRIES: Final = 50

_Quantities = Mapping[ProductId, tuple[str | None, Stock]]
_Holds = Mapping[ProductId, Sequence[ActiveHold]]


class StockPages:
    """Lists the stock of all products.

    Args:
        db: the keyspace.
        shards: how many there are.
    """

    def __init__(self, db: Cassandra, shards: Shards) -> None:
        self._db = db
        self._shards = shards

    async def list_stock(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next products behind one, in the order of shards and then of ids."""
        found: list[StockRow] = []
        shard = self._shards.of(after) if after else 0
        while len(found) < limit and shard < self._shards.count:
            wanted = limit - len(found)
            some = await self._of_shard(shard, after, wanted)
            found += some
            if len(some) < wanted:
                shard, after = shard + 1, ""
        return found

    async def _of_shard(self, shard: int, after: ProductId, limit: int) -> list[StockRow]:
        rows = await self._db.all("shelves.following", _FOLLOWING, (shard, after, limit))
        before = _quantities(rows)
        if not before:
            return []
        steady = await self._steady(shard, before)
        for product_id in before.keys() - steady.keys():
            steady |= await self._alone(shard, product_id)
        return [steady[product_id] for product_id in before]

    async def _steady(self, shard: int, before: _Quantities) -> dict[ProductId, StockRow]:
        """Return those of the products that are still as they were once their holds are read."""
        holds = await self._holds(shard, list(before))
        after = await self._these(shard, list(before))
        return {
            product_id: StockRow(product_id, sku, stock, tuple(holds.get(product_id, ())))
            for product_id, (sku, stock) in before.items()
            if after[product_id][1].version == stock.version
        }

    async def _alone(self, shard: int, product_id: ProductId) -> dict[ProductId, StockRow]:
        for _ in range(_TRIES):
            steady = await self._steady(shard, await self._these(shard, [product_id]))
            if steady:
                return steady
        raise DatabaseUnavailable(
            f"The stock of {product_id} changes faster than it can be listed; try again."
        )

    async def _these(self, shard: int, product_ids: Sequence[ProductId]) -> _Quantities:
        return _quantities(await self._db.all("shelves.these", _THESE, (shard, product_ids)))

    async def _holds(self, shard: int, product_ids: Sequence[ProductId]) -> _Holds:
        holds: dict[ProductId, list[ActiveHold]] = {}
        async for page in self._db.pages("shelves.holds", _HOLDS, (shard, product_ids)):
            for product_id, ref, quantity in page:
                holds.setdefault(product_id, []).append(ActiveHold(order_of(ref), quantity))
        return holds


def _quantities(rows: Iterable[Sequence[Any]]) -> _Quantities:
    return {row[0]: (row[1] or None, Stock(*row[2:])) for row in rows}
