"""Stock and reservations in Cassandra (PROTOCOLS 1 and 2).

Every step is a compare-and-set that anybody may repeat: who finds a reservation half way goes on from there.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from store_catalog.adapters.cassandra_attempts import Attempts
from store_catalog.adapters.cassandra_books import CassandraBooks
from store_catalog.adapters.cassandra_endings import Endings
from store_catalog.adapters.cassandra_hints import Hints
from store_catalog.adapters.cassandra_kept import Kept
from store_catalog.adapters.cassandra_operations import Adjust
from store_catalog.adapters.cassandra_shelves import Shelves
from store_catalog.domain import Adjustment, Line, OrderId, ProductId, Reservation, StockRow
from store_catalog.ports import Adjusted

_AT_ONCE: Final = 500


class CassandraStockStore:
    """StockStore on the catalogue's keyspace.

    Args:
        shelves: where reservations and quantities change.
        hints: where is found what stopped half way.
        attempts: holds.
        endings: releases and ships.
        books: what an audit reads.
    """

    def __init__(
        self,
        shelves: Shelves,
        hints: Hints,
        attempts: Attempts,
        endings: Endings,
        books: CassandraBooks,
    ) -> None:
        self._shelves = shelves
        self._hints = hints
        self._attempts = attempts
        self._endings = endings
        self._books = books

    async def reserve(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line or none."""
        return await self._attempts.reserve(order_id, lines, not_after_ms)

    async def release(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds, or leave a marker."""
        return await self._endings.release(order_id)

    async def ship(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units."""
        return await self._endings.ship(order_id)

    async def adjust(self, adjustment: Adjustment) -> Adjusted:
        """Change what was received, once per operation id, as long as that is known: for a day."""
        shard = self._shelves.shards.of(adjustment.product_id)
        adjusted: Adjusted = await self._shelves.submit(shard, Adjust(adjustment))
        return adjusted

    async def page(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next products' stock, each of one moment."""
        return await self._books.page(after, limit)

    async def unfinished(self, older_than_ms: int, limit: int) -> list[Reservation]:
        """Return reservations that are in a passing state since before a time."""
        found: dict[OrderId, Reservation] = {}
        hints = await self._hints.waiting(older_than_ms)
        for at in range(0, len(hints), _AT_ONCE):
            some = hints[at : at + _AT_ONCE]
            kept = await self._kept({order_id for _, order_id in some})
            passing = {order_id: one for order_id, one in kept.items() if one.state.passing}
            self._hints.finish([hint for hint in some if hint[1] not in passing])
            for order_id, one in passing.items():
                if one.state.meaning is not None and one.updated_ms < older_than_ms:
                    found[order_id] = Reservation(order_id, one.state.meaning)
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    async def finish(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """End a reservation that is still in a passing state since before then."""
        return await self._endings.finish(order_id, older_than_ms)

    async def expire(self, older_than_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: what is left of reservations expires by itself."""
        return 0

    async def _kept(self, order_ids: set[OrderId]) -> dict[OrderId, Kept]:
        parts = self._shelves.by_shard(dict.fromkeys(order_ids))
        found = await asyncio.gather(*(self._shelves.of(shard).find(some) for shard, some in parts.items()))
        return {order_id: one for part in found for order_id, one in part.items()}
